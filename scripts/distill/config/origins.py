"""The local files that studies start from: which they are, and what keeps one from being read."""

from collections.abc import Iterator
from pathlib import Path

from distill.config.lineage import Responses
from distill.config.plan import Plan, unique
from distill.config.recipes import Rows
from distill.config.recipes.base import namable


def local_files(plan: Plan) -> Iterator[tuple[str, str, str | None]]:
    """Yield (file of the catalogue, name, path) of each local file or folder that the studies start from."""
    catalogue = plan.catalogue
    named = {("students", a.student): catalogue.students[a.student] for a in plan.arms()}
    for place in plan.teacher_answers(Responses):
        teacher = place.model_path.removeprefix("teachers/")
        named["teachers", teacher] = catalogue.teachers[teacher]
    solvers = (catalogue.corpora[place.corpus].solutions_from for place in plan.solutions())
    named |= {("teachers", name): catalogue.teachers[name] for name in solvers if name}
    judge = catalogue.settings.judge
    for name in [*([judge.teacher] if judge else []), *plan.distil_teachers()]:
        named["teachers", name] = catalogue.teachers[name]
    compared = catalogue.benchmarks() if plan.of_datasets("contamination") else []
    for name in unique([*plan.corpora(), *compared]):
        yield from (("corpora", name, path) for path in _source_paths(catalogue.corpora[name]))
    for name, study in catalogue.studies.items():
        yield from (("studies", name, path) for path in study.references)
    for (kind, name), recipe in named.items():
        if recipe.model is None:
            yield from ((kind, name, path) for path in _source_paths(recipe.published))
        else:
            yield kind, name, recipe.model.path
            yield kind, name, recipe.model.chat_template


def unusable_files(plan: Plan) -> list[str]:
    """Return one line for each of these files that is not there, or that no rule can name.

    Without this, old results that miss an input would be used: Snakemake finds nobody to make them anew.
    """
    return [
        f"{plan.catalogue.settings.folder}/{plan.catalogue.files[kind, name]}: {name}: {complaint}"
        for kind, name, path in local_files(plan)
        if path
        for complaint in _complaints(Path(path))
    ]


def _complaints(path: Path) -> Iterator[str]:
    """Yield what keeps a file, or each file of a folder, from being the input of a rule."""
    if not path.exists():
        yield f"{path} is not there"
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        try:
            namable(str(file))
        except ValueError as error:
            yield f"{error}; rename it"


def _source_paths(rows: Rows) -> list[str]:
    """Return the local files of rows from outside; in place of a pattern that finds none the pattern."""
    return [str(file) for path in rows.paths() for file in rows.files_of(path) or [path]]
