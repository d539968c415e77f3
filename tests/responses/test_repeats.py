"""count_repeats.py: responses of one problem that several draws have in common, counted by hand and in general."""

import tempfile
from pathlib import Path

import count_repeats
from helpers import manifest, responses_table
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.responses.repeats import repeated_samples


def draws(folder: Path, texts: dict[int, str]) -> list[Path]:
    """Write a file per draw; each letter is the response to the next of the problems a, b, c, d."""
    return [
        responses_table(
            folder / f"{draw}.parquet",
            [{"problem_id": i, "draw": draw, "response": r} for i, r in zip("abcd", answered, strict=False)],
        )
        for draw, answered in texts.items()
    ]


def test_identical_samples_of_several_draws_are_counted(tmp_path: Path) -> None:
    files = draws(tmp_path, {0: "abcd", 1: "abxx", 2: "axy"})
    rows = [{"problem_id": "d", "draw": 2, "response": "x", "finish_reason": "error"}]
    files.append(responses_table(tmp_path / "error.parquet", rows))  # no sample: the same as nothing
    counts = {
        "rows": 11,
        "repeated": 3,  # a twice, b once; that c and d of draw 1 are both x is no repeat
        "pairs": {"0, 1": {"both": 4, "same": 2}, "0, 2": {"both": 3, "same": 1}, "1, 2": {"both": 3, "same": 1}},
    }
    assert repeated_samples(files) == counts
    output = tmp_path / "repeats/manifest.json"
    count_repeats.main(["--responses", *map(str, files), "--output", str(output)])
    assert manifest(output) == {"kind": "repeats", **counts}
    assert sorted(p.name for p in output.parent.iterdir()) == ["manifest.json", "provenance.json"]


def test_one_draw_repeats_nothing(tmp_path: Path) -> None:
    assert repeated_samples(draws(tmp_path, {0: "xxxx"})) == {"rows": 4, "repeated": 0, "pairs": {}}


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.integers(0, 20), st.text("xy", max_size=4), min_size=1, max_size=5), st.randoms())
def test_counts_follow_from_the_texts_in_any_order(texts: dict[int, str], random: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = draws(Path(folder), texts)
        counts = repeated_samples(files)
        random.shuffle(files)
        assert repeated_samples(files) == counts
    answered = [[text[n] for text in texts.values() if n < len(text)] for n in range(4)]
    assert counts["rows"] == sum(map(len, texts.values()))
    assert counts["repeated"] == sum(len(a) - len(set(a)) for a in answered)
    same = {pair: sum(x == y for x, y in zip(texts[pair[0]], texts[pair[1]], strict=False))
            for pair in ((a, b) for a in texts for b in texts if a < b)}  # fmt: skip
    assert {k: v["same"] for k, v in counts["pairs"].items() if v["same"]} == {
        f"{a}, {b}": n for (a, b), n in same.items() if n
    }
