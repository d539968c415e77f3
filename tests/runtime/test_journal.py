"""The journal: what is added is there again, whatever byte a kill left as the last one."""

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.runtime.errors import InputError
from distill.runtime.journal import Journal

TEXT = st.text(max_size=12) | st.sampled_from(['a, "row": b', "line\nbreak", "\ud800", "\u2028\x85\r", '"}\n{"key": '])
KEYS = st.lists(st.tuples(TEXT, st.integers(0, 3)), unique=True, max_size=6)


def rows(path: Path) -> dict:
    journal = Journal(path)
    found = {key: journal[key] for key in journal}
    journal.close()
    return found


def fill(path: Path, entries: dict) -> list[int]:
    """Add entries; return the size of the file after each."""
    journal, sizes = Journal(path), [0]
    for key, row in entries.items():
        journal.add(key, row)
        sizes.append(path.stat().st_size)
    journal.close()
    return sizes


@settings(max_examples=150, deadline=None)
@given(keys=KEYS, texts=st.lists(TEXT, min_size=6, max_size=6), cut=st.floats(0, 1), last=TEXT)
def test_any_prefix_of_the_bytes_is_a_prefix_of_the_rows(
    tmp_path_factory: pytest.TempPathFactory, keys: list, texts: list, cut: float, last: str
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"
    entries = {key: {"text": text, "n": n} for n, (key, text) in enumerate(zip(keys, texts, strict=False))}
    sizes = fill(path, entries)
    assert rows(path) == entries
    kept = int(cut * sizes[-1])
    os.truncate(path, kept)
    whole = sum(size <= kept for size in sizes) - 1
    expected = dict(list(entries.items())[:whole])
    assert rows(path) == expected
    assert path.stat().st_size == sizes[whole]
    fill(path, {("new", 9): last})
    assert rows(path) == {**expected, ("new", 9): last}


def test_a_row_is_on_the_disk_before_the_next_is_asked_for(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.jsonl")
    journal.add(("a", 0), "first")
    assert rows(tmp_path / "j.jsonl") == {("a", 0): "first"}  # read by another opener while it is open here
    assert journal["a", 0] == "first"
    journal.close()


def test_the_last_row_of_a_key_counts_and_costs_add_up(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.jsonl")
    journal.add(("a", 0), "first", cost=0.25)
    journal.add(("a", 0), "second", cost=0.5)
    journal.add(("b", 0), "free")
    journal.close()
    again = Journal(tmp_path / "j.jsonl")
    assert (again["a", 0], len(again), again.cost) == ("second", 2, 0.75)
    assert ("c", 0) not in again
    with pytest.raises(KeyError):
        again["c", 0]


def test_lines_that_are_no_entries_cost_only_themselves(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "j.jsonl"
    fill(path, {("a", 0): "x", ("b", 0): "y"})
    first, second = path.read_bytes().splitlines(keepends=True)
    bad = b'["an", "old", "kind"]\n' + b"\0\0\0\n" + b'{"key": ["c", "row": 1}\n' + b'{"key": ["c"], "row": 1\n'
    path.write_bytes(first + bad + second)
    with caplog.at_level(logging.INFO):
        assert rows(path) == {("a", 0): "x", ("b", 0): "y"}
    assert "4 lines are no entries" in caplog.text
    path.write_bytes(first + second.replace(b'"y"', b'"y'))
    journal = Journal(path)
    with pytest.raises(InputError, match=r"j\.jsonl: byte \d+: the line is spoilt"):
        journal["b", 0]


def test_threads_do_not_tear_each_others_lines(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    journal = Journal(tmp_path / "j.jsonl")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: journal.add((f"p{i}", 0), str(i) * 20_000), range(200)))
    journal.close()
    assert rows(tmp_path / "j.jsonl") == {(f"p{i}", 0): str(i) * 20_000 for i in range(200)}


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    import resource
    import signal

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    journal = Journal(tmp_path / "j.jsonl")
    journal.add(("a", 0), "x" * 1000)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
        with pytest.raises(OSError, match="File too large"):
            journal.add(("b", 0), "x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    journal.add(("c", 0), "z")
    journal.close()
    assert rows(tmp_path / "j.jsonl") == {("a", 0): "x" * 1000, ("c", 0): "z"}
