"""What the jobs read that put results together: contrasts, page and response browser; as canonical text."""

from distill.config.catalogue import Catalogue
from distill.config.labels import labels_of, shown_as
from distill.config.recipes import canonical_json
from distill.config.sizes import known_parameters


def studies_job(catalogue: Catalogue) -> str:
    """Return the selected studies and how their entries are shown, as canonical text."""
    studies = {name: study.content() for name, study in catalogue.studies.items()}
    return canonical_json({"studies": studies, **shown_as(catalogue)})


def browser_job(catalogue: Catalogue) -> str:
    """Return what the response browser reads, as canonical text: which answers there are, what is correct, labels."""
    studies = {
        name: {
            **study.model_dump(mode="json", include={"title", "arms", "benchmarks", "decoding"}),
            "gaps": {gap: each.model_dump(mode="json", include={"plus", "minus"}) for gap, each in study.gaps.items()},
        }
        for name, study in catalogue.studies.items()
    }
    benchmarks = sorted({name for study in catalogue.studies.values() for name in study.benchmarks})
    decodings = sorted({study.decoding for study in catalogue.studies.values()})
    return canonical_json(
        {
            "studies": studies,
            "draws": {name: catalogue.decodings[name].draws for name in decodings},
            "shards": {name: catalogue.corpora[name].shards for name in benchmarks},
            "agreed": [name for name in benchmarks if catalogue.corpora[name].agreement],
            "judged": catalogue.settings.judge is not None,
            "policy": catalogue.settings.policy,
            "labels": labels_of(catalogue),
        }
    )


def contrasts_job(catalogue: Catalogue) -> str:
    """Return what scores and gaps depend on of the selected studies, as canonical text: not titles, not `power`.

    order: the names of gaps and contrasts as each study has them, for canonical text sorts its keys. parameters: those
    of each student, null where nothing tells them.
    """
    studies = {name: {**study.content(), "title": name, "power": {}} for name, study in catalogue.studies.items()}
    order = {name: [*study.gaps, *study.contrasts] for name, study in catalogue.studies.items()}
    students = sorted({name for study in catalogue.studies.values() for arms in study.arms for name in arms.students})
    sizes = {name: known_parameters(catalogue, name) for name in students}
    parameters = {name: size and round(size) for name, size in sizes.items()}
    return canonical_json({"studies": studies, "order": order, "parameters": parameters})
