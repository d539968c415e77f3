"""Scores recomputed from the raw responses by code that shares nothing with ours: pandas, sets, every choice of k."""

import itertools
import json
import random
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import score
import verify
from helpers import manifest, problems_table, recipe, responses_table

PROBLEMS, DRAWS = 12, 4
SPELLED = {  # value -> ways to write it
    Fraction(1, 2): ["0.5", r"\frac{1}{2}", r"\dfrac12"], Fraction(2): ["2", "2.0", r"\frac{4}{2}"],
    Fraction(3): ["3"], Fraction(-1): ["-1", "-1.0"],
}  # fmt: skip


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """Return a scores folder, and the responses that it is made from as they were written."""
    folder, rng, rows = tmp_path_factory.mktemp("scored"), random.Random(5), []
    golds = [rng.choice(list(SPELLED)) for _ in range(PROBLEMS)]
    known = [{"problem_id": f"p{n:02d}", "answer": SPELLED[gold][0], "level": f"Level {n % 3}", "subject": "abc"[n % 2]}
             for n, gold in enumerate(golds)]  # fmt: skip
    files: dict[str, list[str]] = {"responses": [], "verdicts": []}
    problems = problems_table(folder / "problems.parquet", known)
    for draw in range(DRAWS):
        own = []
        for number, gold in enumerate(golds):
            value = gold if rng.random() < 0.45 else rng.choice(list(SPELLED))
            text = rf"So \boxed{{{rng.choice(SPELLED[value])}}}"
            reason = rng.choices(["stop", "length", "error"], [8, 1, 1])[0]
            kind = rng.random()
            text = "" if reason == "error" else "I do not know." if kind < 0.1 else text
            text = "again and again " * 20 if kind > 0.9 and reason != "error" else text
            tokens = rng.choice([20, 60, 200, 900])
            own.append({"problem_id": f"p{number:02d}", "draw": draw, "response": text, "finish_reason": reason,
                        "response_tokens": tokens})  # fmt: skip
            has_box = "boxed" in text
            rows.append({**own[-1], "value": value if has_box else None, "gold": gold, "level": f"Level {number % 3}",
                         "subject": "abc"[number % 2]})  # fmt: skip
        responses = responses_table(folder / f"r{draw}.parquet", own)
        verdicts = folder / f"v{draw}/verdicts.parquet"
        verify.main(["--problems", str(problems), "--responses", str(responses), "--recipe", "{}",
                     "--output", str(verdicts)])  # fmt: skip
        files["responses"].append(str(responses))
        files["verdicts"].append(str(verdicts))
    output = folder / "scores/items.parquet"
    score.main(["--problems", str(problems), "--inputs", json.dumps(files), "--recipe", recipe(policy="rule"),
                "--output", str(output)])  # fmt: skip
    frame = pd.DataFrame(rows)
    frame["correct"] = (frame.finish_reason == "stop") & (frame.value == frame.gold)
    return output, frame


def test_accuracy_and_shares(scored: tuple[Path, pd.DataFrame]) -> None:
    output, frame = scored
    facts = manifest(output)
    assert 0.2 < facts["accuracy"] < 0.8
    assert facts["accuracy"] == pytest.approx(frame.correct.mean(), abs=1e-6)
    assert facts["cut_off"] == pytest.approx((frame.finish_reason == "length").mean(), abs=1e-6)
    assert facts["errors"] == pytest.approx((frame.finish_reason == "error").mean(), abs=1e-6)
    unanswered = frame.value.isna() & (frame.finish_reason != "error")
    assert facts["no_answer"] == pytest.approx(unanswered.mean(), abs=1e-6)
    assert facts["loops"] > 0
    assert facts["loops"] == pytest.approx(frame.response.str.startswith("again").mean(), abs=1e-6)
    assert facts["mean_tokens"] == pytest.approx(frame.response_tokens.mean(), abs=1e-3)


@pytest.mark.parametrize("column", ["level", "subject"])
def test_groups(scored: tuple[Path, pd.DataFrame], column: str) -> None:
    output, frame = scored
    found = manifest(output)[f"by_{column}"]
    ours = {name: (part["n_problems"], part["accuracy"]) for name, part in found.items()}
    theirs = {name: (part.problem_id.nunique(), pytest.approx(part.correct.mean(), abs=1e-6))
              for name, part in frame.groupby(column)}  # fmt: skip
    assert ours == theirs
    assert all(part["ci_low"] <= part["accuracy"] <= part["ci_high"] for part in found.values())


def test_token_budgets(scored: tuple[Path, pd.DataFrame]) -> None:
    output, frame = scored
    found = manifest(output)["by_budget"]
    assert sorted(map(int, found)) == [32, 64, 128, 256, 512, 1024]  # the longest response has 900
    for budget, part in found.items():
        within = frame.correct & (frame.response_tokens <= int(budget))
        assert part["accuracy"] == pytest.approx(within.mean(), abs=1e-6)
    assert found["1024"]["accuracy"] == manifest(output)["accuracy"]


@pytest.mark.parametrize("k", [1, 2, 4])
def test_several_samples_by_every_choice(scored: tuple[Path, pd.DataFrame], k: int) -> None:
    output, frame = scored
    passed, voted = [], []
    for _, own in frame.groupby("problem_id"):
        choices = list(itertools.combinations(own.to_dict("records"), k))
        passed.append(sum(any(row["correct"] for row in choice) for choice in choices) / len(choices))
        shares = []
        for choice in choices:
            told = [row["value"] for row in choice if row["finish_reason"] == "stop"]
            votes = Counter(value for value in told if value is not None)
            first = [value for value in votes if votes[value] == max(votes.values())]
            shares.append(sum(value == own.gold.iloc[0] for value in first) / len(first) if first else 0.0)
        voted.append(sum(shares) / len(shares))
    facts = manifest(output)
    assert list(facts["pass_at_k"]) == list(facts["maj_at_k"]) == ["1", "2", "4"]
    for name, shares in (("pass_at_k", passed), ("maj_at_k", voted)):
        part = facts[name][str(k)]
        assert part["accuracy"] == pytest.approx(sum(shares) / len(shares), abs=1e-6)
        assert part["ci_low"] < part["accuracy"] <= part["ci_high"]


def test_items_hold_what_the_figures_are_made_of(scored: tuple[Path, pd.DataFrame]) -> None:
    output, frame = scored
    items = pq.read_table(output, partitioning=None).to_pandas().set_index("problem_id")
    own = frame.groupby("problem_id")
    assert (items.n_correct == own.correct.sum()).all()
    assert (items.n_samples == DRAWS).all()
    assert (items.response_tokens == own.response_tokens.sum()).all()
    voting = frame[(frame.finish_reason == "stop") & frame.value.notna()].groupby("problem_id").size()
    assert (items.votes.map(sum) == voting.reindex(items.index, fill_value=0)).all()
    assert (items.correct_votes.map(sum) == items.n_correct).all()
