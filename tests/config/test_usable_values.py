"""Values that a recipe can hold and no job can use: each is refused in one line with its file and key."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import REPOSITORY

from distill.config.load import load, read_yaml
from distill.runtime.errors import InputError

COMMIT = "0123456789" * 4
SFT, DECODING = {"lr": 1e-4, "cutoff": 99}, {"max_new_tokens": 9}
POLICY = {"teacher": "toy-long", "start": "toy-sft", "max_updates": 3, "max_new_tokens": 9, "lr": 1e-4}
CORPUS, MIX = {"path": "a.jsonl"}, {"corpus": "toy-train", "teachers": ["toy-long", "toy-short"], "alpha": 0.5}
MODEL = {"decoding": "toy-sampled", "prompt": "plain"}
OWN = {**MODEL, "model": {"path": "m"}}
SERVED = {**MODEL, "model": {"served": "x"}, "engine": "openai"}
SERVE = {**OWN, "engine": "openai"}


def at(url: str, **keys: Any) -> dict[str, Any]:
    return {**SERVED, "server": {"url": url, **keys}}


def traces(columns: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"published": {"path": "a.jsonl", "columns": {"problem_id": "i", "response": "r", **columns}, **keys}}


# kind, entry, its key, what is said.
ENTRIES: list[tuple[str, dict[str, Any], str, str]] = [
    *[("corpora", {"hub": "a/b", "revision": revision}, "revision", "is no commit")
      for revision in ("abc", "v1.0", "740312a", COMMIT[1:], f"{COMMIT}0", COMMIT.replace("0", "A"), "gh-pages",
                       f" {COMMIT}", "stable", "HEAD~1")],
    *[("corpora", {"hub": hub, "revision": COMMIT}, "hub", "no id of the hub") for hub in ("a/b.", "a/b-", "a/b.git")],
    *[("corpora", {"hub": "a/b", "revision": COMMIT, "files": [name]}, "files", "no pattern of files")
      for name in ("", "/a.parquet", "../a.parquet", "a/../../b")],
    ("corpora", {"path": ["a.jsonl", ""]}, "path.1", "at least 1 character"),
    ("corpora", {"path": ["", "", ""]}, "path.0", "at least 1 character"),
    ("corpora", {"path": ["a.jsonl", None]}, "path.1", "a valid string"),
    ("corpora", {"path": ["a.jsonl", "./a.jsonl"]}, "path", "would be read twice"),
    *[("corpora", {**CORPUS, "where": {"a": value}}, "where", "which is no value")
      for value in (float("nan"), float("inf"), -float("inf"), [1, float("nan")], [float("inf")] * 3)],
    *[("corpora", {**CORPUS, "rewrites": [{"pattern": pattern, "replacement": ""}]}, "rewrites.0.pattern", "regular")
      for pattern in ("a{1,99999999999}", "(" * 9000)],
    ("corpora", {**CORPUS, "columns": {"problem": "a", "answer": "a"}}, "columns.answer", "name another column"),
    ("corpora", {**CORPUS, "columns": {"problem_template": "{answer}?"}}, "columns.answer", "name another column"),
    ("corpora", {**CORPUS, "columns": {"wrong_answers": ["b", "answer"]}}, "columns.answer", "name another column"),
    ("corpora", {**CORPUS, "columns": {"wrong_answers": ["b", "b"]}}, "columns.wrong_answers", "stands twice"),
    ("corpora", {**CORPUS, "start": 10, "stop": 20, "size": 11}, "size", "cannot come of `start` and `stop`"),
    ("corpora", {**CORPUS, "tolerance": 1}, "tolerance", "a 0 is right"),
    ("corpora", {**CORPUS, "paper_task": "aime"}, "paper_task", "no effect"),
    ("corpora", {**CORPUS, "no_answer": [" "]}, "no_answer", "is blank"),
    ("corpora", {**CORPUS, "label": "\u200b\u2003"}, "label", "shows something"),
    ("teachers", traces({"response": "i"}), "published.columns.response", "holds something else"),
    ("teachers", traces({"label": "i"}), "published.columns.label", "holds something else"),
    ("teachers", traces({"response": ["a", "b"]}), "published.draws", "name no more columns"),
    ("teachers", traces({"response": ["a", ""]}), "published.columns.response.1", "at least 1 character"),
    ("teachers", traces({"response_template": "{a}"}), "published.columns.response", "give either"),
    ("teachers", traces({}, path="~/a.jsonl"), "published.path", "write it in full"),
    ("teachers", traces({}, finish_reasons={"Length": "stop"}), "published.finish_reasons", "means itself"),
    ("teachers", traces({}, id_pattern="a{1,99999999999}"), "published", "regular expression"),
    *[("teachers", {**OWN, "think_tags": tags}, "think_tags", "")
      for tags in (["a"], [], ["a", "b", "c"], 3, {"a": "b"}, None, "Think", ["", "b"], [1, 2], [["a", "b"]], True)],
    *[("teachers", {**MODEL, "model": {"path": path}}, "model.path", "")
      for path in ("~/m", "$HOME/m", "https://huggingface.co/a/b")],
    ("teachers", {**MODEL, "model": {"path": "m", "chat_template": "~/x"}}, "model.chat_template", "write it in full"),
    ("teachers", {**MODEL, "model": {"hub": "a/b", "revision": "abc"}}, "model.revision", "is no commit"),
    ("teachers", {**MODEL, "model": {"scratch": {"tokenizer_corpora": ["no"]}}}, "model.scratch.tokenizer_corpora",
     "no known corpus"),
    ("teachers", {**MODEL, "model": {"scratch": {"tokenizer_corpora": ["toy-train"], "head_dim": 33}}},
     "model.scratch.head_dim", "is odd"),
    *[("teachers", at(url), "server.url", "no name of a server")
      for url in (r"http://h\v1", "http://h..com/v1", "http://h:/v1", "http://$HOST/v1")],
    ("teachers", at("http://h/v1", finish_reasons={"stop": "error"}), "server.finish_reasons", "means itself"),
    ("teachers", at("http://h/v1", attempts=2**31 - 1), "server.attempts", "more than there can be"),
    ("teachers", {**SERVE, "serve": {"command": ["", "{port}"]}}, "serve.command", "is empty"),
    ("teachers", {**SERVE, "serve": {"python": "~/bin/python"}}, "serve.python", "write it in full"),
    *[("teachers", {**OWN, "engine": "vllm", "vllm": keys}, f"vllm.{key}", said) for keys, key, said in [
        ({"gpu_memory_utilization": 0}, "gpu_memory_utilization", "no memory"),
        ({"max_model_len": 240}, "max_model_len", "no room for a prompt"),
        ({"speculative_ngram": {"shortest": 9, "longest": 2}}, "speculative_ngram", "is above"),
    ]],
    ("decodings", {**DECODING, "temperature": 70}, "temperature", "as likely"),
    ("decodings", {**DECODING, "stop": ["x", "x"]}, "stop", "twice"),
    ("decodings", {"max_new_tokens": 2**31 - 1}, "max_new_tokens", "more than there can be"),
    ("decodings", {"max_tokens": 9}, "max_tokens", "did you mean 'max_new_tokens'"),
    ("datasets", {**MIX, "curation": {"length": {}}}, "curation.length", "leaves nothing out"),
    ("datasets", {**MIX, "curation": {"length": {"unit": "characters"}}}, "curation.length", "leaves nothing out"),
    ("datasets", {**MIX, "curation": {"max_repetition": 1}}, "curation.max_repetition", "leaves nothing out"),
    *[("trainings", {**SFT, **keys}, key, said) for keys, key, said in [
        ({"lr": 10}, "lr", "moves each weight"), ({"cutoff": 1}, "cutoff", "too few"),
        ({"cutoff": 2**31 - 1}, "cutoff", "more than there can be"), ({"warmup": 1}, "warmup", "it is a share"),
        ({"warmup_updates": 20, "max_updates": 20}, "warmup_updates", "never reach its peak"),
        ({"lora": {"targets": []}}, "lora.targets", "nothing would be trained"),
        ({"lora": {"targets": ["q_proj", " "]}}, "lora.targets", "is blank"),
        ({"lora": {"targets": ["q_proj", "q_proj"]}}, "lora.targets", "stands twice"),
        ({"lora": {"targets": "q_proj, v_proj"}}, "lora.targets", "are a list"),
        ({"lora": {"targets": "(q_proj"}}, "lora.targets", "no regular expression"),
        ({"lora": {"targets": ""}}, "lora.targets", "is empty"),
        ({"lora": {"rank": 100000}}, "lora.rank", "more than there can be"),
    ]],
    ("trainings", {"on_policy": {**POLICY, "lr": 10}}, "on_policy.lr", "moves each weight"),
    ("trainings", {"on_policy": {**POLICY, "warmup": 1}}, "on_policy.warmup", "it is a share"),
]  # fmt: skip
# What looks odd, and is no mistake, with the reason why.
DEBATABLE: list[tuple[str, dict[str, Any], str]] = [
    ("trainings", {**SFT, "lr": 2, "optimizer": "sgd"}, "a clipped gradient of norm 1 may be followed so far"),
    ("trainings", {**SFT, "max_updates": 20, "epochs": 3}, "an anchor brings the epochs, and `max_updates` says so"),
    ("trainings", {**SFT, "distil": {"teacher": "toy-long", "weight": 0}}, "the end of a sweep"),
    ("trainings", {**SFT, "order": "easy_first", "hard_last_share": 0}, "the end of a sweep"),
    ("trainings", {**SFT, "lora": {"targets": r".*\.(q|v)_proj"}}, "PEFT takes one text for an expression"),
    ("datasets", {**MIX, "curation": {"pass_rate": {"teacher": "toy-long"}}}, "rates are shown, though none is cut"),
    ("datasets", {**MIX, "alpha": 1, "curation": {}}, "nothing is left out, said aloud"),
    ("corpora", {"hub": "a/b", "revision": COMMIT, "split": "train[:10%]+test"}, "the hub's own words for a split"),
    ("corpora", {**CORPUS, "where": {"a": [1, "1"]}}, "a column may hold both"),
    ("corpora", {**CORPUS, "shards": 100, "size": 20}, "a shard may be empty"),
    ("corpora", {"path": ["a~/$b.json", "data/*", "C:\\a.jsonl", "~a.jsonl", "$a.jsonl"]}, "names of files"),
    ("corpora", {**CORPUS, "columns": {"problem": "a", "solution": "b", "answer": "b"}}, "GSM8K's solution ends so"),
    ("teachers", {**OWN, "engine": "vllm", "batch_size": 3}, "an anchor brings it from a teacher of transformers"),
    ("teachers", at("http://h/v1", finish_reasons={"abort": "stop", "stop": "stop"}), "the server's own words"),
    ("teachers", at("http://[::1]:80/v1"), "an address"),
    ("teachers", at("http://my_host.exämple.org/v1"), "a name beyond ASCII"),
]  # fmt: skip


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder config/ with little in it, so that to read it costs little."""
    folder = tmp_path_factory.mktemp("values") / "config"
    (folder / "catalogue").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "config/studies", folder / "studies")
    shutil.copytree(REPOSITORY / "config/prompts", folder / "prompts")
    for path in (REPOSITORY / "config/catalogue").glob("*.yaml"):
        content = yaml.safe_load(path.read_text())
        toy = {name: entry for name, entry in content.items() if name.startswith("toy-")}
        (folder / "catalogue" / path.name).write_text(yaml.safe_dump(toy))
    return folder


def lines_of(folder: Path, kind: str, entry: dict[str, Any], settings: dict[str, Any] | None = None) -> list[str]:
    """Return the mistakes of the catalogue with one entry more, `new`."""
    path = folder / f"catalogue/{kind}.yaml"
    text = path.read_text()
    path.write_text(text + yaml.safe_dump({"new": entry}, allow_unicode=True))
    try:
        load(folder, {"studies": ["toy"], **(settings or {})})
    except InputError as error:
        return str(error).splitlines()
    finally:
        path.write_text(text)
    return []


@pytest.mark.parametrize(("kind", "entry", "key", "said"), ENTRIES, ids=str)
def test_what_no_job_can_use_is_refused_in_one_line(
    catalogue: Path, kind: str, entry: dict[str, Any], key: str, said: str
) -> None:
    (line,) = lines_of(catalogue, kind, entry)
    assert line.startswith(f"{catalogue}/catalogue/{kind}.yaml: new.{key}".removesuffix(".published"))
    assert said in line
    assert "literal[" not in line


@pytest.mark.parametrize(("kind", "entry"), [row[:2] for row in DEBATABLE], ids=[row[2] for row in DEBATABLE])
def test_what_only_looks_odd_is_accepted(catalogue: Path, kind: str, entry: dict[str, Any]) -> None:
    assert lines_of(catalogue, kind, entry) == []


GAP = {"plus": "toy-long-arm", "minus": ["toy-short-arm"]}
STUDIES: list[tuple[dict[str, Any], str, str]] = [
    ({"references": ["https://a/b.csv"]}, "references", "is an address"),
    ({"gaps": {"g" * 65: GAP}}, "gaps", "is longer than 64"),
    ({"gaps": {"g": GAP, "h": {**GAP, "expected": "More."}}}, "gaps.h", "compares the same as 'g'"),
    ({"gaps": {"g": {**GAP, "expected": "a\x1b[0m"}}}, "gaps.g.expected", "control sign (U+001B)"),
    ({"gaps": {"g": {**GAP, "plus": {"dataset": "toy-long-arm"}}}}, "gaps.g.plus.training", "is missing"),
    ({"gaps": {"g": {**GAP, "plus": 3}}}, "gaps.g.plus", "a valid string"),
    ({"gaps": {"g": {**GAP, "minus": [["toy-short-arm"]]}}}, "gaps.g.minus.0", "a valid string"),
    ({"gaps": {}, "contrasts": {"c": {"slope": {"toy-short-arm": 0, "toy-long-arm": True}}}},
     "contrasts.c.slope.toy-long-arm", "a valid number, not True"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "key", "said"), STUDIES, ids=str)
def test_what_no_study_can_use_is_refused_in_one_line(
    catalogue: Path, keys: dict[str, Any], key: str, said: str
) -> None:
    path = catalogue / "studies/toy.yaml"
    text = path.read_text()
    path.write_text(yaml.safe_dump({**yaml.safe_load(text), "contrasts": {}, **keys}))
    try:
        (line,) = lines_of(catalogue, "corpora", CORPUS)
    finally:
        path.write_text(text)
    assert line.startswith(f"{path}: {key}: ")
    assert said in line


@pytest.mark.parametrize(
    ("settings", "key", "said"),
    [({"publish": {"to": "~/out"}}, "publish.to", "write it in full"),
     ({"publish": {"to": "https://huggingface.co/me"}}, "publish.to", "is an address"),
     ({"publish": {"to": "out", "despite": ["toy-trian"]}}, "publish.despite", "did you mean 'toy-train'"),
     ({"folder": "$HOME/config"}, "folder", "write it in full")],
    ids=str,
)  # fmt: skip
def test_what_no_setting_can_mean_is_refused_in_one_line(
    catalogue: Path, settings: dict[str, Any], key: str, said: str
) -> None:
    (line,) = lines_of(catalogue, "corpora", CORPUS, settings)
    assert line.startswith(f"{catalogue}/config.yaml: {key}: ")
    assert said in line


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: 2026-02-30", "line 1: '2026-02-30' is no day (day is out of range"), ("a: [1, 2024-13-45]", "is no day"),
     ("a: {<<: {b: 1}, <<: {c: 2}}", "key '<<' stands twice")],
)  # fmt: skip
def test_what_yaml_alone_would_not_say(tmp_path: Path, text: str, said: str) -> None:
    mistakes: list[str] = []
    (tmp_path / "a.yaml").write_text(text)
    assert read_yaml(tmp_path / "a.yaml", mistakes) is None
    (line,) = mistakes
    assert said in line


@pytest.mark.parametrize("folder", ["nope", "~/config", "config.yaml"])
def test_a_folder_without_a_catalogue_is_one_line(tmp_path: Path, folder: str) -> None:
    (tmp_path / "config.yaml").write_text("studies: [toy]")
    with pytest.raises(InputError) as error:
        load(tmp_path / folder, {"studies": ["toy"], "folder": folder})
    (line,) = str(error.value).splitlines()
    assert folder in line
