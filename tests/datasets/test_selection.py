"""From draws to rows: funnel and ledger by hand, and that every problem is accounted for, whatever the draws."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.config.recipes import DatasetRecipe
from distill.datasets.mixing import Draw
from distill.datasets.selection import Selection, select, train_rows
from distill.runtime.errors import InputError
from distill.tables.words import FUNNEL, Outcome

LETTERS = {"n": Outcome.NOT_GENERATED, "s": Outcome.NOT_STOPPED, "a": Outcome.NOT_ANSWERED,
           "w": Outcome.NOT_CORRECT, "c": Outcome.CORRECT}  # fmt: skip


def draws(outcomes: str, rejected: str = "") -> list[Draw]:
    """Return a draw of each problem a, b, ... from its outcome's letter; those of `rejected` are `too_long`."""
    pairs = zip("abcdefghij", outcomes, strict=False)
    return [Draw(i, 0, LETTERS[letter], "too_long" if i in rejected else None) for i, letter in pairs]


def selected(excluded: dict[str, str] | None = None, problems: str = "abcdefgh", **keys: Any) -> Selection:
    recipe = DatasetRecipe.model_validate({"corpus": "c", "teachers": ["hard", "easy"], "alpha": 0.6, **keys})
    teachers = {"hard": draws("nsawcccc", "e"), "easy": draws("ccccccwc")}
    return select(dict.fromkeys(problems), teachers, excluded or {}, recipe, "d")


def facts_of(selection: Selection, **keys: Any) -> dict[str, Any]:
    recipe = DatasetRecipe.model_validate({"corpus": "c", "teachers": ["hard", "easy"], "alpha": 0.6, **keys})
    return selection.manifest("d", recipe, {i: f"{t} {i}" for i, (t, _) in selection.chosen().items()})


def test_funnel_ledgers_and_rows_by_hand() -> None:
    selection = selected({"a": "contaminated", "f": "near_duplicate"}, problems="abcdefghz")
    hard, easy = selection.contributions
    facts = facts_of(selection)
    assert facts["funnel"] == {
        "hard": dict(zip(FUNNEL, (9, 7, 6, 5, 4, 2, 1), strict=True)),
        "easy": dict(zip(FUNNEL, (9, 8, 8, 8, 7, 5, 1), strict=True)),
    }
    assert (facts["rows"], facts["teachers"], selection.chosen()) == (1, {"hard": 1, "easy": 0}, {"h": ("hard", 0)})
    assert hard.lost == {
        "a": "not_generated", "b": "not_stopped", "c": "not_answered", "d": "not_correct", "e": "too_long",
        "f": "near_duplicate", "g": "not_paired", "z": "not_generated",
    }  # fmt: skip
    assert easy.lost == {
        "a": "contaminated", "b": "not_paired", "c": "not_paired", "d": "not_paired", "e": "not_paired",
        "f": "near_duplicate", "g": "not_correct", "h": "other_source", "z": "not_generated",
    }  # fmt: skip
    assert facts["ledger"]["lost"] == {"contaminated": 1, "near_duplicate": 1, "not_paired": 6}
    assert facts["ledger_by_teacher"]["hard"]["lost"]["not_generated"] == 2
    reasons = {(row["teacher"], row["problem_id"]): row["reason"] for row in selection.ledger_rows()}
    assert reasons == {("hard", i): r for i, r in hard.lost.items()} | {("easy", i): r for i, r in easy.lost.items()}


def test_what_is_over_the_budget() -> None:
    facts = facts_of(selected(rows=1, pairing="own_correct"))
    assert facts["rows"] == 1
    assert facts["ledger"] == {"rows_in": 8, "rows_out": 1, "lost": {"over_budget": 7}}
    assert facts["ledger_by_teacher"]["hard"]["lost"]["over_budget"] == 2
    assert facts["ledger_by_teacher"]["easy"]["lost"]["over_budget"] == 6


LEVELS = {"a": "Level 2", "b": "Level 5", "c": "Level ?", "d": "Level 5", "e": "Level 1", "f": "Level 10", "g": None,
          "h": "Level 2", "i": "Level 3", "j": "Level 4"}  # fmt: skip


def by_level(levels: dict[str, str | None], teachers: list[str], **keys: Any) -> dict[str, str]:
    """Return problem_id -> teacher of a mix of 0.3 of the first teacher; every teacher is right everywhere."""
    shares = [0.3, 0.7, *[0.0] * (len(teachers) - 2)]
    recipe = {"corpus": "c", "teachers": teachers, "shares": shares, "assignment": "by_level", **keys}
    given = {teacher: draws("c" * 10) for teacher in teachers}
    chosen = select(levels, given, {}, DatasetRecipe.model_validate(recipe), "d").chosen()
    return {i: teacher for i, (teacher, _) in chosen.items()}


@pytest.mark.parametrize(
    "teachers", [["a-hard", "easy"], ["z-hard", "easy"], ["z-hard", "easy", "m-idle"], ["m-hard", "z-easy", "a-idle"]]
)
def test_the_first_teacher_has_the_hardest_problems_whatever_the_names(teachers: list[str]) -> None:
    owners = by_level(LEVELS, teachers)
    assert {i for i, teacher in owners.items() if teacher == teachers[0]} == {"b", "d", "f"}
    seeded = by_level(LEVELS, teachers, assignment="seeded")
    assert owners.keys() == seeded.keys() == LEVELS.keys()
    assert sorted(owners.values()) == sorted(seeded.values())
    assert owners != seeded


def test_problems_of_a_level_stand_in_the_order_of_the_seed() -> None:
    alike = dict.fromkeys(IDS, "3")
    assert by_level(alike, ["hard", "easy"]) == by_level(alike, ["hard", "easy"], assignment="seeded")
    assert by_level(alike, ["hard", "easy"]) != by_level(alike, ["hard", "easy"], seed=1)


def test_a_level_of_more_digits_than_a_number_has_is_the_lowest() -> None:
    levels = {**dict.fromkeys(IDS, "3"), "a": "9" * 5000, "b": "Level 12"}
    owners = by_level(levels, ["hard", "easy"])
    assert (owners["a"], owners["b"]) == ("easy", "hard")


def test_levels_without_a_number_assign_nothing() -> None:
    with pytest.raises(InputError, match="no problem has a level with a number"):
        by_level({**dict.fromkeys(IDS), "a": "hard"}, ["hard", "easy"])


def test_train_rows_hold_question_and_chosen_response() -> None:
    problems = [{"problem_id": i, "problem": f"Q {i}", "origin": f"o{i}"} for i in "ab"]
    (row,) = train_rows(problems, {"b": ("hard", 3)}, {"b": "B"})
    assert row == {
        "problem_id": "b", "source": "ob", "teacher": "hard", "draw": 3,
        "messages": [{"role": "user", "content": "Q b"}, {"role": "assistant", "content": "B"}],
    }  # fmt: skip


IDS = "abcdefghij"
DRAWS = st.lists(
    st.builds(Draw, st.sampled_from(IDS), st.integers(0, 2), st.sampled_from(Outcome),
              st.sampled_from([None, None, "too_long", "repetitive"]), st.tuples(st.integers(0, 2), st.just(0))),
    max_size=40,
)  # fmt: skip
EXCLUDED = st.dictionaries(st.sampled_from(IDS), st.sampled_from(["contaminated", "too_easy"]), max_size=4)
PAIRINGS = st.sampled_from(["both_correct", "own_correct", "unfiltered"])


@settings(deadline=None)
@given(DRAWS, DRAWS, EXCLUDED, PAIRINGS, st.floats(0, 1))
def test_every_problem_is_given_or_lost_once_and_the_funnel_only_narrows(
    hard: list[Draw], easy: list[Draw], excluded: dict[str, str], pairing: str, alpha: float
) -> None:
    keys = {"corpus": "c", "teachers": ["hard", "easy"], "alpha": alpha, "pairing": pairing}
    teachers = {"hard": hard, "easy": easy}
    try:
        selection = select(dict.fromkeys(IDS), teachers, excluded, DatasetRecipe.model_validate(keys), "d")
    except InputError:  # a teacher has nothing
        return
    facts = facts_of(selection)  # its ledgers add up or it raises
    chosen_ids = [set(each.chosen) for each in selection.contributions]
    assert not chosen_ids[0] & chosen_ids[1]
    assert not (chosen_ids[0] | chosen_ids[1]) & excluded.keys()
    for each in selection.contributions:
        assert sorted([*each.chosen, *each.lost]) == sorted(IDS)
        counts = list(facts["funnel"][each.teacher].values())
        narrowing = counts if pairing != "unfiltered" else counts[:5]  # unfiltered takes what is not correct, too
        assert narrowing == sorted(narrowing, reverse=True)
        usable = {(draw.problem_id, draw.draw) for draw in teachers[each.teacher] if not draw.rejection}
        assert usable.issuperset(each.draws.items())
    assert facts["rows"] == len(selection.chosen()) == sum(facts["teachers"].values())
    reasons = {row["reason"] for row in selection.ledger_rows() if row["problem_id"] in excluded}
    assert not {"other_source", "over_budget", "not_paired"} & reasons
