"""Some cells of benchmarks/coverage.py: intervals hold the truth as often as they say, and p-values agree with them."""

import sys
from collections import Counter

import numpy as np
import pytest
from helpers import REPOSITORY

sys.path.append(str(REPOSITORY / "benchmarks"))
import coverage
import goals

TABLES = {samples: coverage.outcomes(samples) for samples in (1, 16)}
Cell = coverage.Cell
FEW, MANY = ((30, 0.1),), ((400, 0.5),)
CELLS = [
    Cell("gap", FEW, (0.02, 0.0), 0.5, 1, 1, 0.0),
    Cell("gap", FEW, (0.02, 0.0), 0.9, 16, 3, 0.0),
    Cell("gap", MANY, (0.0, 0.0), 0.5, 1, 1, 0.0),
    Cell("gap", MANY, (0.05, 0.0), 0.5, 1, 3, 0.03),
    Cell("gap", ((1319, 0.5),), (0.0, 0.0), 0.5, 1, 3, 0.03),
    Cell("gap", coverage.FIVE, (0.0, 0.0), 0.5, 1, 3, 0.02),
    Cell("best", MANY, (0.0, 0.0, 0.0, 0.0), 0.5, 1, 1, 0.0),
    Cell("best", MANY, (0.03, 0.0, 0.0), 0.5, 1, 3, 0.01),
    Cell("students", MANY, (0.05, 0.0, 0.0, 0.0), 0.5, 1, 3, 0.03),
    Cell("pilot", MANY, (0.0, 0.0, 0.0, 0.0), 0.5, 1, 3, 0.03),
]
SIMULATIONS = 600


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_an_interval_holds_the_truth_as_often_as_it_says(cell: coverage.Cell) -> None:
    found = coverage.simulate(cell, SIMULATIONS, np.random.default_rng(3), TABLES[cell.samples])
    assert found.agreed == 1
    # Three standard errors of 600 simulations; too wide is no fault of small samples, but there is a limit to it.
    assert found.coverage >= 0.94 - 3 * (0.94 * 0.06 / SIMULATIONS) ** 0.5
    if cell.truth_is_zero:
        assert found.rejected <= 0.06 + 3 * (0.06 * 0.94 / SIMULATIONS) ** 0.5
    if cell.benchmarks == MANY and cell.kind == "gap" and cell.seeds == 1:
        assert found.coverage <= 0.97


def test_the_simulation_knows_the_truth_and_the_correlation_of_grades() -> None:
    cell = Cell("gap", ((4000, 0.3),), (0.1, 0.0), 0.5, 1, 1, 0.02)
    own = [coverage.skills(0.3 + gain, cell.rho) for gain in cell.gains]
    rng = np.random.default_rng(0)
    grades = coverage.grades(cell, own, 4000, 400, rng, TABLES[1])
    for number, accuracy in ((0, 0.4), (1, 0.3)):
        truth = coverage.expected(own[number], cell.sd, TABLES[1], 1)
        assert truth == pytest.approx(accuracy, abs=0.005)  # skills cannot leave 0 to 1
        assert grades[number].mean() == pytest.approx(truth, abs=4 * 0.03 / 20)
    pair = coverage.grades(
        Cell("gap", ((200_000, 0.3),), (0.0, 0.0), 0.5, 1, 1, 0.0), own[1:] * 2, 200_000, 1, rng, TABLES[1]
    )
    assert np.corrcoef(pair[0].ravel(), pair[1].ravel())[0, 1] == pytest.approx(0.5, abs=0.01)


def test_a_goal_is_a_line_and_a_missed_one_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    one, other = goals.Goal("speed", "5 s", "< 6 s", True), goals.Goal("size", "9 MB", "<= 8 MB", False)
    goals.report([one, other], check=False)
    goals.report([one], check=True)
    said = ["goal speed: 5 s (< 6 s) met", "goal size: 9 MB (<= 8 MB) missed", "goal speed: 5 s (< 6 s) met"]
    assert capsys.readouterr().out.splitlines() == said
    with pytest.raises(SystemExit) as ended:
        goals.report([one, other], check=True)
    assert ended.value.code == 1


def test_every_benchmark_with_goals_says_them_alike() -> None:
    for path in (REPOSITORY / "benchmarks").glob("*.py"):
        text = path.read_text()
        assert path.stem == "goals" or "'met' if" not in text, path
        assert ("add_check(" in text) == ("report(" in text), path


def test_goals_name_what_is_missed() -> None:
    good, bad = coverage.Result(0.95, 0.05, 1.0, 0.1), coverage.Result(0.9, 0.09, 0.99, 0.1)
    met = coverage.goals({CELLS[2]: good}, 10_000)
    missed = coverage.goals({CELLS[2]: bad}, 10_000)
    assert [(goal.name, goal.met) for goal in met] == [
        ("coverage", True), ("size", True), ("p and interval agree", True)]  # fmt: skip
    assert [goal.met for goal in missed] == [False] * 3
    extreme = Cell("gap", ((30, 0.02),), (0.03, 0.0), 0.9, 16, 1, 0.0)
    assert extreme.excepted
    assert not any(cell.excepted for cell in CELLS)
    assert coverage.goals({CELLS[2]: good, extreme: coverage.Result(0.5, 0.5, 1.0, 0.1)}, 10_000) == met
    assert Counter(group for group, _ in coverage.cells()) == {
        "gap": 400,
        "five": 6,
        "best": 48,
        "students": 6,
        "pilot": 12,
    }
