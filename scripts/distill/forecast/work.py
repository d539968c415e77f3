"""Work: the rows and tokens that each artefact asks of a model, as far as they can be known before it is made."""

from collections.abc import Iterable, Mapping
from functools import cached_property

from distill.config.catalogue import Catalogue
from distill.config.demands import PIECEWISE, UNKNOWN_ROWS, UNKNOWN_TOKENS
from distill.config.jobs import judge_of
from distill.config.lineage import (
    PUBLISHED,
    Answers,
    Dataset,
    Judgements,
    Likelihoods,
    Loglikelihoods,
    Place,
    Problems,
    Rendered,
    Responses,
    Statements,
    Suitability,
    TeacherLogprobs,
    TokenShift,
    TrainedModel,
)
from distill.config.plan import Plan
from distill.config.ranges import NOTHING, Range, exactly
from distill.config.recipes import CorpusRecipe
from distill.forecast.measured import Figure, Measured, Tally, arm_of, pooled
from distill.forecast.missing import Found, State
from distill.problems.mapping import read_corpus
from distill.runtime.errors import InputError

# Mean tokens of a response where no length was measured: from brief solutions of grade-school problems (ZeroEval, 8B
# and 70B models: 350 to 450 characters) to R1's on competition problems (Open R1, update 2: about 6,000 tokens).
RESPONSE_TOKENS = Range(100, 6_000)
LEAST_SHARE = 0.1  # of `max_new_tokens` or a cutoff, that a response takes at the least where both are small
ROWS_FACTOR = 3  # about a corpus whose rows nobody has counted
SOLUTION_TOKENS = Range(50, 500)  # of a benchmark: from grade-school to competition problems
ANSWER_TOKENS = Range(10, 30)  # in a box, where a benchmark has no solutions
PROMPT_TOKENS = Range(20, 300)  # beside the response in a row
PAIRED = Range(0.5, 1)  # of a corpus's problems, that a dataset's teachers leave
REJECTED = Range(0.05, 0.6)  # of the responses, that a judge looks at again
MEASURED, TABLE = "measured", "table"


class Work:
    """The rows and tokens of places, from what stands, what was measured, and the catalogue."""

    def __init__(self, plan: Plan, stands: Mapping[Place, Found], learnt: Measured):
        self._plan, self._catalogue = plan, plan.catalogue
        self._stands, self._learnt = stands, learnt

    def tokens(self, place: Place) -> Range:
        """Return the tokens that the model of a place writes, reads, or is trained on; nothing of a place without."""
        match place:
            case Responses() if place.decoding != PUBLISHED:
                return self.asked(place) * self.length(place.model_path, place.decoding).figures
            case Judgements():
                return self._shard_rows(place) * REJECTED * judge_of(self._catalogue).max_tokens
            case Loglikelihoods() | TokenShift():
                length = self.length(place.model_path, place.decoding).figures
                return self._shard_rows(place) * (length + PROMPT_TOKENS)
            case Suitability():  # once, and every piece again with a few before it
                length = self.length(place.model_path, place.decoding).figures
                return self._shard_rows(place) * (length + PROMPT_TOKENS) * Range(1, PIECEWISE)
            case Likelihoods():
                recipe = self._catalogue.corpora[place.corpus]
                solved = recipe.columns.solution is not None or recipe.solutions_from is not None
                return self.rows(place.corpus) * ((SOLUTION_TOKENS if solved else ANSWER_TOKENS) + PROMPT_TOKENS)
            case TeacherLogprobs():
                return self.rendered_tokens(Rendered(place.student, place.training, place.dataset))
            case TrainedModel() if place.training in self._catalogue.on_policy:
                recipe = self._catalogue.on_policy[place.training]
                return recipe.max_updates * recipe.global_batch * guessed(recipe.max_new_tokens)
            case TrainedModel():
                return self._trained_tokens(place)
        return NOTHING

    def items(self, place: Place) -> Range:
        """Return the rows that a program without a model goes through."""
        match place:
            case Answers():
                return self._shard_rows(place)
            case Problems() | Statements():
                return self.rows(place.corpus)
            case Rendered():
                return self.dataset_rows(place.dataset)
        corpus, dataset = getattr(place, "corpus", None), getattr(place, "dataset", None)
        return self.rows(corpus) if corpus else self.dataset_rows(dataset) if dataset else NOTHING

    def asked(self, place: Responses) -> Range:
        """Return the rows that a generation asks for: further draws of `until_correct` perhaps none."""
        rows = self._shard_rows(place)
        return Range(0, rows.high) if self._plan.earlier(place) else rows

    def length(self, model_path: str, decoding: str) -> Figure:
        """Return the tokens of a response: of this model as measured, else of the likest ones, else by the decoding.

        The likest are arms of the same dataset, then the dataset's teachers, then all of the same kind and decoding.
        """
        for like in self._like(model_path, decoding):
            if found := pooled(like):
                return found
        recipe = self._catalogue.decodings.get(decoding)
        most = recipe.max_new_tokens if recipe else UNKNOWN_TOKENS
        return Figure(guessed(most), 0)

    def _like(self, model_path: str, decoding: str) -> Iterable[list[Tally]]:
        lengths, arm = self._learnt.lengths, arm_of(model_path)
        yield [lengths[key] for key in [(model_path, decoding)] if key in lengths]
        same = {path: tally for (path, name), tally in lengths.items() if name == decoding}
        if arm is not None and arm.is_trained:
            yield [t for path, t in same.items() if (other := arm_of(path)) and other.dataset == arm.dataset]
            recipe = self._catalogue.datasets.get(arm.dataset)
            names = recipe.teachers if recipe else ()
            yield [t for (path, _), t in lengths.items() if path in {f"teachers/{name}" for name in names}]
        yield [t for path, t in same.items() if path.split("/")[0] == model_path.split("/")[0]]

    def rows(self, corpus: str) -> Range:
        """Return the problems of a corpus: as it was made, as its recipe or a study states, as its files have it."""
        return self._counts[corpus]

    @cached_property
    def _counts(self) -> "_Counts":
        return _Counts(self._catalogue, self._stands)

    def _shard_rows(self, place: Answers) -> Range:
        if known := stated(self._stands, Statements(place.corpus, place.shard), "rows"):
            return known
        return self.rows(place.corpus) / self._catalogue.corpora[place.corpus].shards

    def dataset_rows(self, dataset: str) -> Range:
        """Return the rows of a dataset: as it was made, else what its corpus, pairing and budget leave."""
        if known := stated(self._stands, Dataset(dataset), "rows"):
            return known
        recipe = self._catalogue.datasets[dataset]
        left = self.rows(recipe.corpus) * (exactly(1) if recipe.pairing == "unfiltered" else PAIRED)
        return left.capped(recipe.rows) if recipe.rows else left

    def _trained_tokens(self, place: TrainedModel) -> Range:
        """Return the tokens of a training's updates, those of prompts with them."""
        recipe = self._catalogue.trainings[place.training]
        rendered, rows = self.rendered_tokens(self._plan.rows_of(place)), self.dataset_rows(place.dataset)
        if recipe.max_updates is None or recipe.max_tokens is not None:
            tokens = rendered * recipe.epochs
        elif recipe.batch_unit == "rows":
            tokens = recipe.max_updates * recipe.global_batch * Range(
                rendered.low / max(rows.low, 1), rendered.high / max(rows.high, 1)
            )  # fmt: skip
        elif recipe.batch_unit == "packs":
            most = recipe.max_updates * recipe.global_batch * (recipe.pack_tokens or 0)
            tokens = Range(most / 2, most)
        else:  # a loss token goes with up to one of a prompt
            tokens = recipe.max_updates * recipe.global_batch * Range(1, 2)
        return tokens.capped(recipe.max_tokens) if recipe.max_tokens else tokens

    def rendered_tokens(self, place: Rendered) -> Range:
        """Return the tokens of rendered rows: as they are, else by the lengths of the teachers' responses."""
        if known := stated(self._stands, place, "tokens"):
            return known
        cutoff = self._catalogue.trainings[place.training].cutoff
        rows, teachers = self.dataset_rows(place.dataset), self._catalogue.datasets[place.dataset].teachers
        lengths = [self.length(f"teachers/{name}", self._catalogue.decoding_of(name)) for name in teachers]
        if not all(length.jobs for length in lengths):
            return rows * (guessed(cutoff) + PROMPT_TOKENS).capped(cutoff)
        ends = Range(min(f.figures.low for f in lengths), max(f.figures.high for f in lengths))
        return rows * (ends + PROMPT_TOKENS).capped(cutoff)


def guessed(most: int) -> Range:
    """Return the mean tokens of a response that nobody has measured, where it may have so many."""
    return Range(min(RESPONSE_TOKENS.low, LEAST_SHARE * most), min(RESPONSE_TOKENS.high, most))


def stated(stands: Mapping[Place, Found], place: Place, count: str) -> Range | None:
    """Return a count of an artefact's manifest; None where it is missing, or states none."""
    found = stands.get(place)
    if found is None or found.state is State.MISSING or count not in found.manifest:
        return None
    return exactly(found.manifest[count])


class _Counts(dict[str, Range]):
    """Corpus -> its problems, counted when they are asked for."""

    def __init__(self, catalogue: Catalogue, stands: Mapping[Place, Found]):
        super().__init__()
        self._catalogue, self._stands = catalogue, stands

    def __missing__(self, corpus: str) -> Range:
        self[corpus] = self._count(corpus, self._catalogue.corpora[corpus])
        return self[corpus]

    def _count(self, name: str, recipe: CorpusRecipe) -> Range:
        if known := stated(self._stands, Problems(name), "rows"):
            return known
        told = [s.power.problems[name] for s in self._catalogue.studies.values() if name in s.power.problems]
        if recipe.stop is not None:
            return exactly(recipe.stop - recipe.start)
        if recipe.size is not None or told:
            return exactly(recipe.size or told[0])
        try:
            if recipe.hub is None:
                return exactly(len(read_corpus(recipe).rows))
        except InputError:
            pass
        return Range(UNKNOWN_ROWS / ROWS_FACTOR, UNKNOWN_ROWS * ROWS_FACTOR)
