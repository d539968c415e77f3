"""Files of a plan by kinds: what contrasts and analyses are made from."""

from collections.abc import Callable, Sequence

from distill.config.lineage import Contrasts, Judgements, Place, Responses, Verdicts
from distill.config.once import once_for
from distill.config.plan import Plan, unique

CONTRASTED = ("scores", "likelihoods", "models", "rendered")  # the kinds of files that contrasts are made from
FROM_CONTRASTS = ("scores_csv", "means", "breakdowns", "gaps")  # the kinds that they are for analyses
# And what they are.
CONTRAST_TABLES = ("scores.csv", "means.csv", "breakdowns.csv", "gaps.csv", "gaps.txt", "tables.tex")

# Kinds of files that lie beside the manifests of a stage.
BESIDE = {"train_logs": ("models", "train_log.parquet"), "suitability_tables": ("suitability", "suitability.parquet"),
          "token_shift_tables": ("token_shift", "token_shift.parquet"),
          "train_rows": ("datasets", "train.parquet"), "dataset_recipes": ("datasets", "provenance.json"),
          "unrendered": ("rendered", "ledger.parquet")}  # fmt: skip


@once_for
def files(plan: Plan, kind: str) -> list[str]:
    """Return the files of a kind that analyses read: the manifests of a stage, or files beside those of some.

    Raises KeyError for a kind that is none.
    """
    stages: dict[str, Callable[[], Sequence[Place]]] = {
        "problems": plan.problems, "responses": lambda: plan.teacher_answers(Responses),
        "verdicts": lambda: plan.teacher_answers(Verdicts), "agreements": plan.agreements, "golds": plan.golds,
        "repeats": plan.repeats, "signals": plan.signals, "suitability": plan.suitability,
        "datasets": plan.datasets, "rendered": plan.rendered, "teacher_logprobs": plan.teacher_logprobs,
        "models": plan.trained, "scores": plan.scores, "likelihoods": plan.likelihoods,
        "token_shift": plan.token_shift,
    }  # fmt: skip
    if kind in BESIDE:
        stage, name = BESIDE[kind]
        return [place.file(name) for place in stages[stage]()]
    if kind == "references":
        return unique(path for study in plan.catalogue.studies.values() for path in study.references)
    if kind == "provenance":
        judged = plan.all_answers(Judgements) if plan.catalogue.settings.judge else []
        made = [place for places in stages.values() for place in places()]
        return unique(place.file("provenance.json") for place in [*made, *plan.all_answers(Responses), *judged])
    if kind in FROM_CONTRASTS:
        return [Contrasts().file(f"{kind.removesuffix('_csv')}.csv")]
    return [place.manifest for place in stages[kind]()]
