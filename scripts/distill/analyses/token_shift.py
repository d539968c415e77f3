"""Token shift: what each training made a student say that it would not have said before, and what its teachers say."""

from dataclasses import replace

from distill.analyses.section import Block, Inputs, Row, Section, Table
from distill.config.labels import Labels

NEEDS = ("token_shift", "token_shift_tables")
ORDER = 37
LABELLED = True
TEXT = (
    "What an arm wrote on the benchmarks, read by the student before training: where does each token stand among "
    "those that it would have written itself after the same text? Its likeliest is unshifted, the second and third "
    "are marginal, all others shifted (the paper's Fig. 8; after Lin et al., arXiv 2312.01552). Of several draws the "
    "first is read, its text tokenised anew; the token that ends a response counts, too.",
    "Unshifted, marginal and shifted are percent of all tokens, the last with a 95 % interval over problems; all "
    "seeds count together. Of style to of stop: percent of the tokens of that kind that are shifted, and how many of "
    "these tokens there are. Style are words of one's own thinking or between steps (wait, but, let, so), by a fixed "
    "list; mathematics are digits, signs, variables and commands of LaTeX; layout is punctuation and white space; "
    "stop is the token that ends a response; words are all others. Nats are the mean surprisal of a token to the "
    "student before training: less is nearer to it. Where answers are drawn at a temperature, not every token of the "
    "untouched student is its own likeliest, and its row is what the others are compared with.",
)
REVERSE = (
    "The other direction: what the teachers wrote, right or wrong, in their first draw, read by the student before "
    "training. The more is shifted, the more a training on it has to change.",
)


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on token shift; nothing where no study asks for it."""
    if not inputs["token_shift"]:
        return Section("Token shift", ("The studies ask for no token shift.",), [])
    from distill.analyses import token_shift_tables as made

    read = made.read(inputs["token_shift"])
    arms = labels.by_size(made.of_arms(read), lambda each: each.student)
    sources = labels.by_size(made.of_teachers(read), lambda each: each.student)
    shown = [replace(each, student=labels.said("students", each.student), name=labels.row(each.name)) for each in arms]
    blocks = [
        Block(
            "What arms write",
            text=(*made.said(shown), *made.unread(read)),
            tables=_tables(made.share_rows(arms)),
            open=True,
        ),
        Block("The tokens that are shifted most often", text=(made.OFTEN,), tables=_tables(made.token_rows(arms))),
        Block("What teachers write", text=REVERSE, tables=_tables(made.share_rows(sources)), open=True),
    ]
    return Section("Token shift", TEXT, made.long_rows(read), blocks=tuple(blocks))


def _tables(rows: list[Row]) -> tuple[Table, ...]:
    return (Table("", rows, list(rows[0]), dense=True),) if rows else ()
