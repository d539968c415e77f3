"""Answers as text: where a response states its answer, and one spelling for each answer.

Policies, all of them plain text work:

- only text after the last `</think>` counts; a think that is opened and never closed leaves no answer;
- the last closed box (`\\boxed{..}` or `\\fbox{..}`) counts, of nested boxes the one opened last;
- units and currency may be left out; two units that are both stated and known must agree (`units`, `quantities`);
  words that scale (`5 million`) are not units;
- a single letter is a unit only in an upright font, right after a value, and only where it is the sign of one
  (`5\\mathrm{m}` is 5); any other letter is a symbol in whatever font (`2\\mathrm{e}` is 2e), and `5m` is a product.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Any

from distill.verdicts.units import LETTERS, NO_UNIT, without_unit
from distill.verdicts.wording import reworded

MAX_ANSWER = 5_000
"""Characters of the longest text that is read as mathematics; what is longer is compared as text only."""
MAX_DEPTH = 40
"""Depth of brackets beyond which a text is no answer either; parsers take exponential time on such."""

# A token is a box that opens, an escaped character, or a brace. The optional second backslash is a response
# that was escaped twice (JSON). No quantifier is open-ended but the possessive one: the scan stays linear.
_BOX_OPENS = re.compile(r"\\\\?(?:boxed|fbox)\s*+\{")
_BOX_WORDS = ("\\boxed", "\\fbox")
_TOKEN = re.compile(_BOX_OPENS.pattern + r"|\\.|[{}]", re.DOTALL)


def last_box(text: str) -> str | None:
    """Return what the last closed box of a text holds, or None where no box is closed.

    One pass with a stack: an escaped brace does not count, a stray closing brace is ignored, a box that is
    never closed is no box, and of nested boxes the one opened last is returned. (A scan that restarts at each
    box is quadratic, and responses of nothing but unclosed boxes exist.)

    Most texts end in a whole box, so the last place that looks like one is tried first; what stands before it cannot
    change where it closes. Only if that fails the pass starts from the first box.
    """
    box = place_of_last_box(text)
    return None if box is None else text[box[0] : box[1]]


def place_of_last_box(text: str) -> tuple[int, int] | None:
    """Return where the content of the last closed box of a text starts and ends, None where no box is closed."""
    near = max(text.rfind(word) for word in _BOX_WORDS)
    opening = _BOX_OPENS.match(text, near) if near > 0 and text[near - 1] != "\\" else None
    quick = None if opening is None else _scan(text, near)
    if quick is not None and quick[0] == opening.end():
        return quick
    first = _BOX_OPENS.search(text)
    return None if first is None else _scan(text, first.start())


def _scan(text: str, place: int) -> tuple[int, int] | None:
    """Return where the content of the last closed box at or after a place starts and ends."""
    stack: list[int] = []  # where each open box starts; -1 for a plain brace
    start = end = -1
    for token in _TOKEN.finditer(text, place):
        word = token.group()
        if word == "{":
            stack.append(-1)
        elif word == "}":
            opened = stack.pop() if stack else -1
            if opened > start:
                start, end = opened, token.start()
        elif len(word) > 2:
            stack.append(token.end())
    return None if start < 0 else (start, end)


def depth(text: str) -> int:
    """Return how deep the brackets of a text are nested, escaped and stray ones included."""
    level = deepest = 0
    for char in text:
        if char in "({[":
            level += 1
            deepest = max(deepest, level)
        elif char in ")}]":
            level = max(level - 1, 0)
    return deepest


# --- one spelling: signs ------------------------------------------------------------------------------------

_SIGNS = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "×": r"\times ", "÷": r"\div ", "·": r"\cdot ", "⋅": r"\cdot ",
    "∙": r"\cdot ", "∗": "*", "±": r"\pm ", "∓": r"\mp ", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ",
    "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ",
    "°": r"^\circ ", "º": r"^\circ ", "⁄": "/", "∕": "/", "ϕ": r"\phi ", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}",
    "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}", "…": r"\ldots ", "’": "'", "′": "'", "√": r"\surd ",
    "∠": r"\angle ", "≡": r"\equiv ", "∉": r"\notin ", "⊂": r"\subset ", "⊆": r"\subseteq ", "∥": r"\parallel ",
    "⊥": r"\perp ", "→": r"\to ", "⇒": r"\Rightarrow ", "∴": r"\therefore ", "≅": r"\cong ",
    "。": ".", "、": ",", "∖": r"\setminus ",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "Δ": r"\Delta ",
}  # fmt: skip
_SIGNS |= {
    unicodedata.lookup(f"GREEK SMALL LETTER {'lamda' if name == 'lambda' else name}"): f"\\{name} "
    for name in (
        "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"
    ).split()
}
_SIGNS |= {  # the compatibility form of a vulgar fraction is 1⁄2 with a fraction slash
    sign: r"\frac{%s}{%s}" % tuple(unicodedata.normalize("NFKC", sign).split("⁄")) for sign in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒"
}
_TO_LATEX = str.maketrans(_SIGNS)
_RAISED, _LOWERED = re.compile("[⁰¹²³⁴-⁹⁺⁻ⁿ]+"), re.compile("[₀-₉₊₋ₙ]+")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2060-\u2064\ufeff\ud800-\udfff]")


def clean(text: str) -> str:
    """Drop outer blanks and what is no text: control and zero-width characters, lone surrogates."""
    return _NO_TEXT.sub("", text).strip()


def _plain_signs(text: str) -> str:
    """Write signs beyond ASCII as LaTeX and full-width forms as plain ones."""
    if text.isascii():
        return text
    for pattern, mark in ((_RAISED, "^"), (_LOWERED, "_")):
        text = pattern.sub(lambda m, mark=mark: mark + "{" + unicodedata.normalize("NFKC", m[0]) + "}", text)
    text = unicodedata.normalize("NFKC", text.translate(_TO_LATEX)).translate(_TO_LATEX)
    return re.sub("[€£¥¢₹]", "", text)


# --- one spelling: commands ---------------------------------------------------------------------------------


_UPRIGHT = r"\\(?:text(?:rm|sf|tt|up|md|normal)?|math(?:rm|sf|tt|up)|[mh]box|sym(?:rm|up)|operatorname\*?)"
_SLANTED = r"\\(?:text(?:bf|it|sl)|math(?:bf|it|normal)|boldsymbol|bm|pmb|sym(?:bf|it))"
_UNIT_WORDS = (
    r"mm|cm|dm|km|ft|feet|foot|in(?:ch(?:es)?|\.)|yards?|yds?|miles?|(?:centi|milli|kilo)?met(?:er|re)s?|units?|acres?|"
    r"kg|mg|lbs?|oz|ounces?|pounds?|(?:kilo|milli)?grams?|tons?|ml|mL|lit(?:er|re)s?|gallons?|"
    r"sec(?:ond)?s?|min(?:ute)?s?|h(?:ou)?rs?|days?|weeks?|months?|years?|mph|km/h|"
    r"dollars?|cents?|euros?|deg(?:ree)?s?|rad(?:ian)?s?|points?|ways?|people"
)
_SYMBOLS = r"[a-zA-Z]|[xyz]{2,3}|pi|\\[a-zA-Z]+"
_AFTER_VALUE = re.compile(r"(?:[\w)\]}%!] *(?:/ *)?|\}-)$")


def _symbol(match: re.Match[str]) -> str:
    """Write a single symbol in a font of its own as the symbol itself, unless it is a unit after a value.

    A `d` with something after it is a differential, not a day.
    """
    letters, text = match[1] or match[2], match.string
    symbol = r"\pi" if letters == "pi" else letters
    before, after = text[max(match.start() - 24, 0) : match.start()], text[match.end() : match.end() + 1]
    may_be_unit = symbol in LETTERS and not re.match(_SLANTED, match[0]) and not (symbol == "d" and after.isalpha())
    if may_be_unit and _AFTER_VALUE.search(before):
        return f"\\text{{{symbol}}}"
    follows_name = re.search(r"\\[a-zA-Z]+$", before) or (len(symbol) > 1 and after.isalpha())
    return f" {symbol} " if follows_name else symbol


def _rules(*pairs: tuple[str, Any]) -> tuple[tuple[re.Pattern[str], Any], ...]:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in pairs)


def _power_of_ten(match: re.Match[str]) -> str:
    """Write `\\num{1.5e3}` as 1.5 times a power of ten."""
    return rf"{match[1]}\cdot 10^{{{match[2]}}}" if match[2] else match[1]


def _cases(match: re.Match[str]) -> str:
    """Write the rows of a definition by cases without the words and commas between, in one order."""
    rows = [[_CONDITION.sub("", cell).strip(" ,.;") for cell in row.split("&")] for row in match[1].split(_ROW_ENDS)]
    whole = _ROW_ENDS.join(sorted("&".join(row) for row in rows if any(row)))
    return rf"\begin{{cases}}{whole}\end{{cases}}"


_ROW_ENDS = "\\\\"
_CONDITION = re.compile(r"^ ?(?:\\text ?\{ ?,? ?(?:if|for|when) ?\}|if |for |when )")
_END = r"(?![a-zA-Z])"  # where a command's name ends
_COMMANDS = _rules(
    (r"\s+", " "),
    # siunitx: numbers, and units that are dropped
    (r"\\num ?\{ ?([-+]?[\d.,]+)(?:[eE]([-+]?\d+))? ?\}", _power_of_ten),
    (r"\\(?:SI|qty) ?\{ ?([-+]?[\d.,]+)(?:[eE]([-+]?\d+))? ?\} ?\{[^{}]*\}", _power_of_ten),
    (r"(?<=[\w)\]}]) ?\\(?:si|unit) ?\{[^{}]*\}", ""),
    # spaces and delimiters
    (r"(?<=\d)(?:,\\!|\{ ?, ?\})(?=\d{3}(?!\d))", ""),
    (rf"\\!|\\(?:displaystyle|limits|textdollar|mathstrut){_END}|\\?\$|\bUSD\b|\bRs\.", ""),
    (r"\\\\\[[\d.]+[a-z]{2}\]", r"\\\\"),
    (r"(?<!\\)\\(?=[()\[\]\d])[()\[\]]?", ""),
    (r"(?<=\d)(?<!\\)(?:\\[,;: ]|~)(?=\d{3}(?!\d))", ""),
    (rf"(?<!\\)\\[,;: ]|~|\\q?quad{_END}|\\hspace\{{[^{{}}]*\}}", " "),
    (r"\\phantom ?(?:\{[^{}]*\}|[^\\])", ""),
    (r"_\{ ?\\(min|max) ?\}", r"_{\1}"),
    (r"\{ ?, ?\}", ","),
    (rf"\\(?:left|right|[bB]igg?[lrm]?){_END} ?\.?", ""),
    # one name for each command
    (rf"\\[dtc](frac|binom){_END}", r"\\\1"),
    (rf"\\[ij]math{_END}", lambda m: m[0][1]),
    (r"\\in ?\\(?:math(?:bf|rm)|bm|boldsymbol|text) ?\{ ?([CNQRZ]) ?\}", r"\\in\\mathbb{\1}"),
    (r"\{ ?\\(?:rm|bf|it|sf|tt|sl) ?([^{}]*)\}", r"\\text{\1}"),
    (rf"\\(?:rm|sf|tt){_END} ?(?:\{{ ?([a-zA-Z]) ?\}}|([a-zA-Z])(?![a-zA-Z]))", r"\\text{\1\2}"),
    (rf"\\(?:rm|sf|tt){_END} ?({_UNIT_WORDS}){_END}", r"\\text{\1}"),
    (rf"(?<=[\d)}}\] ])\\operatorname\*?\{{ ?((?!deg|min|sec)(?:{_UNIT_WORDS})) ?\}}", r"\\text{\1}"),
    (rf"(?:{_UPRIGHT}|{_SLANTED}) ?(?:\{{ ?({_SYMBOLS}) ?\}}|((?<=[a-z] )[a-zA-Z](?![a-zA-Z])))", _symbol),
    (r"\\(?:[mh]box|text(?:bf|it|rm|sf|tt|sl|up|md|normal)|math(?:rm|bf|it|sf|tt|normal|up)|text) ?\{", r"\\text{"),
    (r"\\text\{((?:(?![{}\\])[\W\d_])+)\}", r"\1"),  # no letter: no unit
    (rf"\\le(?:q|qslant){_END}|(?<![<=>])<=", r"\\le "),
    (rf"\\ge(?:q|qslant){_END}|(?<![<=>])>=", r"\\ge "),
    (rf"\\neq{_END}", r"\\ne"),
    (r"(?<=[\d)])!=", "! ="),
    (rf"\\varnothing{_END}", r"\\emptyset"),
    (rf"\\lbrace{_END}", r"\\{"),
    (rf"\\rbrace{_END}", r"\\}"),
    (rf"\\[lr]?vert{_END}", "|"),
    (rf"(?<![\\a-zA-Z])pi{_END}", r"\\pi"),
    (r"\\text\{ ?[iI]nfinity ?\}|(?<![\\a-zA-Z])[iI]nfinity\b", r"\\infty"),
    # percent and degrees
    (r" ?\\text\{ ?(?:\\?%|percent(?:age)?|pct\.?) ?\}| ?\bpercent(?:age)?\b| ?\\?%", r"\\%"),
    (rf"\^ ?\{{ ?\\(?:circ|degree) ?\}}|\^ ?\\circ{_END}|\\degree{_END}", r"^\\circ "),
    # lists
    (r",? ?\\text\{ ?,? ?(?:and|or) ?\} ?,?", ","),
    (r"(?<=[\d)}\]]) ?,? ?(?:and|or) (?=[-+\d\\(\[]|[a-zA-Z](?![a-zA-Z]))", ","),
    (r"\b([A-Z]|[IVX]{2,4}),? (?:and|or) (?=(?:[A-Z]|[IVX]{2,4})\b)", r"\1,"),
    # text
    (rf"(?<=\d) (?=i{_END})", ""),  # 2 i is not two things
    (r"\\text\{ ?\}", ""),
    (r"\\text\{([^{}]*)\} ?\\text\{", r"\\text{\1 "),
    (r"(?<![\d.])\.(?=\d)", "0."),
    (r"\\begin ?\{(?:d?cases)\}(.*?)\\end ?\{d?cases\}", _cases),
)
# all but those between letters or digits, and the one that tells `5! = 120` from `x != 120`
_BLANKS = re.compile(r"(?<![A-Za-z0-9!]) | (?![A-Za-z0-9=])|(?<=!) (?!=)|(?<!!) (?==)")


def _closing(text: str, at: int) -> int:
    """Return where the bracket that opens at `at` closes, or -1."""
    opens, closes = text[at], {"{": "}", "(": ")", "[": "]"}[text[at]]
    depth = 0
    for index in range(at, len(text)):
        depth += (text[index] == opens) - (text[index] == closes)
        if depth == 0:
            return index
    return -1


_ROOT_CALL = re.compile(r"(?:(?<![\\a-zA-Z])\\?sqrt|\\surd) ?(?:\(|(\d+(?:\.\d+)?|[a-zA-Z](?![a-zA-Z])))")
_ARGUMENT = re.compile(r"\\(?!sqrt|frac|text)[a-zA-Z]+|[a-zA-Z0-9]")


def _roots(text: str) -> str:
    """Write `sqrt(x+1)` and the sign of the root with what follows it as `\\sqrt{..}`."""
    for match in reversed(list(_ROOT_CALL.finditer(text))):
        if match[1] is None:
            close = _closing(text, match.end() - 1)
            if close > 0:
                text = f"{text[: match.start()]}\\sqrt{{{text[match.end() : close]}}}{text[close + 1 :]}"
        elif not match[0].startswith("\\sqrt"):  # \sqrt12 is LaTeX: the root of 1, times 2
            text = f"{text[: match.start()]}\\sqrt{{{match[1]}}}{text[match.end() :]}"
    return text


def _braces(text: str, command: str, arguments: int) -> str:
    """Brace the arguments of a command as TeX reads them: `\\frac\\pi4`, `\\frac12`, `\\sqrt2`."""
    starts = [match.end() for match in re.finditer(rf"\\{command}{_END}", text)]
    for at in reversed(starts):  # from the right, so that the starts further left stay true
        for _ in range(arguments):
            text = text[:at] + text[at:].lstrip(" ")
            if text[at : at + 1] == "{":
                close = _closing(text, at)
                if close < 0:
                    break
                at = close + 1
            elif token := _ARGUMENT.match(text, at):
                text = f"{text[:at]}{{{token[0]}}}{text[token.end() :]}"
                at += len(token[0]) + 2
            else:
                break
    return text


# --- one spelling: words, units and numbers -----------------------------------------------------------------

_SCALES = {"dozen": "12", "hundred": "10^{2}", "thousand": "10^{3}", "million": "10^{6}", "billion": "10^{9}",
           "trillion": "10^{12}", "lakh": "10^{5}", "crore": "10^{7}"}  # fmt: skip
_SCALE = re.compile(rf"(?<=\d) ?(\\text\{{)? ?({'|'.join(_SCALES)})s?\b ?")
_CLOCK = re.compile(r"(?<=\d)(?::00)? ?(?:\\text\{ ?([aApP])\.? ?[mM]\.? ?\}|([aApP])\.? ?[mM]\.?)$")
_TEXT_UNIT = re.compile(r"(?<=[\w)\]}%!])[ /\-]?\\text\{((?:[^{}]|\^\{-?\d\})*)\}(?:\^(?:\d|\{-?\d\}))?(?=$|,)")
_NUMBER = r"-?[\d.,/]*\d"
_BARE_UNIT = re.compile(
    rf"(?<=[\d)}}\]]) ?(?:(?:sq(?:uare|\.)?|cu(?:bic|\.)?) ?)?(?:{_UNIT_WORDS})"
    rf"(?: ?(?:per|/) ?(?:{_UNIT_WORDS}))?(?:\^(?:\d|\{{\d\}}))?(?=$|,)"
)
_COUNTED = re.compile(rf"({_NUMBER}) ((?:[a-zA-Z]+ ){{0,3}}[a-zA-Z]{{4,}})")
_TRIGONOMETRY = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)")
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(?:(?:,\d{3})+|(?: \d{3})+)(?:\.\d+)?(?:\\%)?")
_PROPER_TEXT = re.compile(r"\\text\{([^{}]*)\}")
_ENDS = _rules(
    (r"^\*\*(.*)\*\*$", r"\1"),
    (r"(?:(?<!\.)\.|[,;:])$", ""),
    (r"(?:(?<!\.)\.|[,;:])\}$", "}"),
    (rf"^(?:=|\\approx{_END}|\+(?=\d)) ?", ""),
    (r"^\(?(?:\\text\{)?\(?([A-Z])\)?\}?\)?$", r"\1"),  # a choice
    (r"^(-?\d+) (\d+)/(\d+)$", r"\1\\frac{\2}{\3}"),
)


def _scale(match: re.Match[str]) -> str:
    return rf"\cdot {_SCALES[match[2]]}" + (match[1] or " ")


def _drop_units(text: str) -> str:
    """Drop units after a value: any `\\text{..}` that states no condition, known words, counted things."""
    text = _TEXT_UNIT.sub(lambda m: m[0] if NO_UNIT.search(m[1]) else "", text)
    text = _BARE_UNIT.sub("", text)
    if (counted := _COUNTED.fullmatch(text)) and not NO_UNIT.search(counted[2]):
        text = counted[1]
    if "\\circ" in text and not _TRIGONOMETRY.search(text):
        text = re.sub(r"\^\\circ(?: ?[CF])?(?![a-zA-Z]) ?", "", text)
    return text


def _unwrap(text: str) -> str:
    """Take mathematics and lists of choices out of `\\text{..}`; words stay in it, which marks them as words."""
    wrapped = _PROPER_TEXT.fullmatch(text)
    if wrapped is None:
        return text
    inner = wrapped[1].strip()
    if bracketed := re.fullmatch(r"\(([^()]*)\)", inner):
        inner = bracketed[1].strip()
    mathematics = re.match(r"[-+(\[]?\d|[^a-zA-Z]*$", inner) or "=" in inner
    choices = re.fullmatch(r"(?:(?:[A-Z]|[IVX]{2,4}) ?, ?)+(?:[A-Z]|[IVX]{2,4})", inner)
    return inner if mathematics or choices else f"\\text{{{inner}}}"


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """Return a text in signs that LaTeX and ASCII know, escaped once."""
    text = _plain_signs(clean(text))
    if "\\\\begin" in text and not re.search(r"(?<!\\)\\(?:\\\\)*(?!\\)", text):
        text = text.replace("\\\\", "\\")  # every backslash was escaped
    # Four end a row, two do elsewhere what one does.
    pattern, one = (r"\\{4}", r"\\\\") if "\\begin" in text else (r"\\\\(?=[a-zA-Z{}%$])", r"\\")
    return re.sub(pattern, one, text)


def _pass(text: str) -> str:
    """Apply every rule once."""
    text = without_unit(reworded(plain(text)))
    for pattern, replacement in _COMMANDS:
        text = pattern.sub(replacement, text)
    text = _braces(_braces(_braces(_roots(text), "frac", 2), "binom", 2), "sqrt", 1)
    text = _BLANKS.sub("", text)
    text = _SCALE.sub(_scale, text)
    text = _CLOCK.sub(lambda m: rf"\text{{{(m[1] or m[2]).lower()}m}}", _unwrap(text))
    text = _drop_units(text)
    for pattern, replacement in _ENDS:
        text = pattern.sub(replacement, text)
    if _THOUSANDS.fullmatch(text):
        text = re.sub("[, ]", "", text)
    return text.strip()


_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)")
_PASSES = 50  # each rule shortens or settles; real answers need two or three passes


@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """Return the one spelling of an answer: two texts with the same spelling are the same answer.

    Covers signs beyond ASCII, spacing and sizing commands, synonyms of commands, unbraced arguments of
    fractions and roots, currency, thousands, units, degrees, percent, choices and closing punctuation. Applied
    to its own result it changes nothing. A text longer than `MAX_ANSWER` is only cleaned.
    """
    text = clean(text)
    if len(text) > MAX_ANSWER or _INTEGER.fullmatch(text):
        return text
    for _ in range(_PASSES):
        before, text = text, _pass(text)
        if text == before:
            break
    return text
