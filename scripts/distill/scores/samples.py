"""The graded responses of one model to one benchmark, each without its text: what a score is made of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from distill import tables
from distill.responses.repeats import ends_in_loop
from distill.scores.paper_scoring import is_correct_in_the_paper
from distill.tables import graded
from distill.tables.graded import GradedResponse, is_correct
from distill.tables.words import UNANSWERED, UNGRADED, FinishReason, Verdict

PAPER = "paper_scoring"


class Sample(NamedTuple):
    """One response: what the policy of the score says of it, and what it shows of itself.

    verdict: the policy's; correct_by: the graders that call it correct; answer: what it votes for (the last box of a
    response that ended by itself), None without a vote; tokens: None where unknown.
    """

    problem_id: str
    draw: int
    finish_reason: str
    verdict: str
    is_correct: bool
    is_lenient: bool
    correct_by: tuple[str, ...]
    answer: str | None
    tokens: int | None
    loops: bool

    @property
    def is_unanswered(self) -> bool:
        """Whether no final answer could be read."""
        return self.verdict in UNANSWERED

    @property
    def is_cut_off(self) -> bool:
        """Whether it was stopped at the token limit."""
        return self.finish_reason == FinishReason.LENGTH

    @property
    def is_error(self) -> bool:
        """Whether the engine gave no response."""
        return self.finish_reason == FinishReason.ERROR

    @property
    def is_ungraded(self) -> bool:
        """Whether the grader could not say if the response is right, though there is one."""
        return self.verdict in UNGRADED and not self.is_error


class Grading(NamedTuple):
    """How responses are counted.

    has_judge: whether a judge looked again at what the rule rejected. golds (problem_id -> gold answer) and task (the
    paper's, see `distill.scores.paper_scoring`) are for the policy of that name alone.
    """

    policy: str
    has_judge: bool = False
    golds: Mapping[str, str] = {}
    task: str = "math"

    def graders(self) -> list[str]:
        """Return the graders whose accuracies stand beside each other."""
        names = {"rule": True, "rule+judge": self.has_judge, "matcher": True, PAPER: self.policy == PAPER}
        return [name for name, there in names.items() if there]

    def sample(self, response: GradedResponse, answer: str | None) -> Sample:
        """Return a response as a sample; `answer` is what its verdict found in the last box."""
        reason = response.finish_reason
        verdicts = {"rule": response.verdict, "rule+judge": response.final_verdict, "matcher": response.matcher}
        correct = [name for name, word in verdicts.items() if is_correct(reason, word)]
        verdict = verdicts["rule" if self.policy == PAPER else self.policy]
        if self.policy == PAPER:
            verdict = self._paper_verdict(response)
            correct += [PAPER] if verdict == Verdict.CORRECT else []
        counts = self.policy in correct
        return Sample(
            response.problem_id,
            response.draw,
            reason,
            verdict,
            counts,
            counts or is_correct(reason, response.lenient),
            tuple(correct),
            answer if reason == FinishReason.STOP else None,
            response.response_tokens,
            reason != FinishReason.ERROR and ends_in_loop(response.response or ""),
        )

    def _paper_verdict(self, response: GradedResponse) -> str:
        # The judge was asked only about what our rule rejected; what the rule accepts it would hardly reject.
        equal = self.has_judge and response.final_verdict == Verdict.CORRECT
        gold, text = self.golds[response.problem_id], response.response or ""
        if is_correct_in_the_paper(gold, text, self.task, equal):
            return Verdict.CORRECT
        return Verdict.WRONG if response.verdict == Verdict.CORRECT else response.verdict


def read_samples(
    files: Sequence[Sequence[Path]], problem_ids: Iterable[str], grading: Grading
) -> dict[str, list[Sample]]:
    """Return problem_id -> its samples, from the files of responses, verdicts and judgements (none without a judge).

    Raises InputError when files do not belong together or a problem lacks a draw.
    """
    samples: dict[str, list[Sample]] = {problem_id: [] for problem_id in problem_ids}
    keys = []
    joined = graded.join(*files, columns=["response_tokens", "response"])
    for response, answer in zip(joined, _answers(files[1]), strict=True):
        keys.append((response.problem_id, response.draw))
        if response.problem_id in samples:
            samples[response.problem_id].append(grading.sample(response, answer))
    graded.check_whole(samples, keys, files[0][0])
    return samples


def _answers(verdicts: Sequence[Path]) -> Iterator[str | None]:
    """Yield what the verdicts found in the last box, row by row."""
    batches = chain.from_iterable(tables.stream(path, tables.VERDICTS, ["extracted"]) for path in verdicts)
    return chain.from_iterable(batch["extracted"].to_pylist() for batch in batches)
