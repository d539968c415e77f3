"""What configuration and code would make now: the artefacts of the selected studies, and what each must have read."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from distill import analyses
from distill.config import jobs
from distill.config.analysed import CONTRAST_TABLES, CONTRASTED, files
from distill.config.lineage import (
    PUBLISHED,
    Agreement,
    Analysis,
    Answers,
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
    Suitability,
    TeacherLogprobs,
    TokenShift,
    TrainedModel,
    Verdicts,
)
from distill.config.plan import Plan


def chosen_places(plan: Plan) -> list[Place]:
    """Return every artefact of the selected studies, in the order of the data flow."""
    return [*plan.places(), Contrasts(), *(Analysis(name) for name in analyses.names()), Report(), Browser()]


def inputs_of(place: Place, plan: Plan) -> set[str] | None:
    """Return all files that a place must have read, but a template; None where its name and recipe say which."""
    match place:
        case Duplicates():
            return _statements(plan, place.corpus)
        case Contamination():
            return _statements(plan, place.corpus, *plan.catalogue.benchmarks())
        case Dataset():
            problems = Problems(plan.catalogue.datasets[place.dataset].corpus)
            needed = plan.dataset_inputs(place.dataset)
            tables = {table for one in needed for table in one.tables}
            return {problems.file("problems.parquet"), *_agreed(problems.corpus, plan), *tables}
        case TeacherLogprobs():
            rendered = Rendered(place.student, place.training, place.dataset).file("rendered.parquet")
            models = (place.student, jobs.distillation(plan.catalogue, place.training).teacher)
            return {rendered, *(BaseModel(name).manifest for name in models)}
        case TrainedModel() if place.training in plan.catalogue.on_policy:
            teacher = BaseModel(plan.catalogue.on_policy[place.training].teacher)
            return {plan.rows_of(place).file("rendered.parquet"), plan.start(place).manifest, teacher.manifest}
        case Plans():
            return {rendered.manifest for rendered in plan.renderings(place.student).values()}
        case Repeats():
            return _answers(place, plan, [Responses])
        case Score():
            judged = [Judgements] if plan.catalogue.settings.judge else []
            problems = Problems(place.corpus).file("problems.parquet")
            return {problems, *_agreed(place.corpus, plan), *_answers(place, plan, [Responses, Verdicts, *judged])}
        case Solutions():
            solvers = (p for kind in (Responses, Verdicts) for p in plan.solvers(kind, place.corpus))
            problems = Problems(place.corpus).file("problems.parquet")
            return {problems, *(p.file(f"{p.KIND}.parquet") for p in solvers)}
        case Agreement():
            voters = (p.file("responses.parquet") for places in plan.voters(place).values() for p in places)
            return {Problems(place.corpus).file("problems.parquet"), *voters}
        case Verdicts() | Golds():
            answered = [Responses(**asdict(place)).file("responses.parquet")] if isinstance(place, Verdicts) else []
            return {Problems(place.corpus).file("problems.parquet"), *_agreed(place.corpus, plan), *answered}
        case Contrasts():
            return {path for kind in CONTRASTED for path in files(plan, kind)}
        case Analysis():
            return {path for kind in analyses.load(place.analysis).NEEDS for path in files(plan, kind)}
        case Report():
            sections = {Analysis(name).file("section.json") for name in analyses.names()}
            return sections | {Contrasts().file(name) for name in CONTRAST_TABLES}
        case Browser():
            agreed = {path for name in {p.corpus for p in plan.scores()} for path in _agreed(name, plan)}
            tables = {path for path in plan.browsed_tables() if not path.endswith("agreement.parquet")}
            return {*tables, *agreed, *plan.browsed_provenances()}
    return None


def _statements(plan: Plan, *corpora: str) -> set[str]:
    return {place.file("statements.parquet") for name in corpora for place in plan.statements(name)}


def _answers(place: Repeats | Score, plan: Plan, kinds: Sequence[type[Answers]]) -> set[str]:
    answers = (p for kind in kinds for p in plan.answers(kind, place.corpus, place.model_path, place.decoding))
    return {p.file(f"{p.KIND}.parquet") for p in answers}


def _agreed(corpus: str, plan: Plan) -> set[str]:
    return {place.manifest for place in plan.agreement(corpus)}


def extra_inputs(place: Place, plan: Plan) -> list[Path]:
    """Return the local files of the configuration that a place must have read, as they are named now."""
    catalogue = plan.catalogue
    if isinstance(place, Problems):
        return [Path(path) for path in jobs.source_files(catalogue.corpora[place.corpus])]
    prompts = Path(catalogue.settings.folder) / "prompts"
    if isinstance(place, Responses) and place.decoding == PUBLISHED:
        return [Path(path) for path in jobs.source_files(jobs.published(catalogue, place.model_path))]
    if isinstance(place, Responses):
        return [prompts / f"{jobs.answering(catalogue, place.model_path).prompt}.jinja"]
    if isinstance(place, (Rendered, Loglikelihoods, Suitability, TokenShift)):
        return [prompts / f"{catalogue.students[place.student].prompt}.jinja"]
    if isinstance(place, Likelihoods):
        return [prompts / f"{jobs.answering(catalogue, place.model_path).prompt}.jinja"]
    if isinstance(place, Judgements):
        return [prompts / f"judges/{jobs.judge_prompt(catalogue, place.corpus)}.jinja"]
    return []
