"""The plan: which artefacts the selected studies need, stage by stage, as places of `results/`.

The rules, the bill and the publisher ask the same lists. Nothing here looks at a file.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, TypeVar

from distill.config import rated
from distill.config.catalogue import Catalogue
from distill.config.jobs import distillation, is_scratch
from distill.config.lineage import (
    PUBLISHED,
    Agreement,
    Analysis,
    Answers,
    Arm,
    BaseModel,
    Browser,
    Contamination,
    Contrasts,
    Dataset,
    Duplicates,
    Golds,
    Judgements,
    Likelihoods,
    Loglikelihoods,
    Place,
    Plans,
    Problems,
    Rendered,
    Repeats,
    Report,
    Responses,
    Score,
    Solutions,
    Statements,
    Suitability,
    TeacherLogprobs,
    TokenShift,
    TrainedModel,
    Verdicts,
    model_place,
)
from distill.config.once import once_each
from distill.config.shards import shard_names
from distill.config.sizes import base_model

# What a manifest stands for, where it is no table named as its kind.
MAIN_FILES: dict[type[Place], str] = {
    BaseModel: "weights", Dataset: "train.parquet", Plans: "plans.csv", TrainedModel: "weights", Score: "items.parquet",
    Contrasts: "gaps.csv", Analysis: "section.json", Report: "index.html",
    Browser: "index.html",
}  # fmt: skip

T = TypeVar("T")
AnswersT = TypeVar("AnswersT", bound=Answers)


def unique(items: Iterable[T]) -> list[T]:
    """Return the items without repeats, in their order."""
    return list(dict.fromkeys(items))


@dataclass(frozen=True)
class Needed:
    """What a dataset is made from, of one kind: of one teacher, or (teacher None) of its corpus."""

    kind: str
    teacher: str | None
    places: list[Place]

    @property
    def tables(self) -> list[str]:
        """Return the paths of the tables, one per place."""
        return [place.file(f"{self.kind}.parquet") for place in self.places]


class Plan:
    """What the selected studies of a catalogue need."""

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue

    # Arms and the names behind them

    @once_each
    def arms(self) -> list[Arm]:
        """Return the arms of all studies."""
        return unique(arm for study in self.catalogue.studies for arm in self.catalogue.arms(study))

    @once_each
    def trained_arms(self) -> list[Arm]:
        """Return the arms that are trained."""
        return [arm for arm in self.arms() if arm.is_trained]

    @once_each
    def dataset_names(self) -> list[str]:
        """Return the datasets that some arm is trained on."""
        return unique(arm.dataset for arm in self.trained_arms())

    @once_each
    def corpora(self) -> list[str]:
        """Return the corpora that students train on or are measured on."""
        trained = [self.catalogue.datasets[name].corpus for name in self.dataset_names()]
        return unique(trained + [b for study in self.catalogue.studies.values() for b in study.benchmarks])

    # Answers of one model

    def shards(self, corpus: str) -> list[str]:
        """Return the names of a corpus's shards."""
        return shard_names(self.catalogue.corpora[corpus].shards)

    def statements(self, corpus: str) -> list[Statements]:
        """Return the statements of a corpus, shard by shard."""
        return [Statements(corpus, shard) for shard in self.shards(corpus)]

    def answers(self, kind: type[AnswersT], corpus: str, model_path: str, decoding: str) -> list[AnswersT]:
        """Return all draws and shards of a model: its responses, or what is made of each."""
        draws = self.catalogue.draws(model_path, decoding)
        return [kind(corpus, model_path, decoding, draw, shard) for draw in draws for shard in self.shards(corpus)]

    def asked(self, model_path: str, decoding: str) -> dict[str, dict[str, int]]:
        """Return all that a model is asked, whose draws wait for no verdicts: corpus -> its draws and shards."""
        recipe = self.catalogue.decodings.get(decoding)
        if recipe is None or recipe.until_correct:
            return {}
        draws = len(self.catalogue.draws(model_path, decoding))
        corpora = self._corpora_of[model_path, decoding]
        return {name: {"draws": draws, "shards": len(self.shards(name))} for name in corpora}

    @cached_property
    def _corpora_of(self) -> dict[tuple[str, str], list[str]]:
        """Model path and decoding -> the corpora that it is asked."""
        found: dict[tuple[str, str], dict[str, None]] = {}
        for place in self.all_answers(Responses):
            found.setdefault((place.model_path, place.decoding), {})[place.corpus] = None
        return {key: list(corpora) for key, corpora in found.items()}

    def earlier(self, place: AnswersT) -> list[AnswersT]:
        """Return the draws before this one whose verdicts it waits for: it asks only what they got wrong."""
        decoding = self.catalogue.decodings.get(place.decoding)
        if decoding is None or not decoding.until_correct:
            return []
        names = asdict(place)
        return [type(place)(**{**names, "draw": draw}) for draw in range(place.draw)]

    def main_file(self, place: Place) -> str | None:
        """Return the path of the file that a place's manifest stands for, None where there is none."""
        if isinstance(place, Repeats) or (isinstance(place, BaseModel) and not self.has_weights(place)):
            return None
        return place.file(MAIN_FILES.get(type(place), f"{place.KIND}.parquet"))

    def has_weights(self, place: BaseModel | TrainedModel) -> bool:
        """Whether a model folder holds weights; those of a base that lies elsewhere do not stand there."""
        return isinstance(place, TrainedModel) or is_scratch(self.catalogue, place.model)

    # Stages

    def problems(self) -> list[Problems]:
        """Return the corpora's folders."""
        return [Problems(corpus) for corpus in self.corpora()]

    def golds(self) -> list[Golds]:
        """Return the checks of gold answers, one per corpus."""
        return [Golds(corpus) for corpus in self.corpora()]

    def agreement(self, corpus: str) -> list[Agreement]:
        """Return the agreement that stands for a corpus's gold answers; none where it has its own, or none at all."""
        return [Agreement(corpus)] if self.catalogue.corpora[corpus].agreement else []

    def agreements(self) -> list[Agreement]:
        """Return the agreements that stand for gold answers."""
        return [place for corpus in self.corpora() for place in self.agreement(corpus)]

    def voters(self, place: Agreement) -> dict[str, list[Responses]]:
        """Return teacher -> its responses, all of which vote in an agreement."""
        agreement = self.catalogue.corpora[place.corpus].agreement
        names = agreement.teachers if agreement else ()
        return {name: self._teacher_answers(Responses, place.corpus, name) for name in names}

    def dataset_inputs(self, dataset: str) -> list[Needed]:
        """Return all that a dataset is made from but its problems.

        A judge costs requests: its judgements are asked for only if the policy listens to them.
        """
        recipe = self.catalogue.datasets[dataset]
        curation, corpus = recipe.curation, recipe.corpus
        measured = [curation.pass_rate.teacher] if curation.pass_rate else []
        kinds = [Responses, Verdicts, *([Judgements] if self.catalogue.settings.policy == "rule+judge" else [])]
        needed = [
            Needed(kind.KIND, teacher, self._teacher_answers(kind, corpus, teacher))
            for teacher in unique([*recipe.teachers, *measured])
            for kind in kinds
        ]
        needed += [Needed(*rating) for rating in rated.chosen_by(self, dataset)]
        needed += [Needed("contamination", None, [Contamination(corpus)])] if curation.decontaminate else []
        needed += [Needed("duplicates", None, [Duplicates(corpus)])] if curation.deduplicate else []
        return needed

    def dataset_files(self, dataset: str) -> dict[str, Any]:
        """Return kind -> teacher -> tables of all that a dataset is made from, or kind -> table of its corpus.

        Of an agreement, whose terms the dataset states, it is the manifest.
        """
        files: dict[str, Any] = {}
        for needed in self.dataset_inputs(dataset):
            if needed.teacher is None:
                (files[needed.kind],) = needed.tables
            else:
                files.setdefault(needed.kind, {})[needed.teacher] = needed.tables
        for place in self.agreement(self.catalogue.datasets[dataset].corpus):
            files[place.KIND] = place.manifest
        return files

    def _teacher_answers(self, kind: type[AnswersT], corpus: str, teacher: str) -> list[AnswersT]:
        return self.answers(kind, corpus, f"teachers/{teacher}", self.catalogue.decoding_of(teacher))

    @once_each
    def of_datasets(self, *kinds: str) -> list[Place]:
        needed = (n for name in self.dataset_names() for n in self.dataset_inputs(name) if n.kind in kinds)
        return unique(place for n in needed for place in n.places)

    @once_each
    def teacher_answers(self, kind: type[Answers]) -> list[Place]:
        """Return the teachers' responses that datasets are made from, or what is made of each; and those that vote."""
        voters = [self.voters(place) for place in self.agreements()] if kind is Responses else []
        voted = [place for own in voters for places in own.values() for place in places]
        return unique([*self.of_datasets(kind.KIND), *voted])

    def signals(self) -> list[Place]:
        """Return the signals that datasets ask for, or studies."""
        return [*self.of_datasets("contamination", "duplicates", "loglikelihoods"), *self.suitability()]

    def suitability(self) -> list[Suitability]:
        """Return how well responses suit students: where datasets choose by it, and of studies that ask for it."""
        return unique([*self.of_datasets("suitability"), *rated.of_studies(self)])

    def token_shift(self) -> list[TokenShift]:
        """Return where the tokens of responses stand under students before training, of studies that ask for it."""
        return unique(rated.token_shift(self))

    @once_each
    def all_answers(self, kind: type[Answers]) -> list[Place]:
        """Return all teachers' and students' responses, or what is made of each."""
        students = [p for s in self.scores() for p in self.answers(kind, s.corpus, s.model_path, s.decoding)]
        solvers = [p for s in self.solutions() for p in self.solvers(kind, s.corpus)]
        return unique([*self.teacher_answers(kind), *students, *solvers])

    @once_each
    def repeats(self) -> list[Repeats]:
        """Return the counts of identical samples, one for every model, corpus and decoding."""
        responses = self.all_answers(Responses)
        return unique(Repeats(p.corpus, p.model_path, p.decoding) for p in responses)

    def datasets(self) -> list[Dataset]:
        """Return the datasets."""
        return [Dataset(name) for name in self.dataset_names()]

    @once_each
    def rendered(self) -> list[Rendered]:
        """Return the rendered datasets; an on-policy training is shown those of its start."""
        return unique(self.rows_of(TrainedModel(**asdict(arm))) for arm in self.trained_arms())

    def rows_of(self, place: TrainedModel) -> Rendered:
        """Return the rendered rows that a training is shown."""
        return Rendered(place.student, self.catalogue.start_of(place.training), place.dataset)

    def start(self, place: TrainedModel) -> TrainedModel:
        """Return the model that an on-policy training goes on from; of any other the model itself."""
        return TrainedModel(**{**asdict(place), "training": self.catalogue.start_of(place.training)})

    def teacher_logprobs(self) -> list[TeacherLogprobs]:
        """Return the log-probabilities of teachers that trainings distil from."""
        distils = self.catalogue.trainings
        return [TeacherLogprobs(**asdict(place)) for place in self.rendered() if distils[place.training].distil]

    def distil_teachers(self) -> list[str]:
        """Return the teachers from whose probabilities trainings distil, those of on-policy trainings too."""
        stored = [distillation(self.catalogue, place.training).teacher for place in self.teacher_logprobs()]
        further = [self.catalogue.on_policy.get(arm.training) for arm in self.trained_arms()]
        return unique([*stored, *(recipe.teacher for recipe in further if recipe)])

    @once_each
    def plans(self) -> list[Plans]:
        """Return the plans of trainings, one place per student."""
        return unique(Plans(arm.student) for arm in self.trained_arms())

    @once_each
    def renderings(self, student: str) -> dict[str, Rendered]:
        """Return the rendered datasets of a student by `training/dataset`."""
        return {f"{p.training}/{p.dataset}": p for p in self.rendered() if p.student == student}

    @once_each
    def trained(self) -> list[TrainedModel]:
        """Return the trained models, and those that on-policy trainings go on from, before them."""
        arms = [TrainedModel(**asdict(arm)) for arm in self.trained_arms()]
        return unique(place for arm in arms for place in (self.start(arm), arm))

    @once_each
    def scores(self) -> list[Score]:
        """Return the scores: every arm of a study on each of its benchmarks."""
        return unique(
            Score(benchmark, arm.model_path, study.decoding)
            for name, study in self.catalogue.studies.items()
            for arm in self.catalogue.arms(name)
            for benchmark in study.benchmarks
        )

    @once_each
    def likelihoods(self) -> list[Likelihoods]:
        """Return the likelihoods that studies ask for: of every arm on each of its benchmarks."""
        return unique(
            Likelihoods(benchmark, arm.model_path)
            for name, study in self.catalogue.studies.items()
            if study.likelihoods
            for arm in self.catalogue.arms(name)
            for benchmark in study.benchmarks
        )

    def solutions(self) -> list[Solutions]:
        """Return the solutions that likelihoods are of."""
        return unique(Solutions(place.corpus) for place in self.likelihoods())

    def solvers(self, kind: type[AnswersT], corpus: str) -> list[AnswersT]:
        """Return the published responses that may stand for a benchmark's solutions, or their verdicts."""
        teacher = self.catalogue.corpora[corpus].solutions_from
        return self._teacher_answers(kind, corpus, teacher) if teacher and kind in (Responses, Verdicts) else []

    @once_each
    def browsed(self) -> list[Place]:
        """Return what the response browser shows: problems, and the students' answers with all that is said of them."""
        benchmarks = unique(score.corpus for score in self.scores())
        judges = [Judgements] if self.catalogue.settings.judge else []
        answers = [
            place
            for score in self.scores()
            for kind in (Responses, Verdicts, *judges)
            for place in self.answers(kind, score.corpus, score.model_path, score.decoding)
        ]
        agreements = [place for name in benchmarks for place in self.agreement(name)]
        return unique([*map(Problems, benchmarks), *agreements, *answers])

    def browsed_tables(self) -> list[str]:
        """Return the tables of what the response browser shows."""
        return [place.file(f"{place.KIND}.parquet") for place in self.browsed()]

    def browsed_provenances(self) -> list[str]:
        """Return the provenances that the response browser tells: those of answers, verdicts and models."""
        told = [place for place in self.browsed() if isinstance(place, (Responses, Verdicts))]
        models = [model_place(score.model_path) for score in self.scores()]
        return [place.file("provenance.json") for place in unique([*told, *models])]

    @once_each
    def models(self) -> list[BaseModel | TrainedModel]:
        """Return the weights that anybody answers with, is trained from, distils from, or rates and judges with."""
        answer = [p for p in self.all_answers(Responses) if p.decoding != PUBLISHED]
        raters = [p.student for p in self.signals() if isinstance(p, (Loglikelihoods, Suitability))]
        judge = self.catalogue.settings.judge
        judges = [judge.teacher] if judge and self.all_answers(Judgements) else []
        students = [arm.student for arm in self.arms()]
        bases = [BaseModel(name) for name in [*students, *raters, *judges, *self.distil_teachers()]]
        return unique([*(model_place(p.model_path) for p in answer), *bases, *self.trained()])

    @once_each
    def places(self) -> list[Place]:
        """Return every artefact of the studies up to the scores, in the order of the data flow."""
        signals, answers = self.signals(), self.all_answers(Responses)
        judgements = self.all_answers(Judgements) if self.catalogue.settings.judge else []
        models = self.models()
        bases = [place for place in models if isinstance(place, BaseModel)]
        scratch = [base_model(self.catalogue, place.model).scratch for place in bases]
        corpora = unique([*self.corpora(), *(name for model in scratch if model for name in model.tokenizer_corpora)])
        compared = self.catalogue.benchmarks() if any(isinstance(p, Contamination) for p in signals) else []
        asked = unique([*(p.corpus for p in answers), *compared])
        statements = [place for corpus in asked for place in self.statements(corpus)]
        stages = [[Problems(corpus) for corpus in corpora], statements, bases, answers, self.all_answers(Verdicts),
                  judgements, self.agreements(), self.golds(), self.repeats(), signals, self.datasets(),
                  self.rendered(), self.teacher_logprobs(), self.plans(), models, self.scores(), self.solutions(),
                  self.likelihoods(), self.token_shift()]  # fmt: skip
        return unique(place for stage in stages for place in stage)
