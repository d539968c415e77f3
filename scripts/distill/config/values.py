"""Values that a recipe can hold and no job can use: looked at when the configuration is read.

They are no part of the recipes, which jobs parse, so that what is refused here re-makes nothing.
"""

import os
import re
from collections.abc import Iterator
from typing import Any

from distill.config.mistakes import LONGEST_NAME
from distill.config.recipes import (
    CorpusRecipe,
    DatasetRecipe,
    DecodingRecipe,
    LoraRecipe,
    ModelRecipe,
    PublishedRecipe,
    Recipe,
    Rows,
    ScratchModel,
    ServeRecipe,
    ServerRecipe,
    Settings,
    StudyRecipe,
    VllmRecipe,
)
from distill.config.recipes.studies import GapRecipe
from distill.config.recipes.trainings import FineTuning, OnPolicy

COMMIT = re.compile(r"[0-9a-f]{40}")
LARGEST_LR = 1.0  # of AdamW and Adafactor, whose updates are about as large as the learning rate
HOTTEST = 10.0  # temperature
# The most of what is counted; a larger number is a slip of the hand, and would be found by a job that has its GPU.
MOST = {
    **dict.fromkeys(("cutoff", "max_new_tokens", "max_model_len", "pack_tokens", "context"), 2**24),
    **dict.fromkeys(("hidden_size", "ffn_size", "concurrency", "batch_size"), 2**18),
    **dict.fromkeys(("rank", "head_dim", "heads", "layers", "threads", "nodes", "attempts"), 2**14),
    **dict.fromkeys(("tensor_parallel", "pipeline_parallel", "replicas"), 2**10),
    **{"top_k": 2**22, "vocabulary": 2**22, "global_batch": 2**28},
}
LEAST = {"cutoff": (3, "a prompt, a response and its end are three tokens")}
Mistakes = Iterator[tuple[str, str]]


def value_mistakes(recipe: Recipe, key: str = "") -> Mistakes:
    """Yield (key, what is wrong with it) of what a recipe, and each recipe in it, says that no job can use."""
    for kind, check in _CHECKS.items():
        if isinstance(recipe, kind):
            yield from ((".".join(filter(None, (key, own))), said) for own, said in check(recipe))
    for name in type(recipe).model_fields:
        value, inner = getattr(recipe, name), ".".join(filter(None, (key, name)))
        if isinstance(value, Recipe):
            yield from value_mistakes(value, inner)
        elif isinstance(value, dict):
            for own, part in value.items():
                yield from value_mistakes(part, f"{inner}.{own}") if isinstance(part, Recipe) else ()
        elif isinstance(value, int) and not isinstance(value, bool):
            yield from ((inner, said) for said in _bounded(name, value))


def _bounded(name: str, value: int) -> Iterator[str]:
    if value > MOST.get(name, value):
        yield f"{value} is more than there can be; {MOST[name]} is the most"
    if name in LEAST and value < LEAST[name][0]:
        yield f"{value} is too few: {LEAST[name][1]}"


def _rows(rows: Rows) -> Mistakes:
    yield from _hub(rows.hub, rows.revision)
    for pattern in rows.files:
        if not pattern.strip() or os.path.isabs(pattern) or ".." in pattern.split("/"):
            yield "files", f"{pattern!r} is no pattern of files in a dataset, such as `data/train-*.parquet`"
    yield from _paths("path", *rows.paths())
    names = [os.path.normpath(path) for path in rows.paths()]
    files = [os.path.realpath(file) for file in rows.local_files()]
    for each in names, files:
        if twice := next((path for n, path in enumerate(each) if path in each[:n]), None):
            yield "path", f"{os.path.relpath(twice) if os.path.isabs(twice) else twice} would be read twice"
            break


def _model(model: ModelRecipe) -> Mistakes:
    yield from _hub(model.hub, model.revision)
    yield from _paths("path", model.path)
    yield from _paths("chat_template", model.chat_template)


def _hub(hub: str | None, revision: str | None) -> Mistakes:
    if hub is not None and (hub[-1] in ".-" or hub.endswith(".git") or len(hub) > 96):
        yield "hub", f"{hub[:96]!r} is no id of the hub, such as `openai/gsm8k`"
    if revision is not None and not COMMIT.fullmatch(revision):
        yield (
            "revision",
            f"{revision[:60]!r} is no commit, for a tag or a short form may come to mean another; "
            "give all its 40 digits",
        )


def _paths(key: str, *paths: str | None) -> Mistakes:
    """Yield the paths that only a shell, or a browser, would find."""
    for path in filter(None, paths):
        if "://" in path:
            yield key, f"{path!r} is an address; name what lies on a disk"
        elif re.match(r"~([\w.-]*/|$)|\$\w+(/|$)", path):
            yield key, f"{path!r} is no path: no shell writes it out here; write it in full"


def _corpus(corpus: CorpusRecipe) -> Mistakes:
    columns = corpus.columns
    golds = [*columns.problem_columns(), *columns.wrong_answers, *filter(None, [columns.tolerance])]
    if columns.answer in golds:
        yield "columns.answer", f"{columns.answer!r} holds something else of a problem, too; name another column"
    if len(set(columns.wrong_answers)) < len(columns.wrong_answers):
        yield "columns.wrong_answers", "a column stands twice"
    taken = None if corpus.stop is None else corpus.stop - corpus.start
    if taken is not None and corpus.size is not None and corpus.size > taken:
        yield "size", f"{corpus.size} rows cannot come of `start` and `stop`, which take {taken}"
    if corpus.tolerance == 1:
        yield "tolerance", "with 1 a 0 is right to every problem; it is a share, such as 0.01"
    if corpus.paper_task != "math" and not corpus.benchmark:
        yield "paper_task", "has no effect on a corpus that is no `benchmark`"
    for word in corpus.no_answer:
        if not word.strip():
            yield "no_answer", "a word is blank; an empty cell is none of its own accord"


def _published(published: PublishedRecipe) -> Mistakes:
    yield from _finish_reasons(published)
    columns = published.columns
    responses, others = columns.response_columns(), [columns.problem_id, columns.problem, columns.finish_reason]
    if columns.response_template is None and (twice := {*responses} & {*others, columns.label}):
        yield "columns.response", f"{min(twice)!r} holds something else, too; name the column of the responses"
    if columns.label is not None and columns.label in others:
        yield "columns.label", f"{columns.label!r} holds something else, too; name the column of the verdicts"
    if columns.response_template is not None and columns.response != "response":
        yield "columns.response", "give either `response` or `response_template`"
    if columns.response_template is None and len(responses) > published.draws:
        yield "draws", f"{published.draws} of {len(responses)} columns of responses; name no more columns than draws"


def _scratch(scratch: ScratchModel) -> Mistakes:
    if scratch.head_dim % 2:
        yield "head_dim", f"{scratch.head_dim} is odd; positions are written into pairs of numbers, so take an even one"


def _vllm(vllm: VllmRecipe) -> Mistakes:
    if vllm.gpu_memory_utilization == 0:
        yield "gpu_memory_utilization", "0 leaves the model no memory; give a share such as 0.9"
    ngram = vllm.speculative_ngram
    if ngram and ngram.shortest > ngram.longest:
        yield "speculative_ngram", f"`shortest: {ngram.shortest}` is above `longest: {ngram.longest}`"


def _finish_reasons(recipe: ServerRecipe | PublishedRecipe) -> Mistakes:
    for word in {"stop", "length", "error"} & recipe.finish_reasons.keys():
        if recipe.finish_reasons[word] != word:
            yield "finish_reasons", f"`{word}` means itself; leave it out"


def _serve(serve: ServeRecipe) -> Mistakes:
    yield from _paths("python", serve.python)
    if serve.command and not all(word.strip() for word in serve.command):
        yield "command", "a word of it is empty"


def _decoding(decoding: DecodingRecipe) -> Mistakes:
    if decoding.temperature > HOTTEST:
        yield (
            "temperature",
            f"with {decoding.temperature:g} every token is as likely as any other; {HOTTEST:g} is the most",
        )
    if len(set(decoding.stop)) < len(decoding.stop):
        yield "stop", "a text stands twice"


def _dataset(dataset: DatasetRecipe) -> Mistakes:
    curation = dataset.curation
    if curation.length and curation.length.at_most is None and curation.length.at_least == 0:
        yield "curation.length", "leaves nothing out; give `at_least` or `at_most`, or leave the key out"
    if curation.max_repetition == 1:
        yield "curation.max_repetition", "1 leaves nothing out; give less, or leave the key out"


def _fine_tuning(training: FineTuning) -> Mistakes:
    if training.optimizer != "sgd":
        yield from _rate(training.lr)
    yield from _warmup(training.warmup)
    if training.warmup_updates and training.max_updates and training.warmup_updates >= training.max_updates:
        why = f"of `max_updates: {training.max_updates}`: the learning rate would never reach its peak"
        yield "warmup_updates", f"{training.warmup_updates} {why}"


def _on_policy(training: OnPolicy) -> Mistakes:
    yield from _rate(training.lr)
    yield from _warmup(training.warmup)


def _rate(lr: float) -> Mistakes:
    if lr > LARGEST_LR:
        yield "lr", f"{lr:g} moves each weight by about as much with each update; give one such as 1.0e-5"


def _warmup(share: float) -> Mistakes:
    if share == 1:
        yield "warmup", "1 is all updates, so that the learning rate would never reach its peak; it is a share"


def _lora(lora: LoraRecipe) -> Mistakes:
    targets = lora.targets
    if isinstance(targets, str):
        if re.fullmatch(r"[\w.-]+(\s*,\s*[\w.-]+)+", targets):
            yield "targets", f"{targets!r} is one text; several modules are a list, [{targets}]"
        try:
            re.compile(targets)
        except (re.error, OverflowError, RecursionError) as error:
            yield "targets", f"{targets!r} is no regular expression: {error}"
    elif not targets:
        yield "targets", "no module would get an adapter, so nothing would be trained; name some, or leave the key out"
    elif not all(name.strip() for name in targets) or len(set(targets)) < len(targets):
        yield "targets", "a name is blank or stands twice"


def _study(study: StudyRecipe) -> Mistakes:
    yield from _paths("references", *study.references)
    for key in ("gaps", "contrasts"):
        named: dict[Any, str] = {}
        for name, recipe in getattr(study, key).items():
            if len(name) > LONGEST_NAME:
                yield key, f"{name[:20]!r}... is longer than {LONGEST_NAME} characters"
            sides = (
                (recipe.plus, recipe.minus)
                if isinstance(recipe, GapRecipe)
                else recipe.model_dump_json(exclude={"expected", "differs"})
            )
            if (first := named.setdefault(str(sides), name)) != name:
                yield f"{key}.{name}", f"compares the same as {first!r}; keep one"


def _settings(settings: Settings) -> Mistakes:
    yield from _paths("folder", settings.folder)
    if settings.publish:
        yield from _paths("publish.to", settings.publish.to)


_CHECKS: dict[type, Any] = {
    Rows: _rows, CorpusRecipe: _corpus, PublishedRecipe: _published, ModelRecipe: _model, ScratchModel: _scratch,
    VllmRecipe: _vllm, ServerRecipe: _finish_reasons, ServeRecipe: _serve, DecodingRecipe: _decoding,
    DatasetRecipe: _dataset, FineTuning: _fine_tuning, OnPolicy: _on_policy, LoraRecipe: _lora,
    StudyRecipe: _study, Settings: _settings,
}  # fmt: skip
