"""Where the rows went: per arm and teacher from the problems of the corpus to the rows that an update has seen."""

from distill.analyses.section import FIRST_SEEDS, Block, Inputs, Picture, Row, Section, first_seeds
from distill.config.labels import Labels
from distill.config.lineage import Arm, place_of
from distill.runtime.files import read_json
from distill.scores.golds import notes
from distill.training.parity import shown_rows

NEEDS = ("datasets", "rendered", "models")
ORDER = 50
LABELLED = True
TEXT = (
    "Per arm and teacher: problems of the corpus, those with a response, with one that stopped by itself, with an "
    "answer, with a correct one, left after curation, left after pairing, rows in the dataset, rows within the cutoff, "
    "and rows that at least one update has seen.",
)


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on the funnel, from the manifests of datasets, rendered rows and models."""
    from distill.analyses import funnel_plots
    from distill.tables.words import FUNNEL  # the tables' library takes time to load

    mixed = {m["identity"]["dataset"]: m for m in map(read_json, inputs["datasets"])}
    within = {place_of(m["identity"]): m["teachers"] for m in map(read_json, inputs["rendered"])}
    trained = {Arm.of(m["identity"]): m for m in map(read_json, inputs["models"])}
    rows: list[Row] = []
    datasets = []
    for arm in labels.by_size(sorted(trained), lambda arm: arm.student):
        model = trained[arm]
        manifest, seen = mixed[arm.dataset], model["trained_on"]
        for teacher, steps in manifest["funnel"].items():
            row: Row = {"arm": arm.path, "teacher": teacher, **{step: steps[step] for step in FUNNEL}}
            row["in dataset"] = manifest["teachers"][teacher]
            row["within cutoff"] = within[shown_rows(model)].get(teacher, 0)
            row["trained on"] = None if seen is None else seen.get(teacher, 0)
            rows.append(row)
            datasets.append(labels.said("datasets", arm.dataset))
    used = [mixed[name] for name in sorted({arm.dataset for arm in trained})]
    picture = Picture("funnel", *funnel_plots.funnel(list(zip(datasets, labels.rows(rows), strict=True))))
    few = first_seeds(rows)
    blocks = (Block("", text=(FIRST_SEEDS,), tables=few),) if few else ()
    return Section("Where the rows went", (*TEXT, *notes(used)), rows, picture, dense=True, blocks=blocks)
