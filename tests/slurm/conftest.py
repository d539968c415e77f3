"""A real SLURM for all tests of the folder, and the study finished without it."""

from collections.abc import Iterator

import pytest
from cluster import Cluster, why_not
from troubled import SlurmStudy


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if reason := why_not():
        pytest.skip(reason)
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(scope="module")
def local(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> SlurmStudy:
    """The study as it comes out here; wanted only beside a cluster."""
    assert cluster
    study = SlurmStudy.make(tmp_path_factory.mktemp("local") / "study")
    study.run()
    return study
