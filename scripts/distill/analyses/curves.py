"""Training curves: the loss of every arm by update."""

from distill.analyses.looks import Looks
from distill.analyses.section import Inputs, Picture, Section
from distill.config.labels import Labels
from distill.config.lineage import Arm
from distill.runtime.files import read_json

NEEDS = ("models", "train_logs")
ORDER = 40
LABELLED = True


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on trainings, from the models' manifests and the logs beside them."""
    from distill import tables
    from distill.analyses import loss_plots

    columns = ["update", "loss", "held_out_loss"]
    manifests = {path: read_json(path) for path in inputs["models"]}
    hold_out = any(manifest.get("held_out_loss") is not None for manifest in manifests.values())
    logs, rows = {}, []
    for path, manifest in manifests.items():
        arm = Arm.of(manifest["identity"])
        log = tables.read(path.with_name("train_log.parquet"), tables.TRAIN_LOG, columns).to_pydict()
        logs[arm] = log
        held_out = {"held-out loss": manifest.get("held_out_loss")} if hold_out else {}
        rows.append({"arm": arm.path, "updates": manifest["updates"], "first loss": log["loss"][0],
                     "final loss": manifest["final_loss"], **held_out, "spikes": manifest["loss_spikes"]})  # fmt: skip
    rows = labels.by_size(sorted(rows, key=lambda row: row["arm"]), lambda row: row["arm"].split("/")[0])
    text = (
        "The first loss is that of the first update, the final one the mean of the last ten. A spike is a loss above "
        "three times the median of the twenty updates before it.",
    )
    shown = {labels.arm(arm): logs[arm] for arm in labels.by_size(sorted(logs), lambda arm: arm.student)}
    picture = Picture("training_curves", *loss_plots.training_curves(shown, Looks.of(labels)))
    return Section("Trainings", text, rows, picture)
