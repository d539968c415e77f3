r"""What people write around an answer, or in place of a usual sign: `\color{red}{42}`, `the answer is 42`, `]0,1[`.

Each rule leaves the answer as it is and takes off or respells what stands beside it. All are linear in the text.
"""

import re
import unicodedata
from typing import Any

_ANSWER_IS = r"(?:[Tt]he )?(?:[Ff]inal )?[Aa]ns(?:wer|\.)?(?: is ?:?| ?[:=]|(?<=\.))"
_AHEAD = r"(?:exactly|positive|a total of|the (?:number|point|set|interval|vector|(?:ordered )?(?:pair|triple)))"
_FOR_ALL = r"for (?:all|every|any|each)(?: real(?: numbers?)?)?"
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
_AGAIN = re.compile(
    r"(?<![\w.}])(\d{0,20})\.(\d{0,20}?)(?:(\d{1,6}?)\3{2,20}|(\d{6})\4)(?:\.\.\.|\\[lc]?dots(?![a-zA-Z]))"
)  # 0.333...
_ACCENTS = {'"': "\u0308", "'": "\u0301", "`": "\u0300", "^": "\u0302", "~": "\u0303", "c": "\u0327", "v": "\u030c",
            "u": "\u0306", "H": "\u030b", "r": "\u030a"}  # fmt: skip
_ACCENTED = r"\\(?:([\"'`^~]) ?(?:\{([a-zA-Z])\}|([a-zA-Z]))|([cvuHr]) ?\{([a-zA-Z])\})"
_ACCENT = re.compile(rf"(?<=[\w{{\s]){_ACCENTED}|^{_ACCENTED}(?=[a-z]{{2}})")
_GAP = r"(?:\s|~|\\[,;: ]|\\q?quad(?![a-zA-Z]))*"
_BASE = r"(?:in )?[bB]ase[- ]?"
_ANGLE = (
    r"(?:\((?P<inner>[^()]{1,40})\)|(?P<bare>\d+(?:\.\d+)?(?: ?\^ ?\{? ?\\circ ?\}?)?|"
    r"\\[dt]?frac ?\{[^{}]*\} ?\{[^{}]*\}(?:\\pi)?))"
)
_CIS = re.compile(rf"(?:\\(?:operatorname|text|mathrm) ?\{{ ?cis ?\}}|\\?(?<![a-zA-Z])cis){_GAP}(?:\\left)?{_ANGLE}$")


def _repeating(match: re.Match[str]) -> str:
    r"""Write a decimal whose last digits repeat as a fraction: `0.1\overline{6}`."""
    whole, fixed, *parts = (part or "" for part in match.groups())
    period = "".join(parts)
    nines = 10 ** len(period) - 1
    top = int(whole + fixed or 0) * nines + int(period)
    return rf"\frac{{{top}}}{{{nines * 10 ** len(fixed)}}}"


def _accented(match: re.Match[str]) -> str:
    """Write a letter with an accent of TeX as one sign."""
    accent, letter = (part for part in match.groups() if part)
    return unicodedata.normalize("NFC", letter + _ACCENTS[accent])


def _column(match: re.Match[str]) -> str:
    return rf"\begin{{pmatrix}}{match[1].replace(',', chr(92) * 2)}\end{{pmatrix}}"


def _on_the_circle(match: re.Match[str]) -> str:
    angle = match["inner"] or match["bare"]
    return rf"(\cos({angle})+i\sin({angle}))"


def _power_of_ten(match: re.Match[str]) -> str:
    return rf"{match[1]}\cdot 10^{{{int(match[2])}}}"


_RULES: tuple[tuple[re.Pattern[str], Any], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # colours, sizes, frames, marks
        (r"\\(?:textcolor|color|bbox) ?(?:\[[^\[\]{}]*\])? ?(?:\{[^{}]*\} ?(?=\{|\S)|(?=\{))", ""),
        (r"\\(?:(?:text|script|scriptscript)style|emph|tiny|small|normalsize|[lL]arge|LARGE|[hH]uge)(?![a-zA-Z])", " "),
        (rf"(?<=[^\s\\]){_GAP}\\(?:square|blacksquare|Box|qed|checkmark)$", ""),
        (rf"{_GAP}\\(?:tag\*?|label) ?\{{[^{{}}]*\}}$", ""),
        (r"\\(?:boldsymbol|bm|pmb|ensuremath) ?(?=\{ ?(?:[-+]?[\d(]|\\(?:[dt]?frac|sqrt)))", ""),
        (r"^`([^`]*)`$", r"\1"),
        (r"(?<=[\w)}\]])\s*\?$", ""),
        (r"^\\(?:underline|framebox) ?\{([^{}]*)\}$", r"\1"),
        (r"^(?:\s*(?:\\(?:[rR]ightarrow|to|therefore|implies)(?![a-zA-Z])|[:&]))+\s*(?=\S)", ""),
        (r"^[*_\"'“«]{1,2}([-+]?\d[\d.,/]*)[*_\"'”»]{1,2}$", r"\1"),
        (r"^(\d{1,6})(st|nd|rd|th)$", r"\1\\text{\2}"),
        (r"(?<=[^\\\s])[\\\s]+$", ""),
        # prose
        (rf"^\\text ?\{{ ?{_ANSWER_IS} ?\}}\s*(?=\S)", ""),
        (rf"^\\text ?\{{ ?{_ANSWER_IS} ?(?=[^\s}}])", r"\\text{"),
        (rf"^{_ANSWER_IS}\s*(?=\S)", ""),
        (rf"^\*\*{_ANSWER_IS}? ?\*\*:?\s*(?=[^\s*])", ""),
        (r"^(?:\\text(?:bf)? ?\{ ?)?(?:[Oo]ption|[Cc]hoice) ?\(?([A-Z])\)?\.? ?\}?$", r"\1"),
        (rf"^\\text ?\{{ ?{_AHEAD} ?\}} ?(?=[-+\\(\[\d$])|^{_AHEAD} (?=[-+\\(\[\d$])", ""),
        (rf"^\\text ?\{{ ?{_AHEAD} (?=[-+(\[\d])", r"\\text{"),
        (r"^\\text ?\{ ?(?:minus|negative) ?\} ?(?=[\\(\d$])|^(?:minus|negative) (?=[\\(\d$])", "-"),
        (r"^\\text ?\{ ?(?:minus|negative) (?=\d)", r"\\text{-"),
        (
            rf"^([a-zA-Z]\(([a-z])\) ?=.*?)(?:\\text ?\{{[ ,]*{_FOR_ALL} ?\}}|\\forall) ?"
            r"\2 ?(?:\\in ?\\mathbb ?\{? ?R ?\}?)?$",
            r"\1",
        ),
        (
            r"^([a-zA-Z]\(([a-z])\) ?=.*?)\\text ?\{[ ,]*" + _FOR_ALL + r" \2 ?\}$",
            r"\1",
        ),
        # signs
        (r"\\backslash(?![a-zA-Z])", r"\\setminus "),
        (r"\\log_ ?(?:e(?![a-zA-Z])|\{ ?(?:\\(?:mathrm|text) ?\{ ?)?e ?\}? ?\})", r"\\ln "),
        (r"\\log_ ?(\d) ?(?=\d)", r"\\log_{\1}"),
        (r"\\langle ?([^<>|\\]*,[^<>|\\]*)\\rangle", r"(\1)"),
        (r"(?<=\d) ?[xX] ?(?=10\^)", r"\\times "),
        (r"(?<![\w)])(?:\{\})?[_^]\{?(\d{1,4})\}? ?C_ ?\{?(\d{1,4})\}?$", r"\\binom{\1}{\2}"),
        (r"(?<![\w)])(?:\{\})?[_^]\{?(\d{1,4})\}? ?P_ ?\{?(\d{1,4})\}?$", r"P_{\1}^{\2}"),
        (r"\\(?:nice|s|x)frac(?![a-zA-Z])", r"\\frac"),
        (r"\\lg(?![a-zA-Z])", r"\\log_{10}"),
        (r"(?<![a-zA-Z\\])([fgh])\^ ?\{? ?-1 ?\}?(?= ?\(\w)", r"\1_{-1}"),
        (
            r"\\(?:hat|widehat|vec) ?\{ ?(?:\\(?:math|text)(?:bf|rm|it) ?\{ ?([ijk]) ?\}|\\?([ijk])(?:math)?) ?\}",
            r"\1\2",
        ),
        (r"\\(?:hat|widehat|vec)(?: ([ijk])| ?\\([ij])math)(?![a-zA-Z])", r"\1\2"),
        (r"((?:\[|\]|\()[^\[\]();,]{1,80});(?=[^\[\]();,]{1,80}[\[\])])", r"\1,"),
        (r"\\text ?\{ ?-{1,3} ?\}", "-"),
        (r"(?<=\d)\^ ?\{? ?(?:\\(?:text|mathrm) ?\{ ?)?(st|nd|rd|th) ?\}?\}?$", r"\\text{\1}"),
        (r"^\(([^()]*,[^()]*)\) ?\^ ?\{? ?(?:T|\\(?:top|intercal|mathrm ?\{ ?T ?\}|text ?\{ ?T ?\})) ?\}?$", _column),
        (
            r"(?:(?:\\left ?)?\( ?)?\\begin ?\{smallmatrix\}(.*?)\\end ?\{smallmatrix\}(?: ?(?:\\right ?)?\))?",
            r"\\begin{pmatrix}\1\\end{pmatrix}",
        ),
        (r"(?<=[)\]RZ}]) ?- ?(?=\\\{)", r"\\setminus "),
        (rf"(?<=\d){_GAP}\\Omega$", r"\\text{ \\Omega}"),
        # bases and times of day
        (r"\\overline ?\{ ?(\w{1,40}) ?\}(?=_)", r"\1"),
        (
            rf"(?<=[0-9A-F]){_GAP}(?:\\text ?\{{ ?)?\(? ?{_BASE}(?:\}} ?)?\{{?(\d\d?|[a-z]{{3,7}})\}}?\)? ?\}}?$",
            r"_{\1}",
        ),
        (rf"^(?:12(?::00)?{_GAP}(?:\\text ?\{{ ?)?|\\text ?\{{ ?)[nN]oon ?\}}?$", r"12\\text{pm}"),
        (rf"^(?:12(?::00)?{_GAP}(?:\\text ?\{{ ?)?|\\text ?\{{ ?)[mM]idnight ?\}}?$", r"12\\text{am}"),
        (r"\\sqrt ?(\[[^\[\]{}]*\]) ?([0-9a-zA-Z])", r"\\sqrt\1{\2}"),
        (r"\bUS ?(?=\\?\$)", ""),
        (r"(?<![a-zA-Z])\{ ?: ?\}", ":"),
        (r"(?<=\d) ?\\text ?\{ ?to ?\} ?(?=\d)|(?<=^\d) to (?=\d+$)", ":"),
        # numbers
        (r"(?<![\d,.}(\[])(\d+)\{ ?, ?\}(?!\d{3}(?!\d))(\d+)(?![\d{,])", r"\1.\2"),
        (r"^(-?\d+(?:\.\d+)?) ?[eE] ?([-+]?\d{1,3})$", _power_of_ten),
        (r"^(-?\d{0,9}\.)(\d) ?(?:\\text ?\{ ?\(?)?(?:repeating|recurring)\)? ?\}?$", r"\1\\overline{\2}"),
        # open ends of intervals, as much of Europe writes them
        (rf"{_OPENS}\](?={_ENDPOINTS}[\[\])])", "("),
        (rf"([(\[]{_ENDPOINTS})\[(?=\s*(?:$|\\c[au]p|\\setminus|\\text|[,;)}}.$]))", r"\1)"),
    )
)


def reworded(text: str) -> str:
    """Return an answer in plain signs without what stands around it, and in the usual signs."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = _AGAIN.sub(_repeating, _REPEATING.sub(_repeating, _ACCENT.sub(_accented, text)))
    text = _CIS.sub(_on_the_circle, text)
    builder = _BUILDER.fullmatch(text)  # {x | x > 2} is x > 2
    if builder and _RELATION.search(builder[2]) and re.search(rf"(?<![a-zA-Z\\]){builder[1]}(?![a-zA-Z])", builder[2]):
        text = builder[2]
    return text.strip()
