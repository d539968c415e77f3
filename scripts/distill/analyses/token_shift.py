"""Token shift: what each training made a student say that it would not have said before, and what its teachers say."""

from distill.analyses.section import Block, Inputs, Row, Section, Table
from distill.config.labels import Labels

NEEDS = ("token_shift", "token_shift_tables")
ORDER = 37
LABELLED = True
TEXT = (
    "Where each token that an arm wrote on the benchmarks stands among those that the student before training would "
    "have written after the same text (the paper's Fig. 8; after Lin et al., arXiv 2312.01552): rank 1 is unshifted, "
    "2 and 3 marginal, above 3 shifted. Shares of all tokens in percent; of the shifted with a 95 % interval over "
    "problems, whose seeds count together. Of style to of stop: the shifted share of the tokens of that kind. "
    "Style are words of one's own thinking or between steps (wait, but, let, so), by a fixed list; mathematics is "
    "digits, signs, variables and commands of LaTeX; layout punctuation and white space; stop the token that ends a "
    "response. Nats: the mean surprisal per token.",
    "The first draw of each arm is read, with its text tokenised anew. Drawn at a temperature, not every token of "
    "the untouched student is its own likeliest: its row is what the others are compared with. A token after a "
    "shifted one is looked up after that one, so what follows from it is not shifted again.",
)
REVERSE = (
    "The other direction: what the teachers wrote, read by the student before training. The more is shifted, the more "
    "a training on it has to change.",
)


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on token shift; nothing where no study asks for it."""
    if not inputs["token_shift"]:
        return Section("Token shift", ("The studies ask for no token shift.",), [])
    from distill.analyses import token_shift_tables as made

    read = made.read(inputs["token_shift"])
    arms = labels.by_size(made.of_arms(read), lambda each: each.student)
    sources = labels.by_size(made.of_teachers(read), lambda each: each.student)
    blocks = [
        Block("What arms write", text=tuple(made.unread(read)), tables=_tables(made.share_rows(arms)), open=True),
        Block("The tokens that are shifted most often", text=(made.OFTEN,), tables=_tables(made.token_rows(arms))),
        Block("What teachers write", text=REVERSE, tables=_tables(made.share_rows(sources)), open=True),
    ]
    return Section("Token shift", TEXT, made.long_rows(read), blocks=tuple(blocks))


def _tables(rows: list[Row]) -> tuple[Table, ...]:
    return (Table("", rows, list(rows[0]), dense=True),) if rows else ()
