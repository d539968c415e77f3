"""Answers as text: where a response states its answer, and one spelling for each answer.

Policies, all of them plain text work in time linear in the response:

- only text after the last `</think>` counts; a think that is opened and never closed leaves no answer;
- the last closed box (`\\boxed{..}` or `\\fbox{..}`) counts, of nested boxes the one opened last;
- units are ignored, a percent sign, a number base and a.m./p.m. may be left out but must not differ.
"""

import re
import unicodedata
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

MAX_ANSWER = 5_000
"""Characters of the longest text that is read as an answer; anything longer is spam, not mathematics."""

# One token is a box that opens, an escaped character, or a brace. A second backslash is an answer that was
# escaped twice (JSON); no other alternative starts at a backslash, so the scan never goes back.
_BOX_TOKEN = re.compile(r"\\\\?f?box(?:ed)?\s*+\{|\\.|[{}]", re.DOTALL)
_BOX_OPENS = re.compile(r"\\\\?(?:boxed|fbox)\s*+\{")
_PLAIN_BRACE = -1


def last_box(text: str) -> str | None:
    """Return what the last closed box of a text holds, or None where no box is closed.

    One pass with a stack: escaped braces do not count, stray closing braces are ignored, and a box that is
    never closed is no box. Of nested boxes the one opened last is returned. A pass that restarts at each box
    would be quadratic on unclosed boxes.
    """
    first = _BOX_OPENS.search(text)
    if first is None:
        return None
    open_braces: list[int] = []
    start, best = -1, None
    for token in _BOX_TOKEN.finditer(text, first.start()):
        word = token.group()
        if word == "{":
            open_braces.append(_PLAIN_BRACE)
        elif word == "}":
            opened = open_braces.pop() if open_braces else _PLAIN_BRACE
            if opened > start:
                start, best = opened, slice(opened, token.start())
        elif word[-1] == "{" and _BOX_OPENS.fullmatch(word):
            open_braces.append(token.end())
    return None if best is None else text[best]


def after_think(text: str) -> str | None:
    """Return the text after the last `</think>`, or None where a `<think>` is left open."""
    final = text.rpartition("</think>")[2]
    return None if "<think>" in final else final


# --- one spelling -----------------------------------------------------------------------------------------

_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"
_SIGNS = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "×": r"\times ", "÷": r"\div ", "·": r"\cdot ", "⋅": r"\cdot ",
    "∙": r"\cdot ", "∗": "*", "±": r"\pm ", "∓": r"\mp ", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ",
    "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ",
    "°": r"^\circ ", "º": r"^\circ ", "⁄": "/", "∕": "/", "π": r"\pi ", "ϕ": r"\phi ", "ℝ": r"\mathbb{R}",
    "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}", "…": r"\ldots ", "’": "'", "′": "'",
    "∠": r"\angle ", "⟨": r"\langle ", "⟩": r"\rangle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ",
    "⌉": r"\rceil ", "∧": r"\wedge ", "∨": r"\vee ", "→": r"\to ", "△": r"\triangle ", "Δ": r"\Delta ",
}  # fmt: skip
_SIGNS |= {unicodedata.lookup(f"GREEK SMALL LETTER {'LAMDA' if n == 'lambda' else n.upper()}"): f"\\{n} "
           for n in _GREEK.split()}  # fmt: skip
_SIGNS |= {
    sign: r"\frac{%s}{%s}" % tuple(unicodedata.normalize("NFKC", sign).split("⁄")) for sign in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒"
}
_CHARACTERS = str.maketrans(_SIGNS)
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2060-\u2064\ufeff\ud800-\udfff]")
_RAISED = re.compile("[⁰¹²³⁴-⁹⁺⁻ⁿ]+")
_LOWERED = re.compile("[₀-₉₊₋ₙ]+")


def clean(text: str) -> str:
    """Drop what is no text (null bytes, control and zero-width characters, lone surrogates) and outer blanks."""
    return _NO_TEXT.sub("", text).strip()


def _plain_letters(text: str) -> str:
    """Write signs beyond ASCII as LaTeX, and full-width forms as plain ones."""
    if text.isascii():
        return text
    text = _RAISED.sub(lambda m: "^{" + unicodedata.normalize("NFKC", m[0]).replace("−", "-") + "}", text)
    text = _LOWERED.sub(lambda m: "_{" + unicodedata.normalize("NFKC", m[0]).replace("−", "-") + "}", text)
    text = unicodedata.normalize("NFKC", text.translate(_CHARACTERS)).translate(_CHARACTERS)
    return re.sub(r"[€£¥¢₹]", "", text).replace("√", r"\surd ")


_SUBSTITUTIONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # escaped twice, unless it is a row end of a matrix or of cases
        (r"\\\\(?=[a-zA-Z])(?<!\\\\\\)(?![\s\S]*\\end\{)(?<!\\begin)", r"\\"),
        # spaces and delimiters
        (r"\\!|\\displaystyle(?![a-zA-Z])|\\limits(?![a-zA-Z])|\\mathstrut(?![a-zA-Z])", ""),
        (r"\\\\\[[\d.]+\s*[a-z]{2}\]", r"\\\\"),
        (r"(?<!\\)\\[()\[\]]", ""),
        (r"(?<=\d)(?<!\\)\s*(?:\\[,;: ]|~)\s*(?=\d{3}(?!\d))", ""),
        (r"(?<!\\)\\[,;:\s]|~|\\q?quad(?![a-zA-Z])|\\hspace\{[^{}]*\}|\s+", " "),
        (r"\{\s*,\s*\}", ","),
        (r"\\\$|\$|\\textdollar(?![a-zA-Z])|\bUSD\b|\bRs\.", ""),
        (r"\\(?:left|right|[bB]igg?[lrm]?)(?![a-zA-Z])\s*\.?", ""),
        # one name for each command
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(?:mbox|hbox|textbf|textit|textrm|textsf|textnormal|mathrm|mathbf|mathit|mathsf)\s*\{", r"\\text{"),
        (r"\\text\s+\{", r"\\text{"),
        (r"\{\s*\\(?:rm|bf|it)\s+([^{}]*)\}", r"\\text{\1}"),
        (r"\\le(?:q|qslant)(?![a-zA-Z])", r"\\le"),
        (r"\\ge(?:q|qslant)(?![a-zA-Z])", r"\\ge"),
        (r"\\neq(?![a-zA-Z])", r"\\ne"),
        (r"\\varnothing(?![a-zA-Z])", r"\\emptyset"),
        (r"\\lbrace(?![a-zA-Z])", r"\\{"),
        (r"\\rbrace(?![a-zA-Z])", r"\\}"),
        (r"\\[lr]?vert(?![a-zA-Z])", "|"),
        (r"(?<![\\a-zA-Z])pi(?![a-zA-Z])", r"\\pi"),
        (r"(?<![\\a-zA-Z])(?:\\text\{\s*)?infinity\b(?:\s*\})?", r"\\infty"),
        (r"(?<![\\<>!=])<=", r"\\le "),
        (r"(?<![\\<>!=])>=", r"\\ge "),
        # percent, degrees
        (r"\s*\\text\{\s*(?:\\?%|percent(?:age)?|pct\.?)\s*\}|\s*\bpercent(?:age)?\b|\s*\bpct\b|\s*\\?%", r"\\%"),
        (r"\^\s*\{\s*\\(?:circ|degree)\s*\}|\^\s*\\circ(?![a-zA-Z])|\\degree(?![a-zA-Z])", r"^\\circ "),
        # lists
        (r",?\s*\\text\{\s*,?\s*(?:and|or)\s*\}\s*,?", ","),
        (r"(?:(?<=[^a-zA-Z\s\\])\s*|\s+)(?:and|or)\s+(?=[^a-zA-Z]|[a-zA-Z]\s*=|[A-Z](?![a-zA-Z]))", ","),
        (r"\\text\{\s*\}", ""),
        (r"\{\s*\}(?=\^)", ""),
        (r"(?<![\d.])\.(?=\d)", "0."),
    )
)
_ENDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^\*\*(.*)\*\*$", r"\1"),
        (r"(?<!\.)(?:\.|[,;:])$", ""),
        (r"^(?:=|\\approx(?![a-zA-Z])|\+(?=\d))\s*", ""),
        (r"^\\text\{([^a-zA-Z{}\\]*\d[^{}\\]*)\}$", r"\1"),  # a number in words' clothes
        (r"^\\text\{([^{}]*)[.,;:]\}$", r"\1" if False else r"\\text{\1}"),
        (r"^(?:\\text\{\s*)?\(?([A-Z])\)?(?:\s*\})?$", r"\1"),  # a choice
        (r"^\\text\{\s*\(\s*([^(){}]*)\s*\)\s*\}$", r"\\text{\1}"),
        (r"^\\text\{\s*((?:[A-Z]\s*,\s*)+[A-Z])\s*\}$", r"\1"),
        (r"^(-?\d{1,3})((?:,\d{3})+)(\.\d+)?(?=$|\\%$)", ""),  # filled in below
        (r"^(-?\d{1,3})((?: \d{3})+)(\.\d+)?(?=$|\\%$)", ""),
        (r"^(-?\d+) (\d+)/(\d+)$", r"\1\\frac{\2}{\3}"),
    )
)
