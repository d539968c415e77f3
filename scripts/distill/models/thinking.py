"""How models mark their thinking. Tables hold one form: `<think>`, the thinking, `</think>`, then the answer.

Each preset names the tags of a family of models; a response in other tags is rewritten once, where it comes in.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence

OPEN, CLOSE = "<think>", "</think>"
PRESETS: dict[str, tuple[str, str]] = {
    "think": (OPEN, CLOSE),
    "mistral": ("[THINK]", "[/THINK]"),
    "seed": ("<seed:think>", "</seed:think>"),
    "gpt-oss": ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
    "sky": ("<|begin_of_thought|>", "<|end_of_thought|>"),
    "kimi": ("◁think▷", "◁/think▷"),
    "cohere": ("<|START_THINKING|>", "<|END_THINKING|>"),
    "thinking": ("<thinking>", "</thinking>"),
    "thought": ("<thought>", "</thought>"),
    "reasoning": ("<reasoning>", "</reasoning>"),
    "medgemma": ("<unused94>thought", "<unused95>"),
}
# What stands around thinking and answer in some families, and belongs to neither.
_FRAMES = {
    "gpt-oss": ("<|start|>assistant", "<|end|>", "<|return|>"),
    "sky": ("<|begin_of_solution|>", "<|end_of_solution|>"),
    "cohere": ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
}


def tags_of(tags: str | Sequence[str]) -> tuple[str, str]:
    """Return (open, close) of a preset's name or of a pair."""
    return PRESETS[tags] if isinstance(tags, str) else (tags[0], tags[1])


def frames_of(tags: str | Sequence[str]) -> tuple[str, ...]:
    """Return the marks around thinking and answer that go with tags."""
    pair = tags_of(tags)
    return next((frames for name, frames in _FRAMES.items() if PRESETS[name] == pair), ())


def canonical_think(text: str, tags: str | Sequence[str]) -> str:
    """Return a response with its thinking in `<think>` tags; one without the tags, or in them already, is unchanged.

    A think that is never closed stays so, and a closing tag alone closes what the prompt has opened.
    """
    start, end = tags_of(tags)
    if (start, end) == (OPEN, CLOSE) or (start not in text and end not in text):
        return text
    before, opened, rest = text.partition(start)
    if not opened or end in before:  # the prompt has opened the first
        before, rest = "", text
    for mark in frames_of(tags):
        before, rest = before.replace(mark, ""), rest.replace(mark, "")
    thinking, closed, answer = rest.rpartition(end)
    if not closed or start in answer:  # never closed, or opened again
        thinking, closed, answer = rest, "", ""
    thinking = thinking.replace(start, "\n").replace(end, "\n").strip("\n")
    head = f"{before.rstrip()}\n{OPEN}" if before.strip() else OPEN
    if not closed:
        return f"{head}\n{thinking}"
    return f"{head}\n{thinking}\n{CLOSE}\n\n{answer.strip()}"


def unnamed_tags(texts: Iterable[str]) -> dict[str, int]:
    """Return preset -> number of responses in which its opening tag is left, for their recipe names another."""
    counts = Counter(name for text in texts for name, (start, _) in PRESETS.items() if start != OPEN and start in text)
    return dict(sorted(counts.items()))


def opened_before(text: str, tags: str | Sequence[str]) -> bool | None:
    """Whether the prompt has opened a response's thinking: it closes a think first; None where no tag tells."""
    start, end = (text.find(tag) for tag in tags_of(tags))
    return None if start < 0 and end < 0 else end >= 0 and not 0 <= start < end


def after_think(text: str) -> str | None:
    """Return the text after the last closing tag of any preset; None where a think is opened and never closed."""
    end = max((text.rfind(close) + len(close) for _, close in PRESETS.values() if close in text), default=0)
    final = text[end:]
    return None if any(start in final for start, _ in PRESETS.values()) else final


def report_unnamed(counts: dict[str, int], total: int) -> None:
    """Say in the log which thinking a recipe does not name: what stands in it is no answer."""
    for name, count in counts.items():
        start = PRESETS[name][0]
        logging.info("%d of %d responses hold %s; if that is thinking, set `think_tags: %s`", count, total, start, name)


def report_opened_before(opened: int, cut_off: int, total: int) -> None:
    """Say in the log that cut-off responses may be thinking which a served model's template has opened."""
    if opened and cut_off:
        logging.info(
            "%d of %d responses close thinking that they have not opened, so the server's template opens it; %d more "
            "were cut off without a tag: theirs is taken for an answer unless `response_prefix` names the opening tag",
            opened, total, cut_off,
        )  # fmt: skip
