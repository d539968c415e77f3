r"""Answers in words that mean the same: `no solution` and `\emptyset`, `five` and 5, `March 3` and `3 March`.

`none` and an empty set are no 0; `no integer solution` is not `no solution`; what does not exist is not infinite.
"""

import re
from functools import lru_cache
from itertools import combinations

_TEXT = re.compile(r"\\text\{([^{}\\]*)\}")
_NAME = r"(?:[a-zA-Z]\\in)?"
_MEANINGS = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (rf"{_NAME}\\emptyset|\\\{{\\\}}|(?:empty|null) set|none|nothing", "none"),
        (r"(?:there (?:is|are) |has |have )?no (?:such )?(?:(?:real|possible) )?(?:solution|root|answer|value|number|"
         r"x)s?(?: exist| possible)?", "none"),
        (r"(?:solution |answer )?(?:does not|doesn't|do not) exist|dne|non-?existent|limit does not exist", "absent"),
        (r"undefined|not defined|is undefined", "undefined"),
        (rf"{_NAME}\\mathbb\{{R\}}|{_NAME}\(-\\infty,\+?\\infty\)|-\\infty<[a-z]<\+?\\infty|"
         r"(?:x is )?(?:all|every|any) real(?: number| value| x)?(?: of x)?", "all real"),
        (r"\\infty|(?:there (?:is|are) )?(?:infinitely many|infinite|infinite number of|infinity)(?: solution| answer| "
         r"value| possibilitie| way)?", "infinite"),
    )
)  # fmt: skip
_ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
         "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL = {word: number for number, word in enumerate(_ONES)} | {w: 10 * n for n, w in enumerate(_TENS, 2)}
_SCALES = {"billion": 10**9, "million": 10**6, "thousand": 10**3}
_PARTS = {"half": 2, "halve": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
          "eighth": 8, "ninth": 9, "tenth": 10}  # fmt: skip
_ORDINALS = {"first": 1, "second": 2, "eleventh": 11, "twelfth": 12} | {
    word: number for word, number in _PARTS.items() if number > 2 and word != "quarter"
}
_FONT = re.compile(r"\\[a-zA-Z]+ ?")
_BARE = str.maketrans("", "", "{}^$.~")
_ARTICLE = re.compile(r"(?:\\text\{)? *an? ")
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february", "march",
          "april", "june", "july", "august", "september", "october", "november", "december")  # fmt: skip
_SHORT = {name[:3] for name in _NAMES} | {"thur", "sept"}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = (r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
          r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?")  # fmt: skip
_DAY, _YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<year>\d{4})"
_DATES = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (rf"{_MONTH} {_DAY}(?:,? {_YEAR})?", rf"{_DAY}(?: of)? {_MONTH}(?:,? {_YEAR})?",
                 rf"{_YEAR}-(?P<month>\d{{1,2}})-{_DAY}")
)  # fmt: skip
_FIGURES = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}")


def said(text: str) -> str:
    """Return an answer in words as plain small ones, without an article or a plural at its end."""
    wrapped = _TEXT.fullmatch(text)
    words = " ".join((wrapped[1] if wrapped else text).split()).strip(" .!")
    return re.sub(r"^(?:a|an|the) (?=\S)|(?<=[a-z]{3})s$", "", words.lower() if wrapped or " " in words else words)


def same_saying(gold: str, answer: str) -> bool | None:
    """Whether two answers, one of them in words, mean the same; None where nothing is known of one."""
    one, other = _meaning(gold), _meaning(answer)
    if one is None or other is None or not any("text" in t or t.isalpha() or " " in t for t in (gold, answer)):
        return None
    return one == other


@lru_cache(maxsize=4096)
def _meaning(text: str) -> str | None:
    words = said(text)
    for pattern, meaning in _MEANINGS:
        if pattern.fullmatch(words) or pattern.fullmatch(words.lower()) or pattern.fullmatch(text):
            return meaning
    return None


def numeral(text: str) -> str | None:
    r"""Return the number that words name, as LaTeX: `three quarters` is `\frac{3}{4}`; None for other words."""
    words = re.sub(r"[-,]| and ", " ", said(text).lower()).split()
    if not words or len(words) > 12:
        return None
    sign, words = ("-", words[1:]) if words[0] in ("minus", "negative") and len(words) > 1 else ("", words)
    last, count, is_one = words[-1], words[:-1], _ARTICLE.match(text) is not None
    if last in _PARTS and (count or last == "half" or is_one):
        top = 1 if count in ([], ["a"]) else _count(count)
        return None if top is None else rf"{sign}\frac{{{top}}}{{{_PARTS[last]}}}"
    number = _count(words)
    return None if number is None else f"{sign}{number}"


def _count(words: list[str]) -> int | None:
    """Return a whole number in words, None for what is none."""
    total = 0
    for name, size in _SCALES.items():
        if name in words:
            group = _hundreds(words[: words.index(name)] or ["one"])
            if not group:
                return None
            total, words = total + group * size, words[words.index(name) + 1 :]
    rest = _hundreds(words) if words or not total else 0
    return None if rest is None else total + rest


def _hundreds(words: list[str]) -> int | None:
    if "hundred" not in words:
        return _tens(words)
    at = words.index("hundred")
    head, rest = _tens(["one"] if words[:at] in ([], ["a"]) else words[:at]), words[at + 1 :]
    tail = _tens(rest) if rest else 0
    return None if head is None or tail is None or not 0 < head < 10 else 100 * head + tail


def _tens(words: list[str]) -> int | None:
    numbers = [_SMALL.get(word) for word in words]
    if len(numbers) == 1:
        return numbers[0]
    joined = len(numbers) == 2 and None not in numbers and numbers[0] >= 20 and 0 < numbers[1] < 10
    return sum(numbers) if joined else None


def same_numeral(gold: str, answer: str) -> tuple[str, str] | None:
    """Return two answers with the words of a number as its figures, None where neither is such."""
    one, other = numeral(gold), numeral(answer)
    return None if one is None and other is None else (one or gold, other or answer)


def as_ranks(gold: str, answer: str) -> tuple[str, str] | None:
    """Return two ranks as figures, `third` and `3^{\text{rd}}`; None where one is no rank, as a third is none."""
    one, other = _rank(gold), _rank(answer)
    return (one, other) if one and other else None


def _rank(text: str) -> str | None:
    told = " ".join(_FONT.sub(" ", text).translate(_BARE).lower().split()).removeprefix("the ")
    figures = re.fullmatch(r"(\d{1,6}) ?(?:st|nd|rd|th)", told)
    number = figures[1] if figures else _ORDINALS.get(told)
    return None if number is None else str(number)


def same_short(gold: str, answer: str) -> bool | None:
    """Whether an answer is short for the day or month that is the gold answer: `Wed`, `Sept.`; None for others."""
    name, short = said(gold).lower(), said(answer).lower()
    return name.startswith(short) if name in _NAMES and short in _SHORT else None


def same_date(gold: str, answer: str) -> bool | None:
    """Whether two dates are one; the year may be missing in the gold answer. None where neither is a date."""
    one, other = _date(gold), _date(answer)
    if one and other:
        return one[1:] == other[1:] and one[0] in ("", other[0])
    figures = [_FIGURES.fullmatch(text) for text in (gold, answer)]
    if all(figures):
        parts = [[int(part) for part in re.split(r"\D", text)] for text in (gold, answer)]
        return parts[0] == parts[1]
    return False if one or other else None  # a day is no number


def _date(text: str) -> tuple[str, str, int] | None:
    words = re.sub(r"^(?:mon|tues|wednes|thurs|fri|satur|sun)day,? ", "", said(text), flags=re.IGNORECASE)
    for form in _DATES:
        if match := form.fullmatch(words):
            month = match["month"].lower()
            name = _MONTHS[int(month) - 1] if month.isdigit() and 0 < int(month) < 13 else month[:3]
            return match["year"] or "", name, int(match["day"])
    return None


_DIRECTIONS = ("north", "south", "east", "west")
_OPPOSITES = (*combinations(_DIRECTIONS, 2), ("up", "down"), ("upward", "downward"), ("left", "right"),
              ("above", "below"), ("increase", "decrease"), ("increased", "decreased"), ("profit", "loss"),
              ("gain", "loss"), ("more", "less"), ("more", "fewer"), ("clockwise", "counterclockwise"),
              ("older", "younger"), ("taller", "shorter"), ("faster", "slower"), ("earlier", "later"),
              ("before", "after"), ("positive", "negative"), ("ahead", "behind"), ("inside", "outside"))  # fmt: skip


_CHOICES = re.compile(
    r"(?:either |both )?\W*(?:[A-Z]|[IVX]{1,4}|[A-H]{2,8})(?:\W+(?:(and|or)\W+)?(?:[A-Z]|[IVX]{1,4})\b)*\W*"
)


def _are_other_choices(gold: str, answer: str) -> bool:
    """Whether a choice among some is said where all of them are right: `B or D` for `B, D`; and where both say how."""
    told = [_FONT.sub(" ", text).strip(" {}") for text in (gold, answer)]
    choices = [_CHOICES.fullmatch(text) for text in told]
    if not all(choices):
        return False
    (gold_join, join), several = (choice[1] for choice in choices), len(re.findall("[A-Z]", gold)) > 1
    return several and gold_join != join and (join == "or" or None not in (gold_join, join))


def are_opposed(gold: str, answer: str) -> bool:
    """Whether one answer has a word and the other its opposite: `5 m up` and `5 m down`, `A or C` and `A and C`."""
    if _are_other_choices(gold, answer):
        return True
    words = [set(re.findall(r"[a-z]+", text.lower().replace("counter-", "counter"))) for text in (gold, answer)]
    return any({a, b} & words[0] and {a, b} & words[1] and not {a, b} & words[0] & words[1] for a, b in _OPPOSITES)
