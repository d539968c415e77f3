"""Jobs: what one job reads of the catalogue, and nothing more. The rules pass it on as one canonical text."""

from pathlib import Path
from typing import Any

from distill.config.catalogue import Catalogue
from distill.config.recipes import (
    AgreementJob,
    Answering,
    CorpusRecipe,
    GenerateJob,
    JudgeJob,
    JudgeRecipe,
    LoglikelihoodJob,
    ModelRecipe,
    RenderJob,
    Rows,
    ScoreJob,
    StudentRecipe,
    TeacherRecipe,
    Templating,
    TrainJob,
    canonical_json,
)


def answering(catalogue: Catalogue, model_path: str) -> TeacherRecipe | StudentRecipe:
    """Return the recipe of the teacher or student behind a model path."""
    kind, name, *_ = model_path.split("/")
    return (catalogue.teachers if kind == "teachers" else catalogue.students)[name]


def problems_job(catalogue: Catalogue, corpus: str) -> CorpusRecipe:
    """Return what the problems of a corpus are made from: who agrees on their gold answers changes no problem."""
    return catalogue.corpora[corpus].model_copy(update={"agreement": None})


def agreement_job(catalogue: Catalogue, corpus: str) -> AgreementJob:
    """Return what a search for an agreement reads. Raises ValueError for a corpus that asks for none."""
    agreement = catalogue.corpora[corpus].agreement
    if agreement is None:
        raise ValueError(f"corpora.yaml: {corpus} names no `agreement`")
    return AgreementJob(agreement=agreement, grading=catalogue.settings.grading)


def generate_job(catalogue: Catalogue, model_path: str, decoding: str) -> GenerateJob:
    """Return what a generation reads."""
    shared = answering(catalogue, model_path).model_dump(include=set(Answering.model_fields))
    return GenerateJob(**shared, decoding=catalogue.decodings[decoding])


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


def train_job(catalogue: Catalogue, training: str) -> TrainJob:
    """Return what a training reads besides the rendered rows."""
    return TrainJob(**catalogue.trainings[training].model_dump(include=set(TrainJob.model_fields)))


def loglikelihood_job(catalogue: Catalogue, student: str) -> LoglikelihoodJob:
    """Return what a job reads of the student that rates responses."""
    return LoglikelihoodJob(**_shown(catalogue, student))


def score_job(catalogue: Catalogue) -> ScoreJob:
    """Return what a score reads."""
    return ScoreJob(policy=catalogue.settings.policy)


def similarity_job(catalogue: Catalogue, *keys: str) -> str:
    """Return the keys that a search for similar problems reads, as canonical text."""
    return canonical_json(catalogue.settings.similarity.model_dump(include=set(keys)))


def studies_job(catalogue: Catalogue) -> str:
    """Return the selected studies as canonical text."""
    return canonical_json({"studies": {name: study.content() for name, study in catalogue.studies.items()}})


def contrasts_job(catalogue: Catalogue) -> str:
    """Return what scores and gaps depend on of the selected studies, as canonical text; their titles do not count."""
    studies = {name: {**study.content(), "title": name} for name, study in catalogue.studies.items()}
    return canonical_json({"studies": studies})


def base_model(catalogue: Catalogue, name: str) -> ModelRecipe:
    """Return the model recipe of a student or teacher (those of one name share it).

    Raises ValueError for a teacher that has published its responses: it has none.
    """
    model = (catalogue.students.get(name) or catalogue.teachers[name]).model
    if model is None:
        raise ValueError(f"{name} has published its responses; it has no weights")
    return model


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
    """Return the name of the environment that an engine runs in."""
    return "vllm" if answering.engine == "vllm" else "generate"
