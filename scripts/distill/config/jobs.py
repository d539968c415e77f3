"""Jobs: which program makes a place, and what its job reads of the catalogue, and nothing more.

The rules pass it on as one canonical text; the audit compares it with what was recorded.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from distill.config.catalogue import Catalogue
from distill.config.contrasts import slopes
from distill.config.gaps import comparisons
from distill.config.labels import arms_in_order, shown_as, teachers_sizes
from distill.config.lineage import (
    PUBLISHED,
    Agreement,
    Analysis,
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
)
from distill.config.once import once_for
from distill.config.recipes import (
    SUITED,
    AgreementJob,
    Answering,
    CorpusRecipe,
    DecodingRecipe,
    Distillation,
    DistilRecipe,
    FineTuning,
    GenerateJob,
    GradingRecipe,
    JudgeJob,
    JudgeRecipe,
    LoglikelihoodJob,
    OnPolicyJob,
    OnPolicyRecipe,
    PublishedRecipe,
    Recipe,
    RenderJob,
    Rows,
    ScoreJob,
    StudentRecipe,
    TeacherLogprobsJob,
    TeacherRecipe,
    Templating,
    TrainingRecipe,
    TrainJob,
    VerifyJob,
    canonical_json,
)
from distill.config.report_jobs import browser_job, contrasts_job, studies_job
from distill.config.sizes import base_model


@dataclass(frozen=True)
class Job:
    """A program, its recipe as canonical JSON, and the modules that it loads by name: the code hash cannot see them."""

    program: str
    recipe: str = "{}"
    modules: tuple[str, ...] = ()


def engine_modules(answering: Answering) -> tuple[str, ...]:
    """Return the modules that who answers depends on; this floor cannot ask `distill.responses.engines` for them."""
    engine = f"distill.responses.engines.{answering.engine}"
    return (engine, *(["distill.responses.launching"] if answering.serve else []))


def published(catalogue: Catalogue, model_path: str) -> PublishedRecipe:
    """Return the recipe of a teacher's published responses. Raises KeyError for one who has published none."""
    teacher = answering(catalogue, model_path)
    if not isinstance(teacher, TeacherRecipe) or teacher.published is None:
        raise KeyError(f"{model_path} has published no responses")
    return teacher.published


def answering(catalogue: Catalogue, model_path: str) -> TeacherRecipe | StudentRecipe:
    """Return the recipe of the teacher or student behind a model path."""
    kind, name, *_ = model_path.split("/")
    return (catalogue.teachers if kind == "teachers" else catalogue.students)[name]


def problems_job(catalogue: Catalogue, corpus: str) -> CorpusRecipe:
    """Return what the problems of a corpus are made from: not who agrees on golds, how it is graded, who solves it."""
    others = {"agreement": None, "paper_task": "math", "solutions_from": None, "tolerance": 0.0}
    return catalogue.corpora[corpus].model_copy(update=others)


def agreement_job(catalogue: Catalogue, corpus: str) -> AgreementJob:
    """Return what a search for an agreement reads. Raises ValueError for a corpus that asks for none."""
    agreement = catalogue.corpora[corpus].agreement
    if agreement is None:
        raise ValueError(f"corpora.yaml: {corpus} names no `agreement`")
    return AgreementJob(agreement=agreement, grading=catalogue.settings.grading)


def verify_job(catalogue: Catalogue, corpus: str) -> VerifyJob:
    """Return what a grading reads."""
    return _grading(catalogue.settings.grading, catalogue.corpora[corpus])


@once_for
def _grading(grading: GradingRecipe, corpus: CorpusRecipe) -> VerifyJob:
    return VerifyJob(**grading.model_dump(), tolerance=corpus.tolerance)


def generate_job(catalogue: Catalogue, model_path: str, decoding: str) -> GenerateJob:
    """Return what a generation reads."""
    return _generation(answering(catalogue, model_path), catalogue.decodings[decoding])


@once_for
def _generation(answering: Answering, decoding: DecodingRecipe) -> GenerateJob:
    return GenerateJob(**answering.model_dump(include=set(Answering.model_fields)), decoding=decoding)


def judge_job(catalogue: Catalogue) -> JudgeJob:
    """Return what a judge reads: the teacher that judges, greedy. Raises ValueError where nobody judges."""
    judge = judge_of(catalogue)
    shared = catalogue.teachers[judge.teacher].model_dump(include=set(Answering.model_fields))
    return JudgeJob(
        max_unclear=judge.max_unclear, generation={**shared, "decoding": {"max_new_tokens": judge.max_tokens}}
    )


def judge_of(catalogue: Catalogue) -> JudgeRecipe:
    """Return the judge of the settings. Raises ValueError where nobody judges."""
    if catalogue.settings.judge is None:
        raise ValueError("config.yaml: `judge` is not set")
    return catalogue.settings.judge


def judge_prompt(catalogue: Catalogue, corpus: str) -> str:
    """Return the name of the judge's prompt for a corpus. Raises ValueError where there is none."""
    judge = judge_of(catalogue)
    prompt = judge.prompt_without_gold if catalogue.corpora[corpus].is_without_golds else judge.prompt
    if prompt is None:
        raise ValueError(f"config.yaml: `judge.prompt_without_gold` is not set, and {corpus} has no gold answers")
    return prompt


def render_job(catalogue: Catalogue, student: str, training: str) -> RenderJob:
    """Return what a rendering reads: of the training the cutoff and the bound on lost rows."""
    keys = catalogue.trainings[training].model_dump(include={"cutoff", "over_cutoff", "max_unrenderable"})
    return RenderJob(**keys, **_shown(catalogue, student))


def _shown(catalogue: Catalogue, student: str) -> dict[str, Any]:
    """Return how a student is shown a problem, beside its prompt."""
    return catalogue.students[student].model_dump(include={"system", *Templating.model_fields})


def train_job(catalogue: Catalogue, training: str, dataset: str) -> TrainJob:
    """Return what a training reads besides the rendered rows, and a teacher's log-probabilities of them."""
    recipe = catalogue.trainings[training]
    return _training(recipe, catalogue.datasets[dataset].teachers[0] if recipe.order == "easy_first" else None)


@once_for
def _training(recipe: TrainingRecipe, hard: str | None) -> TrainJob:
    keys = recipe.model_dump(include=set(FineTuning.model_fields) - {"distil"})
    distil = recipe.distil and recipe.distil.model_dump(include=set(Distillation.model_fields))
    return TrainJob(**keys, distil=distil, hard_teacher=hard)


def distillation(catalogue: Catalogue, training: str) -> DistilRecipe:
    """Return from whose probabilities a training distils, and how. Raises KeyError for one that does not."""
    recipe = catalogue.trainings[training].distil
    if recipe is None:
        raise KeyError(f"{training} does not distil from a teacher's probabilities")
    return recipe


def teacher_logprobs_job(catalogue: Catalogue, training: str) -> TeacherLogprobsJob:
    """Return what a job reads that stores a teacher's log-probabilities, besides rows and models."""
    keys = set(TeacherLogprobsJob.model_fields)
    return TeacherLogprobsJob(**distillation(catalogue, training).model_dump(include=keys))


def on_policy_job(catalogue: Catalogue, training: str) -> OnPolicyJob:
    """Return what an on-policy training reads besides prompts and models. Raises KeyError for one that is not."""
    recipe = catalogue.on_policy[training]
    return _further(recipe, catalogue.trainings[recipe.start])


@once_for
def _further(recipe: OnPolicyRecipe, start: TrainingRecipe) -> OnPolicyJob:
    return recipe.job(start.held_out)


def trained_as(catalogue: Catalogue, training: str, dataset: str) -> TrainJob | OnPolicyJob:
    """Return what a training reads, on-policy or not."""
    is_on_policy = training in catalogue.on_policy
    return on_policy_job(catalogue, training) if is_on_policy else train_job(catalogue, training, dataset)


def plans_job(catalogue: Catalogue, student: str) -> str:
    """Return what the plans of a student read: the recipes of its arms, and the gaps that compare them.

    arms: of an on-policy arm that of its start; on_policy: what it does from there, with the names of both models.
    teachers: those from whose probabilities arms distil, which no recipe of a job names.
    """
    own = {
        arm.model_path: arm
        for study in catalogue.studies
        for arm in catalogue.arms(study)
        if arm.student == student and arm.is_trained
    }
    starts = {path: catalogue.start_of(arm.training) for path, arm in own.items()}
    arms = {path: train_job(catalogue, starts[path], arm.dataset).content() for path, arm in own.items()}
    distils = {path: catalogue.trainings[start].distil for path, start in starts.items()}
    teachers = {path: distil.teacher for path, distil in distils.items() if distil}
    further = {path: catalogue.on_policy.get(arm.training) for path, arm in own.items()}
    on_policy = {path: recipe.content() for path, recipe in further.items() if recipe}
    gaps = [
        {"study": name, "gap": gap, "differs": recipe.differs,
         "groups": [[arm.model_path for arm in group] for group in compared.groups]}
        for name, study in catalogue.studies.items()
        for gap, recipe in study.gaps.items()
        for compared in comparisons(study, recipe)
        if compared.student == student
    ]  # fmt: skip
    gaps += [
        {"study": name, "gap": slope.name, "differs": slope.differs,
         "groups": [[arm.model_path for arm in group] for group in slope.groups]}
        for name, study in catalogue.studies.items()
        for slope in slopes(study)
        if slope.student == student
    ]  # fmt: skip
    return canonical_json({"arms": arms, "gaps": gaps, "teachers": teachers, "on_policy": on_policy})


def loglikelihood_job(catalogue: Catalogue, student: str) -> LoglikelihoodJob:
    """Return what a job reads of the student that rates responses or solutions."""
    return LoglikelihoodJob(**_shown(catalogue, student))


def score_job(catalogue: Catalogue, corpus: str) -> ScoreJob:
    """Return what a score reads: of several samples the grader says which answers are equal."""
    policy, grading = catalogue.settings.policy, catalogue.settings.grading
    task = catalogue.corpora[corpus].paper_task if policy == "paper_scoring" else "math"
    return ScoreJob(policy=policy, paper_task=task, grading=grading)


def similarity_job(catalogue: Catalogue, *keys: str) -> str:
    """Return the keys that a search for similar problems reads, as canonical text."""
    return canonical_json(catalogue.settings.similarity.model_dump(include=set(keys)))


def is_scratch(catalogue: Catalogue, name: str) -> bool:
    """Whether a student or teacher starts from random weights, which are made here."""
    model = (catalogue.students.get(name) or catalogue.teachers[name]).model
    return model is not None and model.scratch is not None


def model_files(catalogue: Catalogue, name: str) -> list[str]:
    """Return the local files that a base model is made of; where the folder is empty, the file that it lacks."""
    recipe = base_model(catalogue, name)
    folder = Path(recipe.path) if recipe.path else None
    files = sorted(str(p) for p in folder.iterdir() if p.is_file()) if folder and folder.is_dir() else []
    if folder and not files:
        files = [str(folder / "config.json")]
    return files + ([recipe.chat_template] if recipe.chat_template else [])


def source_files(rows: Rows) -> list[str]:
    """Return the local files that rows from outside are read from; none for a hub dataset."""
    return [str(path) for path in rows.local_files()]


def environment(answering: Answering) -> str:
    """Return the name of the environment that an engine runs in, and a server that its job starts."""
    serves = answering.serve is not None and answering.serve.command is None and answering.serve.program == "vllm"
    return "vllm" if answering.engine == "vllm" or serves else "generate"


def built(catalogue: Catalogue, environment: str) -> str:
    """Return the name of an environment with torch, in the build that the settings name: envs/{name}.yaml."""
    return f"{environment}-{catalogue.settings.torch}"


# The program of each kind of place; published responses, models from scratch and on-policy trainings have another.
_PROGRAMS: dict[type[Place], str] = {
    Problems: "fetch_problems", Statements: "fetch_statements", BaseModel: "fetch_model", Responses: "generate",
    Repeats: "count_repeats", Verdicts: "verify", Golds: "check_golds", Judgements: "judge",
    Agreement: "find_agreement", Contamination: "find_contamination", Duplicates: "find_duplicates",
    Loglikelihoods: "compute_loglikelihood", Suitability: "compute_suitability", TokenShift: "compute_token_shift",
    Dataset: "mix", Rendered: "render",
    TeacherLogprobs: "compute_teacher_logprobs", Plans: "compare_plans", TrainedModel: "train", Score: "score",
    Solutions: "write_solutions", Likelihoods: "compute_loglikelihood", Contrasts: "contrast", Analysis: "analyse",
    Report: "render_page", Browser: "render_browser",
}  # fmt: skip


def job_of(catalogue: Catalogue, place: Place) -> Job:
    """Return the job that makes a place. Raises KeyError for a place of names that the catalogue lacks."""
    return Job(program_of(catalogue, place), _recipe(catalogue, place), _modules(catalogue, place))


def program_of(catalogue: Catalogue, place: Place) -> str:
    """Return the name of the program that makes a place. Raises KeyError as `job_of` does."""
    match place:
        case BaseModel() if is_scratch(catalogue, place.model):
            return "initialise"
        case Responses() if place.decoding == PUBLISHED:
            return "fetch_responses"
        case TrainedModel() if place.training in catalogue.on_policy:
            return "train_on_policy"
        case Dataset() if catalogue.datasets[place.dataset].curation.choose in SUITED:
            return "mix_suited"
    return _PROGRAMS[type(place)]


def _modules(catalogue: Catalogue, place: Place) -> tuple[str, ...]:
    """Return the modules that the program of a place loads by name."""
    match place:
        case Responses() if place.decoding != PUBLISHED:
            return engine_modules(answering(catalogue, place.model_path))
        case Judgements():
            return engine_modules(judge_job(catalogue).generation)
        case Analysis():
            return (f"distill.analyses.{place.analysis}",)
    return ()


_text = once_for(Recipe.canonical)  # of jobs and entries that stay


def _recipe(catalogue: Catalogue, place: Place) -> str:
    """Return all that the job of a place reads of the catalogue, as canonical text."""
    match place:
        case Problems() | Statements():
            return problems_job(catalogue, place.corpus).canonical()
        case Agreement():
            return agreement_job(catalogue, place.corpus).canonical()
        case BaseModel():
            return base_model(catalogue, place.model).canonical()
        case Responses() if place.decoding == PUBLISHED:
            return _text(published(catalogue, place.model_path))
        case Responses():
            return _text(generate_job(catalogue, place.model_path, place.decoding))
        case Verdicts():
            return _text(verify_job(catalogue, place.corpus))
        case Golds():
            return _text(catalogue.settings.grading)
        case Judgements():
            return judge_job(catalogue).canonical()
        case Contamination():
            return similarity_job(catalogue, "ngram", "overlap")
        case Duplicates():
            return similarity_job(catalogue, "near_duplicate")
        case Loglikelihoods() | Suitability() | TokenShift():
            return loglikelihood_job(catalogue, place.student).canonical()
        case Likelihoods():
            return loglikelihood_job(catalogue, Arm.parse(place.model_path).student).canonical()
        case Dataset():
            return _text(catalogue.datasets[place.dataset])
        case Rendered():
            return render_job(catalogue, place.student, place.training).canonical()
        case TeacherLogprobs():
            return teacher_logprobs_job(catalogue, place.training).canonical()
        case Plans():
            return plans_job(catalogue, place.student)
        case TrainedModel():
            return _text(trained_as(catalogue, place.training, place.dataset))
        case Score():
            return score_job(catalogue, place.corpus).canonical()
        case Contrasts():
            return contrasts_job(catalogue)
        case Analysis() if getattr(import_module(f"distill.analyses.{place.analysis}"), "LABELLED", False):
            further = {"arms": arms_in_order(catalogue), "teachers": teachers_sizes(catalogue)}
            return canonical_json({**shown_as(catalogue), **further})
        case Report():
            return studies_job(catalogue)
        case Browser():
            return browser_job(catalogue)
    return "{}"  # the others read nothing of it
