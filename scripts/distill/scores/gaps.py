"""From scores to the report's two tables: scores per arm, and gaps between arms on the same problems."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from distill import tables
from distill.config.gaps import Comparison, comparisons, shown
from distill.config.lineage import Arm
from distill.config.recipes import GapRecipe, StudyRecipe
from distill.runtime.errors import InputError
from distill.runtime.files import read_json
from distill.scores import contrasts
from distill.scores.csvs import aligned
from distill.training.parity import NOT_COMPARABLE, loss_token_ratio, parity

AVERAGE = "average"


@dataclass(frozen=True)
class Score:
    """One arm on one benchmark: the manifest of its score, and per problem (ids sorted) the mean over draws."""

    arm: Arm
    benchmark: str
    decoding: str
    facts: Mapping[str, Any]
    problem_ids: list[str]
    means: np.ndarray


Key = tuple[Arm, str, str]


def read_scores(manifests: Iterable[Path]) -> dict[Key, Score]:
    """Read the scores whose manifests are given, and the items beside them."""
    scores: dict[Key, Score] = {}
    for path in manifests:
        facts = read_json(path)
        identity = facts["identity"]
        arm, benchmark, decoding = Arm.of(identity), identity["corpus"], identity["decoding"]
        items = tables.read(path.with_name("items.parquet"), tables.ITEMS)
        means = items["n_correct"].to_numpy() / items["n_samples"].to_numpy()
        scores[arm, benchmark, decoding] = Score(
            arm, benchmark, decoding, facts, items["problem_id"].to_pylist(), means
        )
    return scores


def _score(scores: Mapping[Key, Score], arm: Arm, benchmark: str, decoding: str) -> Score:
    try:
        return scores[arm, benchmark, decoding]
    except KeyError:
        raise InputError(f"no score of {arm.path} on {benchmark} with {decoding}; make it first") from None


def gap_rows(
    studies: Mapping[str, StudyRecipe], scores: Mapping[Key, Score], facts: Mapping[Arm, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the rows of gaps.csv: per gap, student and training, each benchmark and their average."""
    rows = []
    for name, study in studies.items():
        for gap, recipe in study.gaps.items():
            for compared in comparisons(study, recipe):
                wanted = list(study.benchmarks)
                for benchmark in [*wanted, AVERAGE] if len(wanted) > 1 else wanted:
                    over = wanted if benchmark == AVERAGE else [benchmark]
                    row = _gap(study, recipe, compared, over, scores, facts)
                    rows.append({"study": name, "gap": gap, "student": compared.student,
                                 "training": compared.training, "benchmark": benchmark, **row})  # fmt: skip
    return rows


def _gap(
    study: StudyRecipe, recipe: GapRecipe, compared: Comparison, benchmarks: Sequence[str],
    scores: Mapping[Key, Score], facts: Mapping[Arm, Mapping[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    groups = compared.groups
    data, n_problems = [], 0
    for benchmark in benchmarks:
        group_scores = [[_score(scores, a, benchmark, study.decoding) for a in group] for group in groups]
        if len({tuple(s.problem_ids) for group in group_scores for s in group}) > 1:
            raise InputError(f"{compared.student} on {benchmark}: the arms of a gap answered different problems")
        data.append([np.stack([s.means for s in group]) for group in group_scores])
        n_problems += len(group_scores[0][0].problem_ids)
    result = contrasts.paired_gap(data)
    used = [_score(scores, arm, name, study.decoding).facts for name in benchmarks for arm in compared.arms]
    draws = sorted({score["n_samples"] for score in used})
    likeness = parity(groups, facts, recipe.differs, draws)
    return {
        "estimate": round(result.estimate, 6),
        "ci_low": round(result.low, 6),
        "ci_high": round(result.high, 6),
        "p_value": round(result.p_value, 6),
        "n_problems": n_problems,
        "n_seeds": min(len(group) for group in groups),
        "parity": str(likeness),
        "loss_token_ratio": loss_token_ratio(groups[0], groups[1 + result.best], facts),
        "plus": shown(recipe.plus),
        "minus": shown(recipe.minus[result.best]),
    }


def gap_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the gaps as an aligned text table for a terminal."""
    lines = []
    for row in rows:
        interval = f"{row['estimate']:+.3f} [{row['ci_low']:+.3f}, {row['ci_high']:+.3f}]"
        p_value = "p<0.001" if row["p_value"] < 0.001 else f"p={row['p_value']:.3f}"
        ratio = row["loss_token_ratio"]
        lines.append([row["gap"], row["student"], row["benchmark"], f"{row['plus']} - {row['minus']}", interval,
                      p_value, reading(row), str(row["n_seeds"]), "" if ratio is None else f"{ratio:.2f}",
                      row["parity"]])  # fmt: skip
    header = ["gap", "student", "benchmark", "arms", "difference [95 % interval]", "p", "", "seeds", "loss tokens",
              "parity"]  # fmt: skip
    return "\n".join(aligned([header, *lines]))


def reading(row: Mapping[str, Any]) -> str:
    """Return a gap in words; arms that are not comparable have none of gain and loss."""
    if row["parity"].startswith(NOT_COMPARABLE):
        return NOT_COMPARABLE
    return "includes 0" if row["ci_low"] <= 0 <= row["ci_high"] else "gain" if row["estimate"] > 0 else "loss"
