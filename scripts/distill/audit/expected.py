"""What configuration and code would make now: the artefacts of the selected studies, and the job behind each."""

from dataclasses import asdict, dataclass
from pathlib import Path

from distill import analyses
from distill.config import jobs
from distill.config.catalogue import Catalogue
from distill.config.lineage import (
    PUBLISHED,
    Agreement,
    Analysis,
    BaseModel,
    Contamination,
    Contrasts,
    Dataset,
    Duplicates,
    Golds,
    Judgements,
    Loglikelihoods,
    Place,
    Problems,
    Rendered,
    Repeats,
    Report,
    Responses,
    Score,
    Statements,
    TrainedModel,
    Verdicts,
    model_place,
)
from distill.config.plan import Plan, unique
from distill.responses.engines import module_of


@dataclass(frozen=True)
class Job:
    """A program, its recipe as canonical JSON, the modules that it loads by name, and the tables it must have read.

    `tables` is None where the recipe decides them, or the place's own names.
    """

    program: str
    recipe: str = "{}"
    modules: tuple[str, ...] = ()
    tables: frozenset[str] | None = None


def chosen_places(plan: Plan) -> list[Place]:
    """Return every artefact of the selected studies, in the order of the data flow."""
    catalogue = plan.catalogue
    judgements = plan.all_answers(Judgements) if catalogue.settings.judge else []
    signals = plan.signals()
    models = [model_place(p.model_path) for p in plan.all_answers(Responses) if p.decoding != PUBLISHED]
    models += [BaseModel(arm.student) for arm in plan.arms()]
    models += [BaseModel(p.student) for p in signals if isinstance(p, Loglikelihoods)]
    models += [BaseModel(jobs.judge_of(catalogue).teacher)] if judgements else []
    bases = unique(place for place in models if isinstance(place, BaseModel))
    corpora = unique([*plan.corpora(), *_tokenizer_corpora(catalogue, bases)])
    compared = catalogue.benchmarks() if any(isinstance(p, Contamination) for p in signals) else []
    asked = unique([p.corpus for p in plan.all_answers(Responses)] + [p.corpus for p in signals] + compared)
    statements = [place for corpus in asked for place in plan.statements(corpus)]
    reports = [Contrasts(), *(Analysis(name) for name in analyses.names()), Report()]
    stages = [[Problems(corpus) for corpus in corpora], statements, bases, plan.all_answers(Responses),
              plan.all_answers(Verdicts), judgements, plan.agreements(), plan.golds(), plan.repeats(), signals,
              plan.datasets(), plan.rendered(), plan.trained(), plan.scores(), reports]  # fmt: skip
    return unique(place for stage in stages for place in stage)


def _tokenizer_corpora(catalogue: Catalogue, bases: list[BaseModel]) -> list[str]:
    scratch = [jobs.base_model(catalogue, place.model).scratch for place in bases]
    return [corpus for model in scratch if model for corpus in model.tokenizer_corpora]


def job_of(place: Place, plan: Plan) -> Job:
    """Return the job that makes a place. Raises KeyError for a place of names that the catalogue lacks."""
    catalogue = plan.catalogue
    match place:
        case Problems() | Statements():
            program = "fetch_problems" if isinstance(place, Problems) else "fetch_statements"
            return Job(program, jobs.problems_job(catalogue, place.corpus).canonical())
        case BaseModel():
            program = "initialise" if jobs.is_scratch(catalogue, place.model) else "fetch_model"
            return Job(program, jobs.base_model(catalogue, place.model).canonical())
        case Rendered():
            return Job("render", jobs.render_job(catalogue, place.student, place.training).canonical())
        case TrainedModel():
            return Job("train", jobs.train_job(catalogue, place.training).canonical())
        case Contamination():
            return _contamination(place, plan)
        case Duplicates():
            return Job("find_duplicates", jobs.similarity_job(catalogue, "near_duplicate"))
        case Loglikelihoods():
            return Job("compute_loglikelihood", jobs.loglikelihood_job(catalogue, place.student).canonical())
        case Dataset():
            return _mix(place, plan)
        case Responses():
            return _answering(place, catalogue)
        case Verdicts() | Golds():
            return _graded(place, plan)
        case Agreement():
            tables = [Problems(place.corpus).file("problems.parquet")]
            tables += [p.file("responses.parquet") for places in plan.voters(place).values() for p in places]
            return Job("find_agreement", jobs.agreement_job(catalogue, place.corpus).canonical(), (), frozenset(tables))
        case Judgements():
            judge = jobs.judge_job(catalogue)
            return Job("judge", judge.canonical(), (module_of(judge.generation.engine),))
        case Repeats() | Score():
            return _of_answers(place, plan)
        case Contrasts():
            return Job("contrast", jobs.contrasts_job(catalogue))
        case Analysis():
            return Job("analyse", modules=(analyses.load(place.analysis).__name__,))
        case Report():
            return Job("render_page", jobs.studies_job(catalogue))
    raise KeyError(place.folder)


def _answering(place: Responses, catalogue: Catalogue) -> Job:
    if place.decoding == PUBLISHED:
        published = catalogue.teachers[place.model_path.removeprefix("teachers/")].published
        assert published is not None
        return Job("fetch_responses", published.canonical())
    recipe = jobs.generate_job(catalogue, place.model_path, place.decoding)
    return Job("generate", recipe.canonical(), (module_of(recipe.engine),))


def _graded(place: Verdicts | Golds, plan: Plan) -> Job:
    files = [Problems(place.corpus).file("problems.parquet"), *_agreement(place.corpus, plan)]
    if isinstance(place, Verdicts):
        files.append(Responses(**asdict(place)).file("responses.parquet"))
    program = "verify" if isinstance(place, Verdicts) else "check_golds"
    return Job(program, plan.catalogue.settings.grading.canonical(), (), frozenset(files))


def _agreement(corpus: str, plan: Plan) -> list[str]:
    return [place.manifest for place in plan.agreement(corpus)]


def _contamination(place: Contamination, plan: Plan) -> Job:
    names = [place.corpus, *plan.catalogue.benchmarks()]
    tables = frozenset(shard.file("statements.parquet") for name in names for shard in plan.statements(name))
    return Job("find_contamination", jobs.similarity_job(plan.catalogue, "ngram", "overlap"), (), tables)


def _mix(place: Dataset, plan: Plan) -> Job:
    recipe = plan.catalogue.datasets[place.dataset]
    tables = [table for needed in plan.dataset_inputs(place.dataset) for table in needed.tables]
    tables += [Problems(recipe.corpus).file("problems.parquet"), *_agreement(recipe.corpus, plan)]
    return Job("mix", recipe.canonical(), (), frozenset(tables))


def _of_answers(place: Repeats | Score, plan: Plan) -> Job:
    judged = [Judgements] if plan.catalogue.settings.judge else []
    kinds = [Responses] if isinstance(place, Repeats) else [Responses, Verdicts, *judged]
    answers = [p for kind in kinds for p in plan.answers(kind, place.corpus, place.model_path, place.decoding)]
    tables = frozenset(p.file(f"{p.KIND}.parquet") for p in answers)
    if isinstance(place, Repeats):
        return Job("count_repeats", tables=tables)
    tables |= {Problems(place.corpus).file("problems.parquet"), *_agreement(place.corpus, plan)}
    return Job("score", jobs.score_job(plan.catalogue).canonical(), (), tables)


def extra_inputs(place: Place, plan: Plan) -> list[Path]:
    """Return the local files of the configuration that a place must have read, as they are named now."""
    catalogue = plan.catalogue
    if isinstance(place, Problems):
        return [Path(path) for path in jobs.source_files(catalogue.corpora[place.corpus])]
    prompts = Path(catalogue.settings.folder) / "prompts"
    if isinstance(place, Responses) and place.decoding != PUBLISHED:
        return [prompts / f"{jobs.answering(catalogue, place.model_path).prompt}.jinja"]
    if isinstance(place, (Rendered, Loglikelihoods)):
        return [prompts / f"{catalogue.students[place.student].prompt}.jinja"]
    if isinstance(place, Judgements):
        return [prompts / f"judges/{jobs.judge_prompt(catalogue, place.corpus)}.jinja"]
    return []
