"""Responses joined with what was said of them: every row once with its own, and files that do not belong together."""

import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from helpers import responses_table, verdicts_table
from hypothesis import given, settings
from hypothesis import strategies as st

from distill import tables
from distill.runtime.errors import InputError
from distill.tables.graded import GradedResponse, check_whole, final_verdict, join, outcome, solved
from distill.tables.words import REJECTED, FinishReason, Judgement, Outcome, Verdict


def table(path: Path, contract: tables.Contract, rows: list[dict[str, Any]]) -> Path:
    default = {"draw": 0, "response": "", "method": "text", "matcher": "wrong", "lenient": "wrong", "reply": "?",
               "finish_reason": "stop"}  # fmt: skip
    tables.write(path, tables.build([{**default, **row} for row in rows], contract), contract)
    return path


def judgements(path: Path, words: dict[str, str], draw: int = 0) -> Path:
    return table(path, tables.JUDGEMENTS, [{"problem_id": i, "draw": draw, "judgement": w} for i, w in words.items()])


def likelihoods(path: Path, values: dict[str, float | None], draw: int = 0) -> Path:
    rows = [{"problem_id": i, "draw": draw, "loglikelihood": v, "tokens": None if v is None else 4}
            for i, v in values.items()]  # fmt: skip
    return table(path, tables.LOGLIKELIHOODS, rows)


def answered(path: Path, problem_ids: str, draw: int = 0, **keys: Any) -> Path:
    return responses_table(
        path, [{"problem_id": i, "draw": draw, "response": f"{i}{draw}", **keys} for i in problem_ids]
    )


def test_two_draws_by_hand(tmp_path: Path) -> None:
    responses = [answered(tmp_path / f"r{draw}", "abc", draw) for draw in (0, 1)]
    verdicts = [
        verdicts_table(tmp_path / "v0", {"a": "correct", "b": "wrong", "c": "no_answer"}, 0),
        verdicts_table(tmp_path / "v1", {"a": "timeout", "b": "wrong", "c": "error"}, 1),
    ]
    judged = [judgements(tmp_path / "j0", {"b": "equal"}, 0), judgements(tmp_path / "j1", {"a": "unclear"}, 1)]
    likely = [likelihoods(tmp_path / "l0", {"a": -1.0, "b": -2.0, "c": None}, 0),
              likelihoods(tmp_path / "l1", {"b": -3.0}, 1)]  # fmt: skip
    rows = list(join(responses, verdicts, judged, likely, ["response", "response_tokens"]))
    assert [(r.problem_id, r.draw, r.verdict, r.judgement, r.final_verdict) for r in rows] == [
        ("a", 0, "correct", None, "correct"),
        ("b", 0, "wrong", "equal", "correct"),
        ("c", 0, "no_answer", None, "no_answer"),
        ("a", 1, "timeout", "unclear", "timeout"),
        ("b", 1, "wrong", None, "wrong"),
        ("c", 1, "error", None, "error"),
    ]
    assert [r.loglikelihood for r in rows] == [-1.0, -2.0, None, None, -3.0, None]
    assert [r.loglikelihood_tokens for r in rows] == [4, 4, None, None, 4, None]
    assert [r.response for r in rows] == ["a0", "b0", "c0", "a1", "b1", "c1"]
    assert rows[3].file == responses[1]
    plain = GradedResponse(responses[0], "b", 0, "stop", "wrong", "wrong", "wrong")
    assert next(r for r in join(responses, verdicts) if r.problem_id == "b") == plain  # nothing that was not asked for


def test_texts_are_not_read_unless_asked_for(tmp_path: Path) -> None:
    responses = answered(tmp_path / "r", "a")
    data = pq.read_table(responses)
    spoilt = data.set_column(data.schema.get_field_index("response"), "response", [["x" * 1000]])
    pq.write_table(spoilt, responses, compression="NONE", use_dictionary=False, write_statistics=False)
    torn = responses.read_bytes()
    assert torn.count(b"x" * 1000) == 1
    responses.write_bytes(torn.replace(b"x" * 1000, b"\xff" * 1000))  # no UTF-8: whoever decodes it stops
    verdicts = verdicts_table(tmp_path / "v", {"a": "correct"})
    assert [r.verdict for r in join([responses], [verdicts], columns=["response_tokens"])] == ["correct"]
    with pytest.raises(UnicodeDecodeError):
        list(join([responses], [verdicts], columns=["response"]))


WRONG_FILES = [
    ({"v": {"a": "wrong"}}, r"v: not the verdicts of .*r; verify these responses first \(1 verdicts, 2 responses\)"),
    ({"v": {"a": "wrong", "c": "wrong"}}, r"v: not the verdicts of .*r; .*\(c \(draw 0\) stands where b \(draw 0\)"),
    ({"draw": 1}, r"v: not the verdicts of .*r; .*\(a \(draw 1\) stands where a \(draw 0\) should"),
    ({"j": {"a": "equal"}}, r"j: judgements of a \(draw 0\), which the rule did not reject in .*v; judge again"),
    ({"j": {"b": "equal", "z": "equal"}}, r"j: judgements of z \(draw 0\), which the rule did not reject"),
    ({"l": {"a": -1.0, "z": -1.0}}, r"l: log-likelihoods of z \(draw 0\), which are not in .*r; compute them again"),
]


@pytest.mark.parametrize(("files", "message"), WRONG_FILES)
def test_files_of_other_responses(tmp_path: Path, files: dict[str, Any], message: str) -> None:
    responses = answered(tmp_path / "r", "ab")
    words = files.get("v", {"a": "correct", "b": "wrong"})
    verdicts = verdicts_table(tmp_path / "v", words, files.get("draw", 0))
    judged = [judgements(tmp_path / "j", files["j"])] if "j" in files else []
    likely = [likelihoods(tmp_path / "l", files["l"])] if "l" in files else []
    with pytest.raises(InputError, match=message):
        list(join([responses], [verdicts], judged, likely))


def test_a_judgement_of_another_draw(tmp_path: Path) -> None:
    responses, verdicts = [answered(tmp_path / "r", "a")], [verdicts_table(tmp_path / "v", {"a": "wrong"})]
    with pytest.raises(InputError, match=r"j: judgements of a \(draw 1\), which the rule did not reject"):
        list(join(responses, verdicts, [judgements(tmp_path / "j", {"a": "equal"}, 1)]))
    with pytest.raises(InputError, match=r"l: log-likelihoods of a \(draw 1\), which are not in"):
        list(join(responses, verdicts, [], [likelihoods(tmp_path / "l", {"a": -1.0}, 1)]))


def test_a_draw_that_comes_twice(tmp_path: Path) -> None:
    responses, verdicts = answered(tmp_path / "r", "ab"), verdicts_table(tmp_path / "v", {"a": "wrong", "b": "wrong"})
    again = answered(tmp_path / "s", "bc"), verdicts_table(tmp_path / "w", {"b": "wrong", "c": "wrong"})
    with pytest.raises(InputError, match=r"s: several responses for b \(draw 0\); each draw .* must be given once"):
        list(join([responses, again[0]], [verdicts, again[1]]))
    rows = [{"problem_id": "a", "draw": 0, "judgement": "equal", "reply": ""}] * 2
    pq.write_table(tables.build(rows, tables.JUDGEMENTS), tmp_path / "j")
    with pytest.raises(InputError, match=r"j: several judgements for a \(draw 0\)"):
        list(join([responses], [verdicts], [tmp_path / "j"]))


def test_numbers_of_files(tmp_path: Path) -> None:
    files = [tmp_path / "x", tmp_path / "y"]
    for more, kind in (((files[:1],), "verdicts"), ((files, files[:1]), "judgements"),
                       ((files, [], files[:1]), "log-likelihoods")):  # fmt: skip
        with pytest.raises(InputError, match=f"2 files of responses, 1 of their {kind}; give one for each"):
            list(join(files, *more))
    with pytest.raises(InputError, match="2 files of earlier responses, 0 of their verdicts"):
        solved(files, [])


def test_a_misspelt_verdict_is_never_a_wrong_answer(tmp_path: Path) -> None:
    verdicts = verdicts_table(tmp_path / "v", {"a": "correct"})
    data = pq.read_table(verdicts)
    pq.write_table(data.set_column(data.schema.get_field_index("verdict"), "verdict", [["Correct"]]), verdicts)
    with pytest.raises(InputError, match=r"v: column 'verdict' of verdicts holds 'Correct'; allowed are correct, "):
        list(join([answered(tmp_path / "r", "a")], [verdicts]))


def test_solved_takes_the_rules_word_on_responses_that_ended(tmp_path: Path) -> None:
    words = {"a": "correct", "b": "correct", "c": "correct", "d": "wrong"}
    reasons = {"a": "stop", "b": "length", "c": "error", "d": "stop"}
    first = responses_table(tmp_path / "r0", [{"problem_id": i, "finish_reason": r} for i, r in reasons.items()])
    second = answered(tmp_path / "r1", "bd", 1)
    verdicts = [
        verdicts_table(tmp_path / "v0", words),
        verdicts_table(tmp_path / "v1", {"b": "correct", "d": "wrong"}, 1),
    ]
    assert solved([first], verdicts[:1]) == {"a"}
    assert solved([first, second], verdicts) == {"a", "b"}
    assert solved([], []) == set()


def test_whole_sets_and_others() -> None:
    where = Path("r")
    check_whole("ab", [("a", 0), ("b", 0), ("a", 2), ("b", 2)], where)
    with pytest.raises(InputError, match=r"r: no response for b \(draw 2\); give all shards of all draws"):
        check_whole("ab", [("a", 0), ("b", 0), ("a", 2)], where)
    with pytest.raises(InputError, match=r"r: no response for b \(draw 0\); "):
        check_whole("ab", [("a", 0)], where)
    with pytest.raises(InputError, match=r"r: no response for a \(draw 0\); "):
        check_whole("a", [], where)
    many = [(f"z{n}", 0) for n in range(7)]
    with pytest.raises(InputError, match=r"r: z0 \(draw 0\), .*z4 \(draw 0\) and 2 more are not among the problems"):
        check_whole("a", [("a", 0), *many], where)


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("judgement", [None, *Judgement])
def test_a_judge_never_takes_a_correct_answer_away_nor_invents_one(
    verdict: Verdict, judgement: Judgement | None
) -> None:
    rejected = verdict in ("wrong", "unverifiable", "timeout", "error")
    assert final_verdict(verdict, judgement) == ("correct" if rejected and judgement == "equal" else verdict)


@pytest.mark.parametrize(
    ("reason", "verdict", "reached"),
    [
        ("error", "correct", "not_generated"),
        ("length", "correct", "not_stopped"),
        ("length", "cut_off", "not_stopped"),
        ("stop", "no_answer", "not_answered"),
        ("stop", "cut_off", "not_answered"),
        ("stop", "wrong", "not_correct"),
        ("stop", "timeout", "not_correct"),
        ("stop", "error", "not_correct"),
        ("stop", "unverifiable", "not_correct"),
        ("stop", "correct", "correct"),
    ],
)
def test_outcomes(reason: str, verdict: str, reached: str) -> None:
    assert outcome(reason, verdict) is Outcome(reached)


ROWS = st.lists(
    st.tuples(st.integers(0, 9).map(str), st.integers(0, 3), st.sampled_from(FinishReason), st.sampled_from(Verdict),
              st.sampled_from([None, *Judgement])),
    unique_by=lambda row: row[:2], max_size=20,
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(ROWS, st.integers(1, 4), st.integers(1, 5))
def test_each_row_keeps_its_own_however_they_are_cut_into_files(
    rows: list[tuple[Any, ...]], shards: int, size: int
) -> None:
    shares = [[row for row in rows if int(row[0]) % shards == n] for n in range(shards)]
    names = ("problem_id", "draw", "finish_reason", "verdict", "judgement")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables.parquet, "ROW_GROUP", size)
        files: dict[str, list[Path]] = {"responses": [], "verdicts": [], "judgements": []}
        for n, share in enumerate(shares):
            dicts = [dict(zip(names, row, strict=True)) for row in share]
            texts = [{**row, "response": f"{row['problem_id']},{row['draw']}"} for row in dicts]
            judged = [row for row in dicts if row["judgement"] and row["verdict"] in REJECTED]
            for contract, content in ((tables.RESPONSES, texts), (tables.VERDICTS, dicts), (tables.JUDGEMENTS, judged)):
                files[contract.name].append(table(Path(folder, f"{contract.name}-{n}"), contract, content))
        joined = list(join(**files, columns=["response"]))
    expected = {row[:2]: (*row[2:4], row[4] if row[3] in REJECTED else None) for row in rows}
    assert [(r.problem_id, r.draw) for r in joined] == [k for share in shares for k in sorted(row[:2] for row in share)]
    assert {(r.problem_id, r.draw): (r.finish_reason, r.verdict, r.judgement) for r in joined} == expected
    assert all(r.response == f"{r.problem_id},{r.draw}" for r in joined)
