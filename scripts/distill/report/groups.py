"""What the response browser holds: a group per arm, benchmark and decoding of the studies, and how each was made."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from distill import tables
from distill.config.catalogue import arms_of
from distill.config.gaps import comparisons
from distill.config.labels import Labels
from distill.config.lineage import Agreement, Arm, Judgements, Place, Problems, Responses, Verdicts, model_place
from distill.config.recipes import StudyRecipe
from distill.config.shards import shard_names
from distill.report.browsing import Answered, Row
from distill.runtime.files import read_json
from distill.scores.golds import described
from distill.tables.golds import read_golds, stated_golds

# Of a provenance, what says how rows came about; times and machines do not, and differ from run to run.
MADE = ("program", "code", "recipe", "versions")


class GroupPlaces(NamedTuple):
    """The places of one arm's answers to one benchmark, a place per draw and shard."""

    arm: Arm
    benchmark: str
    decoding: str
    responses: tuple[Responses, ...]
    verdicts: tuple[Verdicts, ...]
    judgements: tuple[Judgements, ...]

    @property
    def answered(self) -> Answered:
        """Return the tables."""
        kinds = (self.responses, self.verdicts, self.judgements)
        return Answered(*([Path(place.file(f"{place.KIND}.parquet")) for place in places] for places in kinds))


def studies_of(recipe: Mapping[str, Any]) -> dict[str, StudyRecipe]:
    """Return the studies of the job's recipe, by name."""
    return {name: StudyRecipe.model_validate(study) for name, study in sorted(recipe["studies"].items())}


def group_places(recipe: Mapping[str, Any]) -> list[GroupPlaces]:
    """Return the groups of the studies, benchmark by benchmark.

    `recipe` is that of the job: studies; draws of each decoding, shards of each benchmark; whether there is a judge.
    The command line does not name the files: of a large study they are more than it can hold.
    """
    found = {
        (benchmark, study.decoding, arm): None
        for study in studies_of(recipe).values()
        for benchmark in study.benchmarks
        for arm in arms_of(study)
    }
    groups = []
    for benchmark, decoding, arm in sorted(found):
        names = [
            (benchmark, arm.model_path, decoding, draw, shard)
            for draw in range(recipe["draws"][decoding])
            for shard in shard_names(recipe["shards"][benchmark])
        ]
        judged = names if recipe["judged"] else []
        places = [tuple(kind(*each) for each in names) for kind in (Responses, Verdicts)]
        groups.append(GroupPlaces(arm, benchmark, decoding, *places, tuple(Judgements(*each) for each in judged)))
    return groups


def problems_of(benchmark: str, is_agreed: bool) -> Row:
    """Return a benchmark's problems as columns, with their gold answers and what these are."""
    path = Path(Problems(benchmark).file("problems.parquet"))
    agreement = Path(Agreement(benchmark).manifest) if is_agreed else None
    golds = read_golds(path, agreement)
    columns = tables.read(path, tables.PROBLEMS, ["problem_id", "problem", "subject", "level"]).to_pydict()
    ids = columns.pop("problem_id")
    said = described(stated_golds(golds, agreement).get("golds"))
    return {"name": benchmark, "ids": ids, "golds": [golds[i] for i in ids], "gold": said, **columns}


class Made:
    """The provenances behind all responses, each way of making things once."""

    def __init__(self) -> None:
        self.facts: list[Row] = []

    def of(self, place: Place) -> int:
        """Return the number of the way in which a place was made."""
        provenance = read_json(Path(place.file("provenance.json")))
        facts = {name: provenance[name] for name in MADE}
        if facts not in self.facts:
            self.facts.append(facts)
        return self.facts.index(facts)


def read_paths(recipe: Mapping[str, Any]) -> list[Path]:
    """Return all files that the browser is made from."""
    groups = group_places(recipe)
    benchmarks = dict.fromkeys(group.benchmark for group in groups)
    found = [Path(Problems(name).file("problems.parquet")) for name in benchmarks]
    found += [Path(Agreement(name).manifest) for name in recipe["agreed"]]
    for group in groups:
        places = (*group.responses, *group.verdicts, model_place(group.arm.model_path))
        found += [path for paths in asdict(group.answered).values() for path in paths]
        found += [Path(place.file("provenance.json")) for place in places]
    return list(dict.fromkeys(found))


def index(recipe: Mapping[str, Any], groups: Iterable[GroupPlaces], written: Iterable[Row]) -> Row:
    """Return the index: arms, benchmarks, groups with what was `written` of each, gaps, and how all was made."""
    groups, made, studies, labels = list(groups), Made(), studies_of(recipe), Labels.read(recipe)
    arms = sorted({group.arm for group in groups})
    corpora = list(dict.fromkeys(group.benchmark for group in groups))
    benchmarks = list(dict.fromkeys((group.benchmark, group.decoding) for group in groups))
    rows = []
    for group, facts in zip(groups, written, strict=True):
        places = zip(group.answered.responses, group.responses, group.verdicts, strict=True)
        files = [
            [str(path), facts["files"][path], made.of(answers), made.of(verdicts)]
            for path, answers, verdicts in places
            if path in facts["files"]
        ]  # a shard may be empty
        benchmark = benchmarks.index((group.benchmark, group.decoding))
        rows.append({"arm": arms.index(group.arm), "benchmark": benchmark, "rows": facts["rows"], "files": files})
    gaps = [
        {"study": name, "gap": gap, "student": compared.student, "training": compared.training,
         "groups": [[arms.index(arm) for arm in each] for each in compared.groups]}
        for name, study in studies.items()
        for gap, gap_recipe in study.gaps.items()
        for compared in comparisons(study, gap_recipe)
    ]  # fmt: skip
    return {
        "title": " and ".join(study.title for study in studies.values()),
        "policy": recipe["policy"],
        "judged": recipe["judged"],
        "arms": [{**asdict(arm), "path": arm.path, "label": labels.cell("arm", arm.path),
                  "model": model_place(arm.model_path).folder, "made": made.of(model_place(arm.model_path))}
                 for arm in arms],
        "benchmarks": [{"name": name, "label": labels.said("corpora", name), "decoding": decoding,
                        "corpus": corpora.index(name)} for name, decoding in benchmarks],
        "groups": rows,
        "gaps": gaps,
        "made": made.facts,
    }  # fmt: skip
