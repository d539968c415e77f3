"""Dial arithmetic: the problems of the toy study, their gold traces in four styles, and the words they use.

A dial has positions 0 to 9. A problem sets it to a start and moves it in 1 to 4 sentences (the level); a sentence
holds one operation, or two with probability `P_TWO`. All arithmetic is modulo 10 and the answer is one digit.
Pure functions of the standard library; equal seeds give equal problems and traces.
"""

import random
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

LEVELS = (1, 2, 3, 4)
STYLES = ("short", "steps", "large", "long")
P_TWO = 0.2
SLIP_RATE = 0.1  # share of the operations that a long trace first does wrong, then repairs
TRAIN_SEED, TRAIN_COUNT = 101, 1500
TEST_SEED, TEST_COUNT = 202, 400

PAD, UNKNOWN, USER, ASSISTANT, END = "<|pad|>", "<|unk|>", "<|user|>", "<|assistant|>", "<|end|>"
SPECIAL = (PAD, UNKNOWN, USER, ASSISTANT, END)
TOKEN_PATTERN = r"\\boxed\{|[A-Za-z]+|[0-9]|\n|[^\sA-Za-z0-9]"

NAMES = ("Ana", "Ben", "Cara", "Dev", "Eli", "Fay", "Gus", "Hana")
OPENINGS = (
    "{name} sets the dial to {start}.",
    "{name} turns the dial to {start}.",
    "The dial of {name} is at {start}.",
)
LEADS = ("Then go", "Next go", "Now go")
QUESTIONS = ("Where is it?", "Where does the dial stop?", "What does the dial show?")
VERBS = ("up", "down", "times")
INVERTIBLE = {3: 7, 7: 3, 9: 9}  # factor -> its inverse modulo 10

Operation = tuple[str, int]


@dataclass(frozen=True)
class Problem:
    """One dial problem: `text` as the student reads it, and the same as numbers."""

    text: str
    start: int
    parts: tuple[tuple[Operation, ...], ...]

    @property
    def level(self) -> int:
        """Number of sentences that move the dial, 1 to 4."""
        return len(self.parts)

    @property
    def answer(self) -> str:
        """The final position as one digit."""
        return str(apply_part(self.start, [operation for part in self.parts for operation in part]))

    @property
    def key(self) -> tuple[object, ...]:
        """What two problems must share to count as the same problem.

        The arithmetic, whatever the wording; at level 1 the text, since only 210 one-operation problems exist.
        """
        return (self.text,) if self.level == 1 else (self.start, self.parts)


def apply(position: int, operation: Operation) -> int:
    """Position (0 to 9) after one operation; ValueError for an unknown verb."""
    verb, amount = operation
    if verb == "up":
        return (position + amount) % 10
    if verb == "down":
        return (position - amount) % 10
    if verb == "times":
        return position * amount % 10
    raise ValueError(f"unknown operation {verb!r}, expected one of {', '.join(VERBS)}")


def apply_part(position: int, part: Collection[Operation]) -> int:
    """Position after several operations in order."""
    for operation in part:
        position = apply(position, operation)
    return position


def inverse(operation: Operation) -> Operation:
    """The operation that undoes `operation`; KeyError for a factor without inverse modulo 10."""
    verb, amount = operation
    if verb == "times":
        return "times", INVERTIBLE[amount]
    return ("down" if verb == "up" else "up"), amount


def combine(part: Collection[Operation]) -> str:
    """One phrase for the net effect of a sentence: `up b`, `times a`, or `times a then up b` (a, b modulo 10)."""
    shift = apply_part(0, part)
    factor = (apply_part(1, part) - shift) % 10
    if factor == 1:
        return f"up {shift}"
    return f"times {factor}" if shift == 0 else f"times {factor} then up {shift}"


def make_problem(rng: random.Random, level: int) -> Problem:
    """A random problem of one level (1 to 4 sentences); ValueError for another level."""
    if level not in LEVELS:
        raise ValueError(f"level {level} is not one of {LEVELS}")
    start = rng.randrange(10)
    parts = tuple(tuple(_operation(rng) for _ in range(2 if rng.random() < P_TWO else 1)) for _ in range(level))
    sentences = [rng.choice(OPENINGS).format(name=rng.choice(NAMES), start=start)]
    for index, part in enumerate(parts):
        lead = rng.choice(LEADS) if index else "Go"
        sentences.append(f"{lead} {_phrase(part)}.")
    sentences.append(rng.choice(QUESTIONS))
    return Problem(" ".join(sentences), start, parts)


def _operation(rng: random.Random) -> Operation:
    verb = rng.choice(VERBS)
    return verb, rng.choice(tuple(INVERTIBLE)) if verb == "times" else rng.randrange(1, 10)


def _phrase(part: Collection[Operation]) -> str:
    return " then ".join(f"{verb} {amount}" for verb, amount in part)


def corpus(seed: int, count: int, excluded: Collection[tuple[object, ...]] = ()) -> list[Problem]:
    """`count` different problems, levels in turn (so in equal shares), none with a key in `excluded`."""
    rng, seen, problems = random.Random(seed), set(excluded), []
    while len(problems) < count:
        problem = make_problem(rng, LEVELS[len(problems) % len(LEVELS)])
        if problem.key not in seen:
            seen.add(problem.key)
            problems.append(problem)
    return problems


def heldout_problems() -> list[Problem]:
    """The held-out problems."""
    return corpus(TEST_SEED, TEST_COUNT)


def training_problems() -> list[Problem]:
    """The problems that teachers answer and students are fine-tuned on; none is held out."""
    return corpus(TRAIN_SEED, TRAIN_COUNT, {problem.key for problem in heldout_problems()})


def reserved_keys() -> set[tuple[object, ...]]:
    """Keys of all train and test problems: no model may see them while it is made."""
    return {problem.key for problem in heldout_problems() + training_problems()}


def row(problem: Problem, split: str, number: int) -> dict[str, str]:
    """One line of a problem file: id (`toy-train-0001`), problem, answer, level."""
    return {
        "id": f"toy-{split}-{number:04d}",
        "problem": problem.text,
        "answer": problem.answer,
        "level": str(problem.level),
    }


def examples(
    seed: int, count: int, styles: Mapping[str, float], levels: Mapping[int, float], excluded: Collection[object]
) -> Iterator[tuple[str, str]]:
    """`count` pairs (problem, gold trace) to make a model with; `styles` and `levels` map a name to its weight.

    Problems may repeat, but none has a key in `excluded`.
    """
    rng = random.Random(seed)
    made = 0
    while made < count:
        problem = make_problem(rng, rng.choices(list(levels), list(levels.values()))[0])
        if problem.key in excluded:
            continue
        style = rng.choices(list(styles), list(styles.values()))[0]
        yield problem.text, trace(problem, style, rng)
        made += 1


def trace(problem: Problem, style: str, rng: random.Random) -> str:
    r"""The gold trace of a problem in one style, ending in `\boxed{answer}`; ValueError for an unknown style.

    `rng` decides where a long trace slips; the other styles do not use it.
    """
    if style not in STYLES:
        raise ValueError(f"unknown style {style!r}, expected one of {', '.join(STYLES)}")
    lines, position = [], problem.start
    if style == "long":
        lines.append(f"Let me think. The dial starts at {position}.")
    for number, part in enumerate(problem.parts, start=1):
        lines += _part_lines(style, number, position, part, rng)
        position = apply_part(position, part)
    if style == "large":
        lines.append(f"The dial shows {position}.")
    if style == "long":
        lines.append(f"All parts done: {' to '.join(map(str, _positions(problem)))}.")
    return "\n".join([*lines, f"\\boxed{{{position}}}"])


def _part_lines(style: str, number: int, position: int, part: tuple[Operation, ...], rng: random.Random) -> list[str]:
    after = apply_part(position, part)
    if style == "short":
        return [f"{position} {' '.join(f'{verb} {amount}' for verb, amount in part)} = {after}."]
    if style == "large":
        net = f"{_phrase(part)} is {combine(part)}" if len(part) > 1 else _phrase(part)
        return [f"{net}, so {position} goes to {after}."]
    lines = [f"Part {number} says {_phrase(part)}."] if style == "long" else []
    for operation in part:
        lines.append(_checked(position, operation, rng) if style == "long" else _step(position, operation))
        position = apply(position, operation)
    return lines


def _step(position: int, operation: Operation, shown: int | None = None) -> str:
    verb, amount = operation
    return f"{position} {verb} {amount} = {apply(position, operation) if shown is None else shown}."


def _checked(position: int, operation: Operation, rng: random.Random) -> str:
    """A step and its check by the inverse; some steps are first done wrong, noticed and repeated."""
    right = apply(position, operation)
    step = f"{_step(position, operation)} Check: {_step(right, inverse(operation))} Right."
    if rng.random() >= SLIP_RATE:
        return step
    slip = (right + rng.randrange(1, 10)) % 10
    return f"{_step(position, operation, slip)} Check: {_step(slip, inverse(operation))} Wait, wrong. {step}"


def _positions(problem: Problem) -> list[int]:
    positions = [problem.start]
    for part in problem.parts:
        for operation in part:
            positions.append(apply(positions[-1], operation))
    return positions


def split_words(text: str) -> list[str]:
    r"""Tokens of a text as the tokenizer splits it: words, single digits, `\boxed{`, newlines, other signs."""
    return re.findall(TOKEN_PATTERN, text)


def vocabulary() -> list[str]:
    """Every token of the toy tokenizer; the position is its id. Special tokens come first, then words sorted."""
    wording = " ".join([*NAMES, *OPENINGS, *LEADS, *QUESTIONS, *VERBS, "Go then"])
    wording = wording.replace("{name}", " ").replace("{start}", " ")
    traces = (
        "Let me think starts Part says Check Right Wait wrong All parts done is so goes to shows . , : = \n \\boxed{ }"
    )
    digits = " ".join(map(str, range(10)))
    return [*SPECIAL, *sorted(set(split_words(f"{wording} {traces} {digits}")))]
