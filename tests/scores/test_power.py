"""Power against statsmodels, the figures of the design's table, and simulation; what a study is told of it."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import power as program
import pytest
import yaml
from helpers import REPOSITORY
from scipy import stats
from scipy.special import nctdtrinc
from statsmodels.stats.power import TTestPower

from distill.config.catalogue import Catalogue
from distill.config.contrasts import Contrast, contrasts
from distill.config.recipes import CorpusRecipe, DecodingRecipe, Settings, StudyRecipe
from distill.runtime.errors import InputError
from distill.scores.power import Design, assumed, outlook_text, outlooks, problem_counts, seen, wanted, warnings

BLOCK = {"students": ["s"], "datasets": ["a", "b"], "training": "t"}
STUDY = {"title": "x", "arms": [BLOCK], "benchmarks": ["b"], "decoding": "d",
         "gaps": {"g": {"plus": "a", "minus": ["b"]}}, "smallest_gap": 0.03}  # fmt: skip
PAPER = {"math": (500, 0.6), "amc": (40, 0.4), "gsm": (1319, 0.8), "olympiad": (675, 0.26), "aime": (30, 0.1)}


def study(**keys: Any) -> StudyRecipe:
    return StudyRecipe.model_validate({**STUDY, **keys})


def gap(of: StudyRecipe) -> Contrast:
    return contrasts(of)[0]


def design(seeds: int = 1, sd: float = 0.0, samples: int = 1, names: Any = ("b",), **more: Any) -> Design:
    known = {**PAPER, "b": (400, 0.5)}
    power = {"accuracy": {n: known[n][1] for n in names}, "seed_sd": sd, **more}
    one = study(arms=[{**BLOCK, "seeds": list(range(seeds))}], benchmarks=list(names), power=power)
    return assumed(one, gap(one), {n: known[n][0] for n in names}, samples)


def test_without_noise_of_trainings_it_is_that_of_a_paired_t_test() -> None:
    effect = TTestPower().solve_power(nobs=402, alpha=0.05, power=0.8)
    assert design().detectable() == pytest.approx(effect * 0.5, rel=0.003)  # SD of a difference: sqrt(2 * .25 * .5)


@pytest.mark.parametrize(
    ("keys", "points"),
    [({"names": ["aime"]}, 15.3), ({"names": ["amc"]}, 21.7), ({}, 7.0), ({"sd": 0.01}, 8.0), ({"sd": 0.02}, 10.6),
     ({"names": ["gsm"]}, 3.1), ({"names": ["gsm"], "sd": 0.02}, 8.5), ({"samples": 16}, 1.8),
     ({"names": [*PAPER]}, 5.4),
     ({"names": [*PAPER], "sd": 0.01}, 6.7), ({"names": [*PAPER], "samples": 16}, 1.4)],
)  # fmt: skip
def test_the_table_of_the_design(keys: dict[str, Any], points: float) -> None:
    assert 100 * design(**keys).detectable() == pytest.approx(points, rel=0.04)  # by normal quantiles there


def test_by_problem_it_is_that_of_all_problems_together() -> None:
    one = study(benchmarks=["b", "c"], weights="by_problem")
    found = assumed(one, gap(one), {"b": 100, "c": 300}, 1)
    alone = assumed(study(), gap(study()), {"b": 400}, 1)
    assert (found.problem_variance, found.n_problems) == (pytest.approx(alone.problem_variance), 400)
    equal = study(benchmarks=["b", "c"])
    assert assumed(equal, gap(equal), {"b": 100, "c": 300}, 1).problem_variance > alone.problem_variance


def test_80_percent_of_simulated_studies_find_it() -> None:
    sys.path.append(str(REPOSITORY / "benchmarks"))
    import coverage

    for seeds, sd, samples in ((1, 0.0, 1), (3, 0.02, 1), (3, 0.01, 4)):
        wanted = design(seeds, sd, samples).detectable()
        cell = coverage.Cell("gap", ((400, 0.5 - wanted / 2),), (wanted, 0.0), 0.5, samples, seeds, sd)
        found = coverage.simulate(cell, 1500, np.random.default_rng(1), coverage.outcomes(samples))
        assert found.rejected == pytest.approx(0.8, abs=0.06), (seeds, sd, samples)


def test_an_untouched_student_has_no_noise_of_training() -> None:
    one = study(gaps={"g": {"plus": "a", "minus": ["base"]}}, power={"seed_sd": 0.02})
    found = assumed(one, gap(one), {"b": 400}, 1)
    assert found.seeds == (1, 0)
    assert found.variances == (pytest.approx(0.25 / 400), pytest.approx(0.02**2))


def test_degrees_of_freedom_are_those_of_all_arms_of_a_training() -> None:
    blocks = [{**BLOCK, "seeds": [1]}, {**BLOCK, "datasets": ["c", "base"], "seeds": [1, 2, 3]}]
    one = study(arms=blocks)
    assert assumed(one, gap(one), {"b": 9}, 1).replicated == 2
    apart = study(arms=[blocks[0], {**blocks[1], "training": "u"}])
    assert assumed(apart, gap(apart), {"b": 9}, 1).replicated == 0
    both = study(arms=[{**BLOCK, "seeds": [1, 2]}, {**BLOCK, "students": ["z"]}],
                 contrasts={"c": {"gap": "g", "students": ["s", "z"]}})  # fmt: skip
    (between,) = (c for c in contrasts(both) if c.name == "c")
    assert assumed(both, between, {"b": 9}, 1).replicated == 0  # nothing is known of z


def test_what_it_would_take_is_the_least() -> None:
    start = design(3, 0.01)
    takes = start.takes(0.03)
    assert takes["seeds"] is not None
    assert start.with_seeds(takes["seeds"]).detectable() <= 0.03 < start.with_seeds(takes["seeds"] - 1).detectable()
    assert takes["samples"] is None  # no number of samples takes the noise of three trainings away
    samples = design().takes(0.03)["samples"]
    assert samples is not None
    assert design(samples=samples).detectable() <= 0.03 < design(samples=samples - 1).detectable()
    assert design().takes(0.03)["benchmarks"] == samples  # as many problems
    assert design().takes(0.5) == {"seeds": 1, "samples": 1, "benchmarks": 1}


ROW = {"study": "y", "gap": "g", "student": "s", "training": "t", "plus": "a", "minus": "b", "primary": "yes",
       "n_problems": 400, "problem_se": 0.02, "seed_sd": 0.015, "correlation": 0.7, "df": 6.0}  # fmt: skip


def test_after_a_run_the_figures_are_those_that_were_seen() -> None:
    one = study(arms=[{**BLOCK, "seeds": [1, 2, 3]}])
    (before,), (after,) = outlooks("y", one, {"b": 400}, 2), outlooks("y", one, {"b": 400}, 2, [ROW])
    assert (before.design.seen, after.design.seen, after.correlation) == (False, True, 0.7)
    assert after.design.variances == (pytest.approx(0.02**2), pytest.approx(2 * 0.015**2 / 3))
    assert after.design.problem_variance == pytest.approx(0.02**2 * 6)  # of one seed and one sample
    # With the degrees of freedom that the row has, of its two variances.
    error = (0.02**2 + 2 * 0.015**2 / 3) ** 0.5
    assert after.design.detectable() == pytest.approx(nctdtrinc(6, 0.2, stats.t.ppf(0.975, 6)) * error, rel=1e-4)
    unseen = seen(before.design, {**ROW, "seed_sd": None})
    assert unseen.seed_variance == before.design.seed_variance
    for other in ({"study": "z"}, {"primary": "no"}, {"minus": "c"}, {"n_problems": 399}, {"measure": "solution"}):
        (found,) = outlooks("y", one, {"b": 400}, 2, [{**ROW, **other}])
        assert not found.design.seen
    old = {key: value for key, value in ROW.items() if key != "primary"}
    assert not outlooks("y", one, {"b": 400}, 2, [old])[0].design.seen


def test_a_study_that_declares_nothing_is_told_of_its_gains() -> None:
    assert [o.contrast.name for o in outlooks("y", study(gaps={}), {"b": 9}, 1)] == ["gain_over_base"] * 2
    mix = {"m": {"plus": "a", "minus": ["b", "base"]}}
    assert [o.contrast.minus for o in outlooks("y", study(gaps=mix), {"b": 9}, 1)] == ["b", "base"]


def test_a_blind_study_says_so_in_a_line() -> None:
    blind = outlooks("y", study(), {"b": 400}, 1)
    (line,) = warnings(blind)
    assert line.startswith(
        "study y: its design cannot see 3.0 points in 1 of 1 contrasts (g of s only from 8.1 points on)"
    )
    assert "1 have one seed" in line
    assert wanted(blind[0]).startswith("a second seed for any word; 9 seeds")
    seeds = [{**BLOCK, "seeds": [1, 2]}]
    sharp = outlooks("y", study(arms=seeds, smallest_gap=0.12), {"b": 400}, 1)
    assert (warnings(sharp), wanted(sharp[0])) == ([], "")
    unasked = outlooks("y", study(smallest_gap=None), {"b": 400}, 1)
    assert (warnings(unasked), wanted(unasked[0])) == ([], "")
    header, row = outlook_text(sharp).splitlines()
    assert header.split()[:3] == ["study", "contrast", "student"]
    assert "assumed, SD 1.0" in row


def catalogue(one: StudyRecipe, **corpus: Any) -> Catalogue:
    decodings = {"d": DecodingRecipe(max_new_tokens=1)}
    corpora = {"b": CorpusRecipe.model_validate({"benchmark": True, **corpus})}
    return Catalogue(Settings(studies=("y",)), corpora, decodings=decodings, studies={"y": one})


def test_problems_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"problem": f"Add {i}.", "answer": str(i)} for i in range(7)]
    Path("b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert problem_counts(catalogue(study(), path="b.jsonl", stop=5), study()) == {"b": 5}
    told = study(power={"problems": {"b": 30}})
    hub = {"hub": "a/b", "revision": "abc123" + "0" * 34}
    assert problem_counts(catalogue(told, **hub), told) == {"b": 30}
    with pytest.raises(InputError, match="b: its problems cannot be counted before the run; say how many under"):
        problem_counts(catalogue(study(), **hub), study())
    assert problem_counts(catalogue(study(), size=12, **hub), study()) == {"b": 12}
    made = tmp_path / "results/problems/b/manifest.json"
    made.parent.mkdir(parents=True)
    made.write_text('{"rows": 4}')
    assert problem_counts(catalogue(study(), size=12, **hub), study()) == {"b": 4}


def test_the_program_before_and_after_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("config", "resources"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    program.main([])
    lines = capsys.readouterr().out.splitlines()
    declared = yaml.safe_load((REPOSITORY / "config/studies/toy.yaml").read_text())
    assert {line.split()[1] for line in lines[1:-2]} == {*declared["gaps"], *declared["contrasts"]}
    assert all("assumed, SD 1.0" in line for line in lines[1:-2])
    row = {**ROW, "study": "toy", "gap": "large_teacher_gap", "student": "toy-xs", "training": "toy-sft",
           "plus": "toy-large-arm", "minus": "toy-small-arm"}  # fmt: skip
    table = tmp_path / "results/contrasts/gaps.csv"
    table.parent.mkdir(parents=True)
    table.write_text(",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n")
    program.main(["--settings", '{"studies": ["toy"]}'])
    after = [line for line in capsys.readouterr().out.splitlines() if "seen (correlation 0.70), SD 1.5" in line]
    assert len(after) == 1
    assert "large_teacher_gap" in after[0]
