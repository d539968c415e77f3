r"""A second, independent rule: are two answers the same text once their spelling is made uniform? No algebra.

It is the kind of matcher the paper's scorer uses before its judge: the string normaliser of Hendrycks et al. 2021
(arXiv 2103.03874) for units, fractions, roots and spaces. It misses equal answers of another form (1+x and x+1, 0.25
and \frac{1}{4}) and hardly ever accepts a wrong one, so where it and the grader differ a person should look.
Linear in the text, safe on any text.
"""

import re

from distill.models.thinking import after_think
from distill.tables.words import FinishReason, Verdict
from distill.verdicts.answers import last_box

LONGEST = 1000  # characters; no answer is longer, and equal texts beyond it are equal without being rewritten

_REMOVED = re.compile(r"\\!|\\left(?![a-z])|\\right(?![a-z])|\^\{?\\circ\}?|\\?\$|\\?%|\n")
_SIZED = re.compile(r"\\[dt]frac")
_UNIT = re.compile(r"\\text\{ .*", re.DOTALL)
_BARE_ROOT = re.compile(r"\\sqrt([^\s\[{\\])")
_BARE_FRACTION = re.compile(r"\\frac([^\s{}\\])([^\s{}\\])")
_HALF_BARE = re.compile(r"\\frac([^\s{}\\])\{")
_POINT = re.compile(r"(^|[ {(,=+\-*/])\.(?=\d)")
_SLASHED = re.compile(r"(-?)(\d+)/(\d+)")
_NAMED = re.compile(r"[^=]{1,2}=([^=]+)")


def uniform(answer: str) -> str:
    r"""Return an answer in the one spelling that is compared, e.g. `x = \dfrac12 \text{ cm}` as `\frac{1}{2}`."""
    text = answer.strip()
    if len(text) > LONGEST:
        return text
    text = _SIZED.sub(r"\\frac", _REMOVED.sub("", text))
    text = _UNIT.sub("", text)
    text = _POINT.sub(r"\g<1>0.", text)
    text = re.sub(r"\s+", "", text)
    if match := _NAMED.fullmatch(text):  # a short name before the value, as in `k=3`
        text = match[1]
    text = _BARE_ROOT.sub(r"\\sqrt{\1}", text)
    text = _BARE_FRACTION.sub(r"\\frac{\1}{\2}", text)
    text = _HALF_BARE.sub(r"\\frac{\1}{", text)
    if text == "0.5":
        return r"\frac{1}{2}"
    if match := _SLASHED.fullmatch(text):
        return rf"{match[1]}\frac{{{match[2]}}}{{{match[3]}}}"
    return text


def match(gold: str, response: str | None, finish_reason: str | None = None) -> Verdict:
    """Return `correct`, `wrong`, `no_answer` or `cut_off` for a response.

    The answer is found as the grader finds it: the last closed box after the last think; without one the response was
    `cut_off` if it ended at its length limit, else it has `no_answer`.
    """
    final = after_think(response or "")
    box = None if final is None else last_box(final)
    if box is None or not box.strip():
        return Verdict.CUT_OFF if box is None and finish_reason == FinishReason.LENGTH else Verdict.NO_ANSWER
    return Verdict.CORRECT if uniform(box) == uniform(gold) else Verdict.WRONG
