"""Cards: what a dataset, a model or the scores are, as README.md with a head that the hub understands."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distill.config.lineage import Contrasts, Dataset, Place, TrainedModel
from distill.config.sizes import base_model
from distill.publishing.facts import Facts, Row, texts_digest
from distill.publishing.licences import Part, head
from distill.publishing.markdown import bullets, fenced, plain, section, table
from distill.scores.answers import answers
from distill.scores.numbers import interval, points
from distill.scores.readings import asked, cells
from distill.scores.terminal import LEGEND

PAPER = "Small Models Struggle to Learn from Strong Reasoners, arXiv 2502.12143"
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
COMMIT = "COMMIT"  # in the card of a repository, which cannot know its own
TAGS = ["reasoning", "distillation", "mixdistill"]


def dataset_card(facts: Facts, place: Dataset, where: dict[str, Any], despite: Sequence[str]) -> str:
    """Return the card of a dataset; `where` says how a published teacher of the catalogue finds its rows."""
    from huggingface_hub import DatasetCardData

    parts, manifest = facts.dataset_parts(place.dataset), facts.manifest(place)
    recipe = facts.provenance(place)["recipe"]
    sizes = [size for limit, size in SIZES if manifest["rows"] < limit]
    data = DatasetCardData(
        **head(parts), pretty_name=place.dataset, tags=TAGS, task_categories=["text-generation"],
        size_categories=[sizes[0] if sizes else "n>1M"],
        configs=[{"config_name": "default", "data_files": [{"split": "train", "path": "data/train.parquet"}]}],
    )  # fmt: skip
    published = {**where, "columns": {"problem_id": "problem_id", "response": "messages[assistant].content"}}
    digest = texts_digest(Path(place.file("train.parquet")))
    corpus = facts.part("corpora", recipe["corpus"])
    blocks = [
        f"# {place.dataset}",
        f"{manifest['rows']} problems of {plain(corpus.name)} with one response each, to train a student on.",
        *section("Recipe", fenced(recipe)),
        *section("Where the rows went", *_ledgers(manifest)),
        *section("Scores of students trained on it", *_scores(facts.scores_of(dataset=place.dataset)),
                 *_contrasts(facts.gaps_of(place.dataset))),
        *section("As a teacher of the catalogue",
                 "In `catalogue/teachers.yaml` of Mixdistill"
                 + (f" (for {COMMIT} the commit of this repository):" if "hub" in where else ":"),
                 fenced({place.dataset: {"published": published}}),
                 f"Its problems are those of the corpus {plain(corpus.name)} ({plain(corpus.origin)}). An `unfiltered` "
                 "dataset of this teacher has the same rows.",
                 f"Digest of the texts (sha256 of problem ids and messages, without names of teachers): `{digest}`"),
        *_end(facts, place, parts, despite),
    ]  # fmt: skip
    return _card(data.to_yaml(), blocks)


def model_card(facts: Facts, place: TrainedModel, name: str, owner: str | None, despite: Sequence[str]) -> str:
    """Return the card of a trained model that is published under a name; `owner` has its dataset on the hub, too."""
    from huggingface_hub import ModelCardData

    parts, manifest = facts.model_parts(place), facts.manifest(place)
    base = base_model(facts.catalogue, place.student)
    rows = facts.scores_of(student=place.student, training=place.training, dataset=place.dataset, seed=place.seed)
    library = "peft" if manifest["adapter"] else "transformers"
    data = ModelCardData(
        **head(parts), base_model=base.hub, datasets=[f"{owner}/{place.dataset}"] if owner else None, tags=TAGS,
        library_name=library, pipeline_tag="text-generation", model_name=name, eval_results=_results(rows) or None,
    )  # fmt: skip
    what = "A low-rank adapter (PEFT) on" if manifest["adapter"] else "All weights, trained from"
    gaps = facts.gaps_of(place.dataset, place.student, place.training)
    figures = ("rows_seen", "updates", "epochs", "tokens", "loss_tokens", "final_loss", "held_out_loss")
    blocks = [
        f"# {name}",
        f"{what} {plain(facts.part('students', place.student).origin)} ({place.student}), on the dataset "
        f"{place.dataset} with seed {place.seed}, by the training {place.training}.",
        *section("Recipe", fenced(facts.provenance(place)["recipe"])),
        *section("Where the rows went", *_ledgers(facts.manifest(Dataset(place.dataset))),
                 table(("training", ""), [(key.replace("_", " "), manifest.get(key)) for key in figures])),
        *section("Scores", *_scores(rows), *_contrasts(gaps)),
        *_end(facts, place, parts, despite),
    ]  # fmt: skip
    return _card(data.to_yaml(), blocks)


def scores_card(facts: Facts) -> str:
    """Return the card of the tables of scores and gaps of all selected studies."""
    from huggingface_hub import DatasetCardData

    studies = facts.catalogue.studies
    benchmarks = {name: facts.part("corpora", name) for study in studies.values() for name in study.benchmarks}
    configs = [{"config_name": name, "data_files": f"{name}.csv"} for name in ("scores", "means", "breakdowns", "gaps")]
    data = DatasetCardData(license="apache-2.0", tags=TAGS, configs=configs)
    told = [block for name, study in studies.items() for block in (
        f"## {name}: {plain(study.title)}", *map(plain, asked(study)),
        *_contrasts([row for row in facts.gaps if row["study"] == name]),
    )]  # fmt: skip
    blocks = [
        "# Scores of " + ", ".join(studies),
        "Accuracies and contrasts, with 95 % intervals: figures, and no text of a problem or model.",
        *section("Scores", *_scores(facts.scores_of())), *told,
        *section("Benchmarks", table(("benchmark", "from", "licence", "to cite"),
                 [(p.name, p.origin, p.licence or "not given", p.citation) for p in benchmarks.values()])),
        *section("How it was made", *_provenance(facts, Contrasts())), *_citations(list(benchmarks.values())),
    ]  # fmt: skip
    return _card(data.to_yaml(), blocks)


def _card(head_text: str, blocks: Sequence[str]) -> str:
    from huggingface_hub import RepoCard

    text = f"---\n{head_text.rstrip()}\n---\n\n" + "\n\n".join(block for block in blocks if block) + "\n"
    RepoCard(text, ignore_metadata_errors=False)  # reads the head back: ValueError if it is none
    return text


def _results(rows: Sequence[Row]) -> list[Any]:
    from huggingface_hub import EvalResult

    return [
        EvalResult(task_type="text-generation", dataset_type=row["benchmark"], dataset_name=row["benchmark"],
                   metric_type="accuracy", metric_name=f"accuracy ({row['decoding']})", metric_value=row["accuracy"])
        for row in rows
    ]  # fmt: skip


def _ledgers(manifest: dict[str, Any]) -> list[str]:
    """Return where the rows of each teacher went, and how long its responses are."""

    def reasons(lost: dict[str, int]) -> str:
        return ", ".join(f"{count} {reason}" for reason, count in lost.items())

    ledgers = manifest["ledger_by_teacher"]
    rows = [(name, own["rows_in"], reasons(own["lost"]), own["rows_out"],
             (manifest.get("tokens_by_teacher") or {}).get(name), manifest["characters_by_teacher"].get(name))
            for name, own in ledgers.items()]  # fmt: skip
    return [table(("teacher", "problems", "not in it", "rows", "tokens", "characters"), rows)]


def _scores(rows: Sequence[Row]) -> list[str]:
    cells_of = [(r["student"], r["training"], r["dataset"], r["seed"], r["benchmark"], points(r["accuracy"]),
                 interval(r), r["n_problems"], r["n_samples"], points(r["no_answer"]), points(r["cut_off"]),
                 r["mean_tokens"]) for r in rows]  # fmt: skip
    headings = ("student", "training", "dataset", "seed", "benchmark", "% correct", "95 % interval", "problems",
                "samples", "% no answer", "% cut off", "mean tokens")  # fmt: skip
    return [table(headings, cells_of)]


def _contrasts(rows: Sequence[Row]) -> list[str]:
    """Return the sentences of contrasts, their figures with parity and reading, and what the words mean."""
    if not rows:
        return []
    said = [f"{plain(each['contrast'])}: {plain(each['answer'])}" for each in answers(rows)]
    shown = [cells(row) for row in rows]
    units = [row["unit"] for row in rows]
    figures = table((*shown[0], "unit"), [(*row.values(), unit) for row, unit in zip(shown, units, strict=True)])
    return [bullets(said), figures, "Estimates of accuracy are in points.", *map(plain, LEGEND)]


def _end(facts: Facts, place: Place, parts: Sequence[Part], despite: Sequence[str]) -> list[str]:
    """Return the sections on provenance, licences and citations."""
    rows = [(p.name, p.kind, p.origin, p.licence or "not given", "; ".join(p.terms.conditions if p.terms else ()),
             "passed over by the publisher" if p.name in despite else "") for p in parts]  # fmt: skip
    licences = table(("name", "kind", "from", "licence", "conditions", ""), rows)
    return [*section("How it was made", *_provenance(facts, place)), *section("Licences", licences), *_citations(parts)]


def _provenance(facts: Facts, place: Place) -> list[str]:
    made = facts.provenance(place)
    own = {"program": made["program"], "code": made["code"], "seed": made.get("seed"), **made["versions"]}
    digest = facts.manifest(place)["digest"]
    told = f"Digest: `{digest}`." if isinstance(digest, str) else ""
    return [f"{told} `provenance.json` beside this file also names inputs and outputs with their digests.".strip(),
            table(("", ""), [(key, value) for key, value in own.items() if value is not None])]  # fmt: skip


def _citations(parts: Sequence[Part]) -> list[str]:
    own = [f"{plain(p.name)}: {plain(p.citation)}" for p in parts if p.citation]
    return section("To cite", bullets([*own, f"Made with Mixdistill, after {PAPER}"]))
