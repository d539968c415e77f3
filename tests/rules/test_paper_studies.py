"""The paper's studies in one dry run: no hub is asked, and Snakemake plans the jobs that the plan lists."""

import re
from collections import Counter
from pathlib import Path

import pytest
from helpers import TOY
from study import Study

from distill import analyses
from distill.config.jobs import job_of
from distill.config.load import load
from distill.config.plan import Plan

OTHERS = {"toy", "published"}


def test_all_studies_are_planned_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    study = Study.whole(tmp_path / "project")
    (study.folder / "resources/data").mkdir()
    (study.folder / "resources/data/smollm2-135m").symlink_to(TOY / "base-xs")  # a folder in place of what is fetched
    names = sorted(p.stem for p in (study.folder / "config/studies").glob("*.yaml") if p.stem not in OTHERS)
    done = study.snakemake("--dry-run", "--quiet", "rules", "--config", f"studies={','.join(names)}")
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    stats = {m[1]: int(m[2]) for m in re.finditer(r"^(\w+) +(\d+)$", done.stdout + done.stderr, re.MULTILINE)}
    stats["compute_loglikelihood"] += stats.pop("rate_solutions")  # two rules with one program
    plan = Plan(load(study.folder / "config", {"studies": names}))
    expected = Counter(job_of(plan.catalogue, place).program for place in plan.places())
    expected["mix"] += expected.pop("mix_suited")  # one rule with two programs
    expected |= {"contrast": 1, "render_page": 1, "render_browser": 1, "all": 1, "analyse": len(analyses.names())}
    assert stats == {**expected, "total": sum(expected.values())}
    assert not (tmp_path / "empty").exists()
