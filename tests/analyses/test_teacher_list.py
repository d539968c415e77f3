"""The section on teachers: lengths, right responses, what is left of them, and how much longer one writes."""

from pathlib import Path
from typing import Any

from analyses import hand_made

from distill.config import lineage

STEPS = {"problems": 8, "correct": 6, "paired": 5}


def made(root: Path, tokens: dict[str, int | None], **shown: Any) -> dict[str, Any]:
    """Return the section of teachers that wrote 4 responses of so many tokens, 3 of them right."""
    files: hand_made.Files = {"responses": [], "verdicts": []}
    for name, count in tokens.items():
        who = "c0", f"teachers/{name}", "greedy", 0, hand_made.SHARD
        files["responses"].append(hand_made.put(root, lineage.Responses(*who), "generate", rows=4,
                                                response_tokens=count))  # fmt: skip
        files["verdicts"].append(hand_made.put(root, lineage.Verdicts(*who), "verify",
                                               verdicts={"correct": 3, "wrong": 1}))  # fmt: skip
    facts = {"funnel": dict.fromkeys(tokens, STEPS), "teachers": {name: place for place, name in enumerate(tokens)}}
    other = {**facts, "funnel": {name: {**STEPS, "paired": 4} for name in tokens}}
    files["datasets"] = [hand_made.put(root, lineage.Dataset(name), "mix", **own)
                         for name, own in (("d", facts), ("e", other))]  # fmt: skip
    return hand_made.section(root, "teacher_list", files, **shown)


def test_a_teacher_is_described_by_its_responses(tmp_path: Path) -> None:
    found = made(tmp_path, {"long": 400, "short": 160}, teachers={"long": 7e9}, labels={"datasets": {"d": "D"}})
    assert found["rows"] == [
        {"teacher": "long", "size": "7 billion parameters", "corpus": "c0", "responses": 4, "tokens": "100.0",
         "right": "75.0 %", "left": "50.0 % to 62.5 %", "rows": 0},
        {"teacher": "short", "size": None, "corpus": "c0", "responses": 4, "tokens": "40.0", "right": "75.0 %",
         "left": "50.0 % to 62.5 %", "rows": 2},
    ]  # fmt: skip
    ((table,),) = [block["tables"] for block in found["blocks"]]
    assert [row["rows"] for row in table["rows"]] == ["", "D 1, e 1"]
    assert found["text"][1:] == ["long writes 100.0 tokens in a response, short 40.0: 2.50 times as many."]


def test_unknown_lengths_are_not_compared(tmp_path: Path) -> None:
    found = made(tmp_path, {"long": 400, "short": None})
    assert [row["tokens"] for row in found["rows"]] == ["100.0", None]
    assert len(found["text"]) == 1
