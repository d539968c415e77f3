"""One thread for every process of the tests, and a small toy study, finished once, of which each has a copy."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

import pytest
from study import Study

# Threads that wait for each other take the time of the tests beside them. Set before any test imports torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")
with suppress(ImportError):  # the tests with vLLM run without it
    from hypothesis import HealthCheck, settings

    # How fast an example is made says how busy the machine is.
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")


# The files that take longest are begun first, so that no process has one of them left to do alone; of the first three
# only one wants the finished study, so that no process waits for it. xdist keeps this order where it is told to
# (`--no-loadscope-reorder`); of itself it begins with the files that have the most tests.
SLOW = ("rules/test_study.py", "rules/test_goldless_runs.py", "training/test_processes.py", "training/test_kills.py",
        "rules/test_study_runs.py",
        "training/test_signals.py", "rules/test_publish_runs.py", "rules/test_served_runs.py",
        "rules/test_likelihood_runs.py", "rules/test_on_policy_runs.py", "rules/test_distillation_runs.py",
        "rules/test_published.py", "config/keys/test_every_key.py", "responses/test_generate_kills.py",
        "rules/test_deployment.py", "rules/test_odd_names.py", "rules/test_environments.py", "rules/test_check.py",
        "responses/test_served.py", "verdicts/test_grading.py", "verdicts/test_workers.py",
        "training/test_on_policy.py", "scores/test_contrast.py", "runtime/test_codehash.py")  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        file = item.path.relative_to(Path(__file__).parent).as_posix()
        return SLOW.index(file) if file in SLOW else len(SLOW)

    items.sort(key=place)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    own = tmp_path_factory.mktemp("finished") / "study"
    if "PYTEST_XDIST_WORKER" not in os.environ:
        study = Study.small(own)
        study.run()
        return study
    shared = tmp_path_factory.getbasetemp().parent
    with open(shared / "finished.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "finished").exists():
            study = Study.small(shared / "running")
            study.run()
            study.folder.rename(shared / "finished")
        return Study(shared / "finished").copy(own)


@pytest.fixture
def study(finished: Study, tmp_path: Path) -> Study:
    return finished.copy(tmp_path / "study")
