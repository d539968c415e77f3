"""Limits of a comparison: CPU seconds decide, waiting does not count, a hostile row costs its own verdict only."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import REPOSITORY

from distill.tables.words import Verdict
from distill.verdicts import grading, symbolic
from distill.verdicts.grading import Comparison, compare, grade
from distill.verdicts.limits import ExpiredError, cpu_limit
from distill.verdicts.workers import check_golds, grade_all

GOOD = ("correct", "symbolic")


def burn(seconds: float) -> None:
    """Compute, in Python, for so many CPU seconds."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def words(rows: list[str], **keys: Any) -> list[tuple[str, str]]:
    """Return verdict and method of comparisons that only a worker can make, one per word."""
    pairs = [(f"{a}+q", rf"\boxed{{{a}+q+0}}", "stop") for a in rows]
    return [(v.verdict, v.method) for v in grade_all(pairs, compare_pair=play, **keys)]


def play(_gold: str, answer: str, timeout_seconds: int) -> Comparison:
    """Compare as a broken library would."""
    word = answer.partition("+")[0]
    if word == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "hang":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM, signal.SIGPROF])
        time.sleep(600)
    if word == "fill":
        return Comparison(Verdict.WRONG, str(len(bytearray(1 << 36))))
    if word == "spent":  # as `compare` says it
        return Comparison(Verdict.ERROR, "memory")
    if word == "power":
        return Comparison(Verdict.WRONG, str(9 ** (9**9)))  # one call, in C, for many minutes
    try:
        with cpu_limit(timeout_seconds):
            if word == "sleep":
                time.sleep(2.5)
            if word == "burn":
                burn(8)
            if word.startswith("work"):
                burn(0.7)
    except ExpiredError:
        return Comparison(Verdict.TIMEOUT, "symbolic")
    return Comparison(*GOOD)


def test_one_hostile_row_costs_its_own_verdict_only() -> None:
    comparisons = words(["x", "kill", "y", "hang", "fill", "z"], workers=2, deadline_seconds=3)
    assert comparisons == [GOOD, ("error", "worker"), GOOD, ("timeout", "deadline"), ("error", "memory"), GOOD]


def test_waiting_is_not_computing() -> None:
    assert words(["sleep", "burn", "x"], timeout_seconds=1) == [GOOD, ("timeout", "symbolic"), GOOD]


def test_the_kernel_ends_c_code_at_its_limit_of_cpu_time_and_the_next_pair_starts_anew() -> None:
    """No deadline ends it: 600 seconds are longer than the limit of the whole test."""
    comparisons = words(["power", "x", "burn", "y"], timeout_seconds=1, deadline_seconds=600)
    assert comparisons == [("timeout", "deadline"), GOOD, ("timeout", "symbolic"), GOOD]


def test_a_worker_lives_longer_than_the_limit_of_one_comparison() -> None:
    comparisons = words(["burn", *(f"work{i}" for i in range(6)), "x"], workers=1, timeout_seconds=1)
    assert comparisons == [("timeout", "symbolic"), *[GOOD] * 7]


class Once:
    """Fail the first time a pair is compared, and not the second; a file remembers."""

    def __init__(self, folder: Path, failure: str):
        self.folder, self.failure = folder, failure

    def __call__(self, gold: str, answer: str, timeout_seconds: int) -> Comparison:
        """Note the process; fail if it is the first, or if others work at the same time."""
        seen = self.folder / f"{answer[0]}-{os.getpid()}"
        first = not list(self.folder.glob(f"{answer[0]}-*"))
        seen.touch()
        return play(gold, f"{self.failure}+q" if first else "x+q", timeout_seconds)


@pytest.mark.parametrize("failure", ["hang", "kill", "fill", "spent"])
def test_what_the_machine_may_have_caused_is_tried_once_more_in_a_fresh_worker(tmp_path: Path, failure: str) -> None:
    pairs = [(f"{a}+q", rf"\boxed{{{a}+q+0}}", "stop") for a in "ab"]
    grades = grade_all(pairs, workers=1, deadline_seconds=2, compare_pair=Once(tmp_path, failure))
    assert [(v.verdict, v.method) for v in grades] == [GOOD, GOOD]
    assert len(list(tmp_path.glob("a-*"))) == len(list(tmp_path.glob("b-*"))) == 2  # each in two processes
    assert len({path.name[2:] for path in tmp_path.iterdir()}) >= 3


def test_what_cpu_time_decides_is_not_tried_again(tmp_path: Path) -> None:
    (result,) = grade_all([("a+q", r"\boxed{a+q+0}", None)], timeout_seconds=1, compare_pair=Once(tmp_path, "burn"))
    assert (result.verdict, result.method) == ("timeout", "symbolic")
    (result,) = grade_all([("b+q", r"\boxed{b+q+0}", None)], timeout_seconds=1, compare_pair=Once(tmp_path, "power"))
    assert (result.verdict, result.method) == ("timeout", "deadline")


def test_a_deadline_kill_that_repeats_is_a_timeout() -> None:
    assert words(["hang"], deadline_seconds=2) == [("timeout", "deadline")]


# In this process


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Replace the comparison by one that does what a test says first."""

    def use(before: Any) -> None:
        monkeypatch.setattr(symbolic, "same", lambda *_: before() or True)

    return use


def test_a_comparison_that_waits_is_not_a_timeout_and_one_that_computes_is(slow: Any) -> None:
    slow(lambda: time.sleep(2))
    assert grade("x+1", r"\boxed{1+x}", timeout_seconds=1).verdict == "correct"
    slow(lambda: burn(8))
    assert grade("x+1", r"\boxed{1+x}", timeout_seconds=1).verdict == "timeout"
    slow(lambda: burn(0.2))
    assert grade("x+1", r"\boxed{1+x}", timeout_seconds=1).verdict == "correct"


def test_the_limit_holds_among_busy_processes() -> None:
    """The kernel's timers of CPU time do not: with so many loops they may not fire at all."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(8)]
    try:
        for _ in range(3):
            start = time.thread_time()
            with pytest.raises(ExpiredError), cpu_limit(0.2):
                burn(3)
            assert time.thread_time() - start < 1
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def test_a_bare_except_swallows_one_interrupt_only(slow: Any) -> None:
    def stubborn() -> None:
        try:
            burn(8)
        except BaseException:
            burn(8)

    slow(stubborn)
    assert grade("x+1", r"\boxed{1+x}", timeout_seconds=1).verdict == "timeout"


def test_the_computing_of_other_threads_does_not_count(slow: Any) -> None:
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            sum(range(1000))

    threads = [threading.Thread(target=spin) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        start = time.process_time()
        slow(lambda: [time.sleep(0.01) for _ in iter(lambda: time.process_time() - start < 2.5, False)] and None)
        assert grade("x+1", r"\boxed{1+x}", timeout_seconds=1).verdict == "correct"
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_thread_cannot_be_interrupted() -> None:
    failures: list[BaseException] = []

    def call() -> None:
        try:
            compare("x+1", "1+x")
        except RuntimeError as failure:
            failures.append(failure)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert "main thread" in str(failures)


def test_the_callers_timers_survive() -> None:
    handlers = [signal.signal(number, lambda *_: None) for number in (signal.SIGALRM, signal.SIGPROF)]
    try:
        signal.alarm(1000)
        signal.setitimer(signal.ITIMER_PROF, 500, 7)
        before = signal.getsignal(signal.SIGPROF)
        assert compare(r"x+\sqrt{2}", r"2^{1/2}+x").verdict == "correct"
        left, interval = signal.setitimer(signal.ITIMER_PROF, 0)
        assert 100 < left <= 501
        assert interval == 7
        assert signal.getsignal(signal.SIGPROF) is before
        assert 0 < signal.alarm(0) <= 1000
    finally:
        signal.signal(signal.SIGALRM, handlers[0])
        signal.signal(signal.SIGPROF, handlers[1])


def test_nothing_comes_after_the_end_of_a_limit() -> None:
    threads = threading.active_count()
    with cpu_limit(0.3):
        pass
    burn(0.5)
    assert threading.active_count() == threads
    assert signal.getsignal(signal.SIGPROF) == signal.SIG_DFL


def test_a_module_is_imported_to_its_end_before_the_limit_counts(tmp_path: Path, monkeypatch: Any) -> None:
    body = """
        import time
        end = time.thread_time() + 0.6
        while time.thread_time() < end:
            pass
        done = True
    """
    (tmp_path / "slowly_loaded.py").write_text(textwrap.dedent(body))
    monkeypatch.syspath_prepend(tmp_path)

    def load_and_go_on() -> None:
        with cpu_limit(0.2):
            import slowly_loaded  # noqa: F401

            burn(8)

    with pytest.raises(ExpiredError):
        load_and_go_on()
    assert sys.modules.pop("slowly_loaded").done


def test_the_libraries_are_loaded_before_the_limit_begins() -> None:
    """The first comparison of a process, with less CPU time than the imports alone need; then another."""
    code = """
        import sys
        sys.path.insert(0, "scripts")
        from distill.verdicts import grading, limits
        assert "sympy" not in sys.modules
        limit = limits.cpu_limit
        grading.cpu_limit = lambda seconds: limit(0.25)
        for gold, answer in [("x+1", "1+x"), ("x+1", "2+x"), (r"x^{2}+2", r"2+x\\cdot x")]:
            print(grading.compare(gold, answer, 1).verdict)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=1800)
    assert done.stdout.split() == ["correct", "wrong", "correct"]


# Many rows


def test_verdicts_do_not_depend_on_the_number_of_workers() -> None:
    rows = [(f"{i}x", rf"\boxed{{x \cdot {i % 7}}}", "stop") for i in range(60)]
    assert list(grade_all(rows, workers=1)) == list(grade_all(rows, workers=3))


def test_golds_are_checked_as_in_this_process() -> None:
    golds = ["x+1", "3", r"\oplus @@ ??", r"\frac{1}{2004!}", "9^{9^{9^9}}x"]
    assert check_golds(golds, timeout_seconds=1) == {g: grading.is_verifiable(g, timeout_seconds=1) for g in golds}


HOSTILE = [
    r"\boxed{" + "9" * 5000 + "}",
    r"\boxed{9^{9^{9^{9}}}}",
    r"\boxed{x^{9^{9^{9}}}}",
    r"\boxed{\frac{1}{9^{9^{9^{9}}}}}",
    r"\boxed{(10^9)!\cdot x}",
    r"\boxed{\binom{10^{11}}{5\cdot 10^{10}}}",
    r"\boxed{" + "(" * 3000 + "1" + ")" * 3000 + "}",
    r"\boxed{" + r"\frac{1}{" * 400 + "1" + "}" * 400 + "}",
    r"\boxed{" * 5000,
    "\\boxed{" + "{" * 100_000,
    r"\boxed{" + r"\text{ " * 800 + "}",
    r"\boxed{" + r"\mathrm e" * 600 + "}",
    r"\boxed{3" + "!" * 3000 + "}",
    "wait " * 200_000 + r"\boxed{3}",
    "\x00\ud800 \\boxed{\ud800}",
    r"\boxed{\sum_{k=1}^{1000000} \frac{1}{k^2}}",
    r"\boxed{1000000!}",
]


@pytest.mark.parametrize("response", HOSTILE)
def test_hostile_responses_come_to_an_end_and_are_not_correct(response: str) -> None:
    """That it ends is the test: nothing else would stop these."""
    (result,) = grade_all([("3", response, "stop")], timeout_seconds=1)
    assert (result.verdict == "correct") == response.endswith(r"\boxed{3}")
