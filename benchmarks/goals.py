"""The goals of the benchmarks: a line for each, and with --check an exit code of 1 where one is missed."""

import argparse
import sys
from collections.abc import Iterable
from typing import NamedTuple


class Goal(NamedTuple):
    """A goal: what it is of, what was measured, what it should be, and whether it is met."""

    name: str
    value: str
    bound: str
    met: bool


def add_check(parser: argparse.ArgumentParser) -> None:
    """Add the option --check."""
    parser.add_argument("--check", action="store_true", help="exit with 1 when a goal is missed")


def report(goals: Iterable[Goal], check: bool) -> None:
    """Print a line for each goal; where one is missed and `check` is set, end the program with 1."""
    reached = list(goals)
    for goal in reached:
        print(f"goal {goal.name}: {goal.value} ({goal.bound}) {'met' if goal.met else 'missed'}", flush=True)
    if check and not all(goal.met for goal in reached):
        sys.exit(1)
