"""One job and one start of a model for all that it is asked: its corpora, draws and shards."""

import pytest
from cluster import Cluster
from study import CATALOGUE
from troubled import COMMENTS, TEACHER, SlurmStudy

ROWS = 30


def places(draws: int) -> list[str]:
    """Return the places of all that the teacher is asked, below `results/`."""
    return [f"responses/toy-train/teachers/toy-long/toy-sampled/draw-{draw}/{shard}"
            for draw in range(draws) for shard in ("00-of-02", "01-of-02")]  # fmt: skip


def answered(study: SlurmStudy, draws: int) -> dict[str, str]:
    """Let the teacher answer so many draws; return how the rows of each place came: with a start, or by another's."""
    study.edit(CATALOGUE + "decodings.yaml", **{"toy-sampled": {"draws": draws}})
    done = study.snakemake(*(f"results/{place}/manifest.json" for place in places(draws)))
    assert done.returncode == 0, done.stdout + done.stderr
    facts = {place: study.provenance(place) for place in places(draws)}
    rows = sum(fact["asked"] + fact["resumed"] for fact in facts.values())
    assert rows == ROWS * draws
    return {place: "start" if fact["asked"] else "kept" for place, fact in facts.items()}


def test_a_model_is_started_once_for_all_that_it_is_asked(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    study = SlurmStudy.make(tmp_path_factory.mktemp("starts") / "study")
    study.edit(CATALOGUE + "corpora.yaml", **{"toy-train": {"stop": ROWS, "shards": 2}})
    study.on(cluster)
    before = len(cluster.jobs(COMMENTS[TEACHER]))
    first = answered(study, draws=2)
    assert sorted(first.values()) == ["kept", "kept", "kept", "start"]
    assert len(cluster.jobs(COMMENTS[TEACHER])) == before + 1
    made = {place: study.provenance(place)["started"] for place in first}

    more = answered(study, draws=3)
    added = {place: how for place, how in more.items() if place not in first}
    assert sorted(added.values()) == ["kept", "start"]
    assert len(cluster.jobs(COMMENTS[TEACHER])) == before + 2
    assert {place: study.provenance(place)["started"] for place in first} == made
