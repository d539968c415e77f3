"""The words that columns may hold: verdicts, finish reasons, judgements, outcomes. Contracts name them.

Each word is a member of a `StrEnum`, so it equals its text, and is written to tables and JSON as that text.
"""

from collections.abc import Mapping
from enum import StrEnum

from distill.config.recipes.base import plain_word


class FinishReason(StrEnum):
    """Why a response ended: by itself, at its length limit, or because the request failed."""

    STOP = "stop"
    LENGTH = "length"
    ERROR = "error"


# What servers, engines and published sets call the end of a response, in small letters with `_` for space and hyphen.
_FINISH_WORDS = {
    FinishReason.STOP: (
        "stop eos eos_token eos_found end end_turn end_of_turn end_of_text stop_sequence stop_token stop_string "
        "stop_str complete completed done finish finished natural"
    ),
    FinishReason.LENGTH: (
        "length max_tokens max_token max_length max_new_tokens max_output_tokens max_completion_tokens token_limit "
        "length_limit model_length model_context_window_exceeded context_length_exceeded max_context_length truncated "
        "incomplete"
    ),
    FinishReason.ERROR: (
        "error failed failure network_error server_error timeout abort aborted cancelled canceled content_filter "
        "filtered safety recitation blocklist prohibited_content refusal"
    ),
}
FINISH_SYNONYMS = {word: reason for reason, words in _FINISH_WORDS.items() for word in words.split()}


def finish_reason_of(word: str, meanings: Mapping[str, str] | None = None) -> FinishReason | None:
    """Return what a server's or a publisher's word for the end of a response means; None for a word nobody knows.

    `meanings` are those of a recipe, plain word -> finish reason; they come first.
    """
    plain = plain_word(word)
    reason = (meanings or {}).get(plain) or FINISH_SYNONYMS.get(plain)
    return None if reason is None else FinishReason(reason)


class Verdict(StrEnum):
    """What a grader says of a response; `distill.verdicts.grading` says when."""

    CORRECT = "correct"
    WRONG = "wrong"
    NO_ANSWER = "no_answer"
    CUT_OFF = "cut_off"
    TIMEOUT = "timeout"
    ERROR = "error"
    UNVERIFIABLE = "unverifiable"


class Judgement(StrEnum):
    """What the judge says of an answer that the rule rejected: equal to the gold answer; without one: correct."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNCLEAR = "unclear"


class Disagreement(StrEnum):
    """Why the teachers of an agreement give a problem no gold answer; `distill.verdicts.agreement` says when."""

    TOO_FEW = "too_few"
    TIE = "tie"
    NO_MAJORITY = "no_majority"


class Outcome(StrEnum):
    """How far a response, or a problem at one teacher, came: the steps of the funnel, worst first.

    Each but the last is named after the step that it did not reach. A problem's outcome is the best over its draws.
    """

    NOT_GENERATED = "not_generated"
    NOT_STOPPED = "not_stopped"
    NOT_ANSWERED = "not_answered"
    NOT_CORRECT = "not_correct"
    CORRECT = "correct"

    @property
    def rank(self) -> int:
        """Return how many steps were reached: 0 is the worst outcome."""
        return list(Outcome).index(self)


# A response without a readable final answer.
UNANSWERED = (Verdict.NO_ANSWER, Verdict.CUT_OFF)

# A response that could not be graded: not known to be right.
UNGRADED = (Verdict.TIMEOUT, Verdict.ERROR, Verdict.UNVERIFIABLE)

# What the rule can be wrong about, so that a judge looks again. A response without an answer is not judged.
REJECTED = (Verdict.WRONG, Verdict.UNVERIFIABLE, Verdict.TIMEOUT, Verdict.ERROR)

# What responses pass one after the other, from generated to correct, and the whole funnel of a dataset.
STEPS = tuple(outcome.removeprefix("not_") for outcome in Outcome if outcome is not Outcome.CORRECT)
FUNNEL = ("problems", *STEPS, "curated", "paired")
