"""Keys of datasets and their curation, and of what counts as the same problem."""

from pathlib import Path
from typing import Any

import find_contamination
import find_duplicates
import mix
from keys import Keys, key
from world import ran, read, scratch

from distill import tables
from distill.config import jobs
from distill.config.catalogue import Catalogue
from distill.config.plan import Plan
from distill.config.recipes import (
    CorpusRecipe,
    CurationEntry,
    CurationRecipe,
    DatasetEntry,
    DatasetRecipe,
    DecodingRecipe,
    LengthBounds,
    PassRate,
    Settings,
    SimilarityRecipe,
    TeacherRecipe,
    canonical_json,
)

TWO = {"teachers": ["a", "b"], "alpha": 0.5}
STATEMENTS = {"p0": "one two three four five six seven eight nine ten eleven twelve thirteen fourteen",
              "p1": "one two three four five six seven eight nine ten eleven twelve thirteen fifteen",
              "p2": "alpha beta gamma delta two three four five six seven"}  # fmt: skip
BENCHMARK = {"b0": "zero one two three four five six seven eight nine ten eleven twelve twenty"}


def mixed(recipe: DatasetRecipe) -> Any:
    """The rows that mix.py takes, in the order of problems."""
    asked, home, output = recipe.curation, Path("mixed"), scratch() / "train.parquet"
    kinds = {"responses": "r", "verdicts": "v", **({"loglikelihoods": "l"} if asked.student else {})}
    files: dict[str, Any] = {
        kind: {t: [str(home / t / f"{letter}{draw}.parquet") for draw in (0, 1)] for t in "abc"}
        for kind, letter in kinds.items()
    }
    for name, wanted in (("contamination", asked.decontaminate), ("duplicates", asked.deduplicate)):
        files |= {name: str(home / f"{name}.parquet")} if wanted else {}
    options = ("--problems", home / "problems.parquet", "--inputs", canonical_json(files))
    error = ran(mix.main, *options, "--recipe", recipe.canonical(), "--output", output)
    assert not error, error
    return [(r["problem_id"], r["teacher"], r["draw"]) for r in read(output, tables.TRAIN)]


def needed(recipe: DatasetRecipe) -> Any:
    """The files that the plan has mix.py read."""
    teachers = {t: TeacherRecipe(model={"path": "m"}, decoding="d") for t in "abc"}
    corpora = {name: CorpusRecipe(path="rows.jsonl") for name in ("c", "d")}
    decodings = {"d": DecodingRecipe(max_new_tokens=1)}
    settings = Settings(studies=("toy",))
    catalogue = Catalogue(settings, corpora, teachers, {"x": recipe}, decodings=decodings)
    return Plan(catalogue).dataset_files("x")


def curated(recipe: CurationRecipe) -> Any:
    return mixed(DatasetRecipe(corpus="c", teachers=("a",), curation=recipe))


def needed_for_curation(recipe: CurationRecipe) -> Any:
    return needed(DatasetEntry(corpus="c", teachers=("a",), curation=recipe.model_dump()))


def bounded(recipe: LengthBounds) -> Any:
    return curated(CurationRecipe(length=recipe))


def rated(recipe: PassRate) -> Any:
    return curated(CurationRecipe(pass_rate=recipe))


def needed_for_rates(recipe: PassRate) -> Any:
    return needed_for_curation(CurationRecipe(pass_rate=recipe))


def _statements(path: Path, texts: dict[str, str]) -> Path:
    rows = [{"problem_id": i, "problem": text} for i, text in texts.items()]
    tables.write(path, tables.build(rows, tables.STATEMENTS), tables.STATEMENTS)
    return path


def _job(recipe: SimilarityRecipe, *names: str) -> str:
    return jobs.similarity_job(Catalogue(Settings(studies=("toy",), similarity=recipe)), *names)


def repeated(recipe: SimilarityRecipe) -> Any:
    home = scratch()
    ours, theirs = _statements(home / "p.parquet", STATEMENTS), _statements(home / "b.parquet", BENCHMARK)
    files = canonical_json({"benchmarks": {"b": [str(theirs)]}})
    options = ("--statements", ours, "--inputs", files, "--recipe", _job(recipe, "ngram", "overlap"))
    assert not ran(find_contamination.main, *options, "--output", home / "contamination.parquet")
    return [r["problem_id"] for r in read(home / "contamination.parquet", tables.CONTAMINATION)]


def alike(recipe: SimilarityRecipe) -> Any:
    home = scratch()
    options = ("--statements", _statements(home / "p.parquet", STATEMENTS), "--recipe", _job(recipe, "near_duplicate"))
    assert not ran(find_duplicates.main, *options, "--output", home / "duplicates.parquet")
    return [r["problem_id"] for r in read(home / "duplicates.parquet", tables.DUPLICATES)]


LIKELY = {"choose": "student_likely", "student": "s"}

KEYS = {
    DatasetRecipe: Keys({"corpus": "c", "teachers": ["a"]}, {
        "corpus": key("d", needed),
        "teachers": key(["b"], mixed, needed),
        "alpha": key(0.9, mixed, **TWO),
        "shares": key([1.0, 0.0], mixed, teachers=["a", "b"], shares=[0.5, 0.5]),
        "pairing": key("own_correct", mixed, **TWO),
        "curation": key({"choose": "longest"}, mixed),
        "share_of": key("characters", mixed, teachers=["a", "b"], alpha=0.2),
        "rows": key(2, mixed),
        "tokens": key(30, mixed),
        "characters": key(50, mixed),
        "assignment": key("by_level", mixed, **TWO),
        "seed": key(1, mixed, rows=2),
    }),
    CurationRecipe: Keys({}, {
        "decontaminate": key(True, curated, needed_for_curation),
        "deduplicate": key(True, curated, needed_for_curation),
        "pass_rate": key({"teacher": "a", "at_least": 0.6}, curated),
        "length": key({"at_most": 15}, curated),
        "max_repetition": key(0.2, curated),
        "choose": key("longest", curated),
        "student": key("t", needed_for_curation, **LIKELY),
    }),
    LengthBounds: Keys({}, {
        "unit": key("characters", bounded, at_least=25),
        "at_least": key(14, bounded),
        "at_most": key(14, bounded),
    }),
    PassRate: Keys({"teacher": "a"}, {
        "teacher": key("c", rated, needed_for_rates, at_least=0.6),
        "at_least": key(0.6, rated),
        "at_most": key(0.6, rated),
    }),
    SimilarityRecipe: Keys({}, {
        "ngram": key(3, repeated),
        "overlap": key(0.9, repeated),
        "near_duplicate": key(0.95, alike),
    }),
}  # fmt: skip
KEYS[DatasetEntry] = KEYS[DatasetRecipe]
KEYS[CurationEntry] = Keys({}, {
    **KEYS[CurationRecipe].fields,
    "choose": key("student_overlap_1", needed_for_curation, **LIKELY),
})  # fmt: skip
