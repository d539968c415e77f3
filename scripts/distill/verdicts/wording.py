r"""What people write around an answer, or in place of a usual sign: `\color{red}{42}`, `the answer is 42`, `]0,1[`.

Each rule leaves the answer as it is and takes off or respells what stands beside it. All are linear in the text.
"""

import re
from typing import Any

_ANSWER_IS = r"(?:[Tt]he )?(?:[Ff]inal )?[Aa]nswer(?: is ?:?| ?:)"
_OPENS = r"(?:^|(?<=[\s=(,{])|(?<=\\left)|(?<=\\cup)|(?<=\\cap)|(?<=\\in))"
_ENDPOINTS = r"[^\[\]();,]{1,80},[^\[\]();,]{1,80}"
_RELATION = re.compile(r"[<>]|\\(?:leq?|geq?|neq?|in)(?![a-zA-Z])")
_BUILDER = re.compile(
    r"(?:\\left ?)?\\\{\s*([a-zA-Z])\s*(?:\\in\s*\\mathbb\s*\{?\s*R\s*\}?)?\s*(?:\\(?:mid|vert|colon)(?![a-zA-Z])|\||:)"
    r"\s*(.+?)\s*(?:\\right ?)?\\\}"
)
_BAR = r"\\(?:overline|bar) ?(?:\{ ?(\d{1,20}) ?\}|(\d)(?!\d))"
_DOTS = r"\\dot ?\{? ?(\d) ?\}?(?:(\d{0,20})\\dot ?\{? ?(\d) ?\}?)?"
_REPEATING = re.compile(rf"(?<![\w.}}])(\d{{0,20}})\.(\d{{0,20}})(?:{_BAR}|{_DOTS})(?![\d.])")


def _repeating(match: re.Match[str]) -> str:
    r"""Write a decimal whose last digits repeat as a fraction: `0.1\overline{6}`."""
    whole, fixed, *parts = (part or "" for part in match.groups())
    period = "".join(parts)
    nines = 10 ** len(period) - 1
    top = int(whole + fixed or 0) * nines + int(period)
    return rf"\frac{{{top}}}{{{nines * 10 ** len(fixed)}}}"


def _power_of_ten(match: re.Match[str]) -> str:
    return rf"{match[1]}\cdot 10^{{{int(match[2])}}}"


_RULES: tuple[tuple[re.Pattern[str], Any], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # colours, sizes, frames, marks
        (r"\\(?:textcolor|color|bbox) ?(?:\[[^\[\]{}]*\])? ?(?:\{[^{}]*\} ?(?=\{|\S)|(?=\{))", ""),
        (r"\\(?:tiny|small|normalsize|[lL]arge|LARGE|[hH]uge)(?![a-zA-Z])", " "),
        (r"(?<=\S) ?\\(?:square|blacksquare|Box|qed|checkmark)$", ""),
        (r"^\\underline ?\{([^{}]*)\}$", r"\1"),
        (r"(?<=[^\\])(?:\\\\\s*)+$", ""),
        # prose
        (rf"^\\text ?\{{ ?{_ANSWER_IS} ?\}}\s*(?=\S)", ""),
        (rf"^\\text ?\{{ ?{_ANSWER_IS} ?(?=[^\s}}])", r"\\text{"),
        (rf"^{_ANSWER_IS}\s*(?=\S)", ""),
        (r"^(?:\\text(?:bf)? ?\{ ?)?(?:[Oo]ption|[Cc]hoice) ?\(?([A-Z])\)?\.? ?\}?$", r"\1"),
        # signs
        (r"\\backslash(?![a-zA-Z])", r"\\setminus "),
        (r"\\log_ ?(?:e(?![a-zA-Z])|\{ ?(?:\\(?:mathrm|text) ?\{ ?)?e ?\}? ?\})", r"\\ln "),
        (r"\\log_ ?(\d) ?(?=\d)", r"\\log_{\1}"),
        (r"\\langle ?([^<>|\\]*,[^<>|\\]*)\\rangle", r"(\1)"),
        (r"(?<=\d) ?[xX] ?(?=10\^)", r"\\times "),
        (r"(?:\{\})?_\{?(\d{1,4})\}? ?C_\{?(\d{1,4})\}?$", r"\\binom{\1}{\2}"),
        (r"\\sqrt ?(\[[^\[\]{}]*\]) ?([0-9a-zA-Z])", r"\\sqrt\1{\2}"),
        (r"\bUS ?(?=\\?\$)", ""),
        (r"(?<![a-zA-Z])\{ ?: ?\}", ":"),
        (r"(?<=\d) ?\\text ?\{ ?to ?\} ?(?=\d)|(?<=^\d) to (?=\d+$)", ":"),
        # numbers
        (r"(?<![\d,.}(\[])(\d+)\{ ?, ?\}(?!\d{3}(?!\d))(\d+)(?![\d{,])", r"\1.\2"),
        (r"^(-?\d+(?:\.\d+)?) ?[eE] ?([-+]?\d{1,3})$", _power_of_ten),
        # open ends of intervals, as much of Europe writes them
        (rf"{_OPENS}\](?={_ENDPOINTS}[\[\])])", "("),
        (rf"([(\[]{_ENDPOINTS})\[(?=\s*(?:$|\\c[au]p|\\setminus|\\text|[,;)}}.$]))", r"\1)"),
    )
)


def reworded(text: str) -> str:
    """Return an answer in plain signs without what stands around it, and in the usual signs."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = _REPEATING.sub(_repeating, text)
    builder = _BUILDER.fullmatch(text)  # {x | x > 2} is x > 2
    if builder and _RELATION.search(builder[2]) and re.search(rf"(?<![a-zA-Z\\]){builder[1]}(?![a-zA-Z])", builder[2]):
        text = builder[2]
    return text.strip()
