"""The contract of every Parquet table: its columns, their types, its key, the words that a column may hold."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import pyarrow as pa

from distill.tables.words import Disagreement, FinishReason, Judgement, Verdict


@dataclass(frozen=True)
class Contract:
    """A table's name, its columns, and the columns that make a row unique and order the file.

    words: column -> the only words it may hold, or null where the column may. row_group: rows of a piece of the file,
    absent where rows are small.
    """

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    words: Mapping[str, type[StrEnum]]
    row_group: int | None = None


def _contract(name: str, key: str, required: str, **columns: pa.DataType | type[StrEnum]) -> Contract:
    """Build a contract; `key` and `required` are space-separated column names that may not be null.

    A column is given by its type, or by the enum of the words it may hold.
    """
    never_null = set((key + " " + required).split())
    words = {n: t for n, t in columns.items() if isinstance(t, type)}
    fields = [pa.field(n, _TEXT if n in words else t, nullable=n not in never_null) for n, t in columns.items()]
    return Contract(name, pa.schema(fields), tuple(key.split()), words)


_TEXT, _INT, _LONG, _REAL = pa.string(), pa.int32(), pa.int64(), pa.float64()
_MESSAGE = pa.struct([pa.field("role", _TEXT, nullable=False), pa.field("content", _TEXT, nullable=False)])
_KEY = {"problem_id": _TEXT, "draw": _INT}
PROBLEMS = _contract(
    "problems", "problem_id", "problem answer origin",
    problem_id=_TEXT, problem=_TEXT, answer=_TEXT, solution=_TEXT, origin=_TEXT, subject=_TEXT, level=_TEXT,
)  # fmt: skip
# A further column of problems, where the corpus has one: the absolute error that a number may have.
TOLERANCE = pa.field("tolerance", _REAL)
STATEMENTS = _contract("statements", "problem_id", "problem", problem_id=_TEXT, problem=_TEXT)
RESPONSES = _contract(
    "responses", "problem_id draw", "response finish_reason",
    **_KEY, response=_TEXT, finish_reason=FinishReason, prompt_tokens=_INT, response_tokens=_INT, seed=_LONG,
    engine=_TEXT, error=_TEXT,
)  # fmt: skip
VERDICTS = _contract(
    "verdicts",
    "problem_id draw",
    "verdict method matcher lenient",
    **_KEY,
    verdict=Verdict,
    extracted=_TEXT,
    method=_TEXT,
    matcher=Verdict,
    lenient=Verdict,
)
GOLDS = _contract(
    "golds", "problem_id", "answer verifiable", problem_id=_TEXT, answer=_TEXT, verifiable=pa.bool_()
)  # fmt: skip
AGREEMENT = _contract(
    "agreement", "problem_id", "votes voters classes",
    problem_id=_TEXT, answer=_TEXT, votes=_INT, voters=_INT, classes=_INT, reason=Disagreement,
)  # fmt: skip
JUDGEMENTS = _contract(
    "judgements", "problem_id draw", "judgement reply", **_KEY, judgement=Judgement, reply=_TEXT
)  # fmt: skip
CONTAMINATION = _contract(
    "contamination", "problem_id benchmark", "benchmark_problem_id exact overlap",
    problem_id=_TEXT, benchmark=_TEXT, benchmark_problem_id=_TEXT, exact=pa.bool_(), overlap=_REAL,
)  # fmt: skip
DUPLICATES = _contract(
    "duplicates", "problem_id", "duplicate_of similarity", problem_id=_TEXT, duplicate_of=_TEXT, similarity=_REAL
)  # fmt: skip
LOGLIKELIHOODS = _contract(
    "loglikelihoods", "problem_id draw", "", **_KEY, loglikelihood=_REAL, tokens=_INT
)  # fmt: skip
# Of a response's tokens under a student before training: sums of their log-likelihoods (nats) and clipped ranks, and
# how many were the likeliest token, or among the ten likeliest. local: mean over its pieces of the log-likelihood per
# token, where each is seen with a few pieces before it alone. Null where a response could not be read.
SUITABILITY = _contract(
    "suitability", "problem_id draw", "",
    **_KEY, tokens=_INT, loglikelihood=_REAL, ranks=_LONG, top_1=_INT, top_10=_INT, pieces=_INT, local=_REAL,
)  # fmt: skip
# Of a response's tokens under a student before training: how many are the second or third likeliest (marginal) or less
# likely (shifted), their log-likelihood (nats, summed), and the same by the text and kind of the token. Null where it
# could not be read.
_TYPE = pa.struct([pa.field("token", _TEXT), pa.field("kind", _TEXT), pa.field("count", _INT),
                   pa.field("marginal", _INT), pa.field("shifted", _INT), pa.field("ranks", _LONG)])  # fmt: skip
TOKEN_SHIFT = _contract(
    "token_shift", "problem_id draw", "",
    **_KEY, tokens=_INT, marginal=_INT, shifted=_INT, loglikelihood=_REAL, types=pa.list_(_TYPE),
)  # fmt: skip
TRAIN = _contract(
    "train", "problem_id", "messages source teacher draw",
    problem_id=_TEXT, messages=pa.list_(_MESSAGE), source=_TEXT, teacher=_TEXT, draw=_INT,
)  # fmt: skip
PROBLEMS_LEDGER = _contract("ledger", "problem_id", "reason", problem_id=_TEXT, reason=_TEXT)
LEDGER = _contract("ledger", "problem_id teacher", "reason", problem_id=_TEXT, teacher=_TEXT, reason=_TEXT)
RENDERED = _contract(
    "rendered", "problem_id", "teacher input_ids loss_mask length",
    problem_id=_TEXT, teacher=_TEXT, input_ids=pa.list_(_INT), loss_mask=pa.list_(pa.int8()), length=_INT,
)  # fmt: skip
# Row by row as in the rendered table. Of each token that the loss counts, in their order, `top_k` ids of the student's
# tokens and their log-probabilities at the teacher (nats, at the recipe's temperature), the likeliest first: both lists
# hold `top_k` times as many values as the row has such tokens.
TEACHER_LOGPROBS = replace(
    _contract(
        "teacher_logprobs", "problem_id", "ids logprobs",
        problem_id=_TEXT, ids=pa.list_(_INT), logprobs=pa.list_(pa.float32()),
    ),
    row_group=64,
)  # fmt: skip
# votes: of several samples how many for each class of equal answers, most first; correct_votes: of these the correct.
ITEMS = _contract(
    "items", "problem_id", "n_samples n_correct n_no_answer n_cut_off n_errors n_ungraded n_lenient "
    "response_tokens",
    problem_id=_TEXT, subject=_TEXT, level=_TEXT, n_samples=_INT, n_correct=_INT, n_no_answer=_INT,
    n_cut_off=_INT, n_errors=_INT, n_ungraded=_INT, n_lenient=_INT, response_tokens=_LONG,
    n_loops=_INT, votes=pa.list_(_INT), correct_votes=pa.list_(_INT),
)  # fmt: skip
# What likelihoods are of: a response in the words of a solution, with the answer in a box. In characters of it:
# solution_end, where the solution ends; answer_start and answer_end, between which the answer stands in its last box.
SOLUTIONS = _contract(
    "solutions", "problem_id", "problem response",
    problem_id=_TEXT, problem=_TEXT, response=_TEXT, solution_end=_INT, answer_start=_INT, answer_end=_INT,
)  # fmt: skip
# In nats, summed over the tokens; null where there is none, or the model cannot read it.
LIKELIHOODS = _contract(
    "likelihoods", "problem_id", "",
    problem_id=_TEXT, solution_loglikelihood=_REAL, solution_tokens=_INT, answer_loglikelihood=_REAL,
    answer_tokens=_INT,
)  # fmt: skip
TRAIN_LOG = _contract(
    "train_log", "update", "epoch loss lr",
    update=_INT, epoch=_REAL, loss=_REAL, lr=_REAL, grad_norm=_REAL, tokens=_LONG, loss_tokens=_LONG,
    tokens_per_second=_REAL, held_out_loss=_REAL, mfu=_REAL,
)  # fmt: skip
