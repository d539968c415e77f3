r"""The scoring of arXiv 2502.12143, with its defects: for comparing with its tables, and for nothing else.

As its released scorer does (dossier, sections 5.4 and 5.5): the last box of the whole text counts, also one within a
thought or of a response that was cut off; it is compared as text with the gold answer (`distill.verdicts.matcher`), and
only what differs as text is shown to a judge. Of its tasks

| task | what is compared |
|---|---|
| math | box and gold answer as text |
| aime | the same, but gold answers keep their leading zeros (025), which no box has: up to 7 of AIME 2024's 30 |
| amc | nothing is ever equal as text, for the gold answers are floats: every point is the judge's |
| gsm8k | the last number of the text, with or without a box, and no judge |

Not rebuilt are its mixed-up files (3, 4), its stop text (5) and its context of 16,000 tokens with the output in it (6).
"""

import re

from distill.verdicts.answers import last_box
from distill.verdicts.matcher import uniform

_NUMBER = re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")  # lm-evaluation-harness, gsm8k: flexible-extract
_DROPPED = re.compile(r"[,$]|\.$")


def is_correct_in_the_paper(gold: str, response: str, task: str, judged_equal: bool = False) -> bool:
    """Whether the paper's scorer would count a response; `judged_equal` is what its judge would say of the box."""
    if task == "gsm8k":
        numbers = _NUMBER.findall(response)
        return bool(numbers) and _DROPPED.sub("", "".join(numbers[-1])) == _DROPPED.sub("", gold)
    box = last_box(response)
    if box is None or not box.strip():
        return False
    if task == "amc":
        return judged_equal
    return judged_equal or uniform(box) == uniform(gold.zfill(3) if task == "aime" else gold)
