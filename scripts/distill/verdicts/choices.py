"""Choices and plain words: letters only, so capitals, spacing and accents do not count, but their order does."""

import re
import unicodedata

CHOICE = re.compile(r"(?:\\text\{)?\(([A-Z])\)(\}?)(.*)", re.DOTALL)
FUNCTIONS = frozenset(["sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan",
                       "log", "ln", "exp", "sqrt", "max", "min", "gcd", "lcm", "mod", "det", "deg", "dim", "ker",
                       "lim", "inf", "sup", "sign", "floor", "ceil"])  # fmt: skip
_TOLD_CHOICE = re.compile(r"(?:\\text\{)?(?:\(([a-e])\)|([a-e])|([A-Z])[.):] ?[^=]*)\}?", re.DOTALL)  # (b), b, B. 20
_LISTED = re.compile(r"(?:\\\{)?\(?[A-Z]\)?(?:,\(?[A-Z]\)?)+(?:\\\})?|(?:\\text\{)?(?:\([A-Z]\)){2,}\}?")
# AC: two choices, where the other lists some
_JOINED = re.compile(r"(?:\\text\{)?(?=[A-H]{2,}\}?$)(A?B?C?D?E?F?G?H?)\}?")
_BARE = re.compile(r"(?!.*_)[^\W\d_][\w .,:'-]*")
_TIME = re.compile(r"\d?\d:\d\d ?[a-zA-Z.]+")  # of day: words, too
_LETTERS = re.compile(r"[A-Za-z]+")
_WORD = re.compile(r"[^\W\d_]+")
_BEYOND_ASCII = re.compile(r"(?![a-zA-Z])[^\W\d_]")


def words(text: str) -> tuple[str, ...] | None:
    """Read plain words or a list of choices as something to compare: letters and digits only, choices sorted."""
    if _LISTED.fullmatch(text):
        return tuple(sorted(re.findall("[A-Z]", text)))
    inner = re.fullmatch(r"\\text\{([^{}\\]*)\}", text)
    told = inner[1] if inner else text
    if not inner:  # bare letters are words only where they are no product of variables and no function
        held = _WORD.findall(told)
        is_said = any(len(word) > 3 for word in held) or _BEYOND_ASCII.search(told)
        are_words = _BARE.fullmatch(told) and is_said and not FUNCTIONS.intersection(held)
        if not are_words and not _TIME.fullmatch(told):
            return None
    told = re.sub(r"^(?:an?|the) (?=[a-z]{2})", "", told.lower())
    letters = "".join(char for char in unicodedata.normalize("NFKD", told) if char.isalnum())
    return (letters,) if letters else None


def same_words(gold: str, answer: str) -> bool | None:
    """Whether two answers in words, or choices, are one; None where neither is such."""
    if (choice := CHOICE.fullmatch(answer)) and re.fullmatch("[A-Z]", gold):
        others = set(re.findall(r"\(([A-Z])\)", choice[3])) - {choice[1]}  # (C) is wrong, so (D)
        return choice[1] == gold and not others  # the choice with its text: (C) 20
    if re.fullmatch("[A-E]", gold) and (choice := _TOLD_CHOICE.fullmatch(answer)):
        return next(filter(None, choice.groups())).upper() == gold
    if (joined := _same_choices(gold, answer)) is not None:
        return joined
    left, right = words(gold), words(answer)
    if left is None and right is None:
        return None
    if left is not None and right is not None:
        return left == right
    other = answer if right is None else gold  # one side is words: equal letters in the other count, too
    letters = "".join(_LETTERS.findall(other))
    listed = "," in other and letters.isupper()  # AB,CD is not ABCD
    return letters.lower() == (left or right)[0] and not listed and not re.search(r"[\\^=]", other)


def _same_choices(gold: str, answer: str) -> bool | None:
    """Whether a list of choices, `A, C`, has those of letters that stand together, `AC`; None for other pairs."""
    for listed, other in ((gold, answer), (answer, gold)):
        if _LISTED.fullmatch(listed) and (joined := _JOINED.fullmatch(other)):
            return words(listed) == tuple(joined[1])
    return None
