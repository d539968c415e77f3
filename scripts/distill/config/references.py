"""Checks across entries: names point to entries, prompts exist, the parts of a study fit each other."""

import unicodedata
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, TemplateError

from distill.config import contrasts
from distill.config.arguments import argument_mistakes
from distill.config.catalogue import KINDS, Catalogue, arms_of
from distill.config.gaps import dataset_of
from distill.config.lineage import BASE, Arm
from distill.config.mistakes import unknown
from distill.config.prompt_files import prompt_mistakes, read_names
from distill.config.recipes import (
    AgreementRecipe,
    CorpusRecipe,
    DatasetRecipe,
    JudgeRecipe,
    StudyEntry,
    StudyRecipe,
    canonical_json,
)
from distill.config.recipes.answering import Answering
from distill.config.recipes.trainings import COMPARED_RECIPE


class References:
    """Checks that names point to entries, files exist, and the parts of a study fit each other."""

    def __init__(self, catalogue: Catalogue, root: Path, names: Mapping[str, Mapping[str, Path]]):
        """Take a catalogue, the folder `config/`, and kind -> name -> file of all entries, also those with mistakes."""
        self._c, self._root, self._names = catalogue, root, names
        self._lines: list[str] = []
        self._prompts: set[Path] = set()

    def mistakes(self) -> list[str]:
        """Return one line per mistake."""
        for kind, models in (("teachers", self._c.teachers), ("students", self._c.students)):
            for name, known in models.items():
                for corpus in known.model.scratch.tokenizer_corpora if known.model and known.model.scratch else ():
                    self._name(kind, f"{name}.model.scratch.tokenizer_corpora", corpus, "corpora", "corpus")
        for name, teacher in self._c.teachers.items():
            self._answering("teachers", name, teacher.prompt)
            if teacher.decoding:
                self._name("teachers", f"{name}.decoding", teacher.decoding, "decodings", "decoding")
            own = self._c.decodings.get(teacher.decoding or "")
            self._arguments("teachers", name, teacher, own.max_new_tokens if own else None)
            twin = self._c.students.get(name)
            if twin and twin.model != teacher.model:
                self._add("teachers", f"{name}.model", "differs from the student of the same name; they share weights")
        for name, student in self._c.students.items():
            self._answering("students", name, student.prompt)
            self._arguments("students", name, student)
        for name, corpus in self._c.corpora.items():
            if corpus.agreement:
                self._agreement(name, corpus.agreement)
            if corpus.solutions_from:
                self._solver(name, corpus.solutions_from)
        for name, dataset in self._c.datasets.items():
            self._dataset(name, dataset)
        for name, training in self._c.trainings.items():
            if training.distil:
                self._distil(f"{name}.distil.teacher", training.distil.teacher)
            if training.lora and training.lora.dropout == 1:
                self._add("trainings", f"{name}.lora.dropout", "1 takes all away, so nothing is trained; give less")
        for name, on_policy in self._c.on_policy.items():
            self._distil(f"{name}.on_policy.teacher", on_policy.teacher)
            self._start(f"{name}.on_policy.start", on_policy.start)
        if self._c.settings.judge:
            self._judge(self._c.settings.judge)
        limits = self._c.settings.grading
        if limits.timeout_seconds >= limits.deadline_seconds:
            why = f"is not below `deadline_seconds: {limits.deadline_seconds}`, which kills whoever takes so long"
            path = self._root / "config.yaml"
            self._lines.append(f"{path}: grading.timeout_seconds: {limits.timeout_seconds} {why}")
        for name in self._c.settings.publish.despite if self._c.settings.publish else ():
            known = sorted({*self._names["corpora"], *self._names["teachers"], *self._names["students"]})
            if name not in known:
                said = unknown(name, "corpus, teacher or student", known)
                self._lines.append(f"{self._root / 'config.yaml'}: publish.despite: {said}")
        for name, study in self._c.studies.items():
            self._study(name, study)
        return self._lines

    def _add(self, kind: str, key: str, message: str) -> None:
        path = self._root / "studies" / f"{kind}.yaml"
        if kind in KINDS:
            path = self._names[kind][key.split(".")[0]]
        self._lines.append(f"{path}: {key}: {message}")

    def _name(self, kind: str, key: str, name: str, target: str, word: str) -> bool:
        if name not in self._names[target]:
            self._add(kind, key, unknown(name, word, self._names[target]))
        return name in getattr(self._c, target)

    def _arguments(self, kind: str, name: str, recipe: Answering, max_new_tokens: int | None = None) -> None:
        for key, message in argument_mistakes(recipe, max_new_tokens):
            self._add(kind, f"{name}.{key}", message)

    def _answering(self, kind: str, name: str, prompt: str) -> None:
        folder = self._root / "prompts"
        prompts = [p.stem for p in folder.glob("*.jinja")]
        if prompt not in prompts:
            self._add(kind, f"{name}.prompt", f"{unknown(prompt, 'prompt', prompts)} (files in {folder})")
        else:
            self._prompt(folder / f"{prompt}.jinja", "problem")

    def _prompt(self, path: Path, *known: str) -> None:
        """Add what is wrong with a prompt's file, once however many are shown it."""
        if path not in self._prompts:
            self._prompts.add(path)
            self._lines += prompt_mistakes(path, known)

    def _dataset(self, name: str, dataset: DatasetRecipe) -> None:
        curation = dataset.curation
        exists = self._name("datasets", f"{name}.corpus", dataset.corpus, "corpora", "corpus")
        if exists and self._c.corpora[dataset.corpus].benchmark:
            self._add("datasets", f"{name}.corpus", f"{dataset.corpus!r} is a benchmark, which is never trained on")
        if exists and self._c.corpora[dataset.corpus].is_without_golds:
            self._without_golds(name, dataset)
        for teacher in dataset.teachers:
            self._name("datasets", f"{name}.teachers", teacher, "teachers", "teacher")
        self._token_counts(name, dataset)
        if curation.pass_rate:
            self._rater(f"{name}.curation.pass_rate.teacher", curation.pass_rate.teacher)
        if curation.student:
            self._name("datasets", f"{name}.curation.student", curation.student, "students", "student")
        if curation.decontaminate and not self._c.benchmarks():
            self._add("datasets", f"{name}.curation.decontaminate", "no corpus is marked `benchmark: true`")

    def _token_counts(self, name: str, dataset: DatasetRecipe) -> None:
        """Check that lengths are in characters where a teacher has published its responses, without token counts."""
        length = dataset.curation.length
        in_tokens = {
            "tokens": dataset.tokens is not None,
            "share_of": dataset.share_of == "tokens",
            "curation.length.unit": length is not None and length.unit == "tokens",
        }
        published = [t for t in dataset.teachers if (known := self._c.teachers.get(t)) and known.published]
        for key in (key for key, wanted in in_tokens.items() if published and wanted):
            why = "has published its responses, which have no token counts; use `characters`"
            self._add("datasets", f"{name}.{key}", f"{published[0]!r} {why}")

    def _agreement(self, name: str, agreement: AgreementRecipe) -> None:
        """Check that the teachers of an agreement can vote before anything is graded, and often enough."""
        key = f"{name}.agreement.teachers"
        known = [t for t in agreement.teachers if self._name("corpora", key, t, "teachers", "teacher")]
        decodings = {t: self._c.decodings.get(self._c.decoding_of(t)) for t in known}
        for teacher, decoding in decodings.items():
            if decoding and decoding.until_correct:
                why = "its later draws wait for verdicts, and these for the agreement"
                self._add("corpora", key, f"{teacher!r} draws `until_correct`: {why}; give it another `decoding`")
        able = [t for t in known if decodings[t] or self._c.teachers[t].published]
        if len(able) < len(agreement.teachers):
            return  # a mistake of a teacher, which is told there
        votes = sum(len(self._c.draws(f"teachers/{t}", self._c.decoding_of(t))) for t in able)
        if votes < agreement.at_least:
            why = f"its teachers have {votes} draws in all, so no problem could have a gold answer"
            self._add("corpora", f"{name}.agreement.at_least", f"{agreement.at_least} is out of reach: {why}")

    def _solver(self, name: str, teacher: str) -> None:
        """Check that a teacher whose responses stand for solutions has published them."""
        key = f"{name}.solutions_from"
        if self._name("corpora", key, teacher, "teachers", "teacher") and not self._c.teachers[teacher].published:
            self._add("corpora", key, f"{teacher!r} has published no responses; name a teacher that has")

    def _without_golds(self, name: str, dataset: DatasetRecipe) -> None:
        """Check that a dataset of a corpus without gold answers needs none, or that the judge needs none."""
        settings = self._c.settings
        if settings.policy == "rule+judge" and settings.judge:
            self._judge_without_golds(dataset.corpus, settings.judge)
        elif dataset.pairing != "unfiltered":
            why = "only `pairing: unfiltered` can use it, for nothing can be called correct"
            ways = "give the corpus an `agreement`, or let a judge decide (`policy: rule+judge`)"
            self._add("datasets", f"{name}.pairing", f"{dataset.corpus!r} has no gold answers; {why}; else {ways}")
        if dataset.curation.pass_rate and settings.policy != "rule+judge":
            self._add("datasets", f"{name}.curation.pass_rate", f"{dataset.corpus!r} has no gold answers to pass by")
        for teacher in dataset.teachers:
            decoding = self._c.decodings.get(self._c.decoding_of(teacher)) if teacher in self._c.teachers else None
            if decoding and decoding.until_correct:
                why = f"{teacher!r} draws `until_correct`, and {dataset.corpus!r} has no gold answers"
                self._add("datasets", f"{name}.teachers", why)

    def _judge(self, judge: JudgeRecipe) -> None:
        folder = self._root / "prompts" / "judges"
        prompts, path = [p.stem for p in folder.glob("*.jinja")], self._root / "config.yaml"
        named = {"prompt": judge.prompt, "prompt_without_gold": judge.prompt_without_gold}
        for key, prompt in named.items():
            if prompt is not None and prompt not in prompts:
                self._lines.append(f"{path}: judge.{key}: {unknown(prompt, 'prompt', prompts)} (files in {folder})")
            elif prompt is not None:
                gold = ("gold",) if key == "prompt" else ()
                self._prompt(folder / f"{prompt}.jinja", "problem", "answer", *gold)
        if judge.teacher not in self._names["teachers"]:
            self._lines.append(f"{path}: judge.teacher: {unknown(judge.teacher, 'teacher', self._names['teachers'])}")
        elif (teacher := self._c.teachers.get(judge.teacher)) and teacher.model is None:
            self._lines.append(f"{path}: judge.teacher: {judge.teacher!r} has published its responses; it cannot judge")

    def _judge_without_golds(self, corpus: str, judge: JudgeRecipe) -> None:
        """Check that the judge has a prompt for a corpus without gold answers, which shows none."""
        path, prompt = self._root / "config.yaml", judge.prompt_without_gold
        if prompt is None:
            why = f"{corpus!r} has no gold answers, which `judge.prompt` needs; name a template, such as `correct`"
            self._lines.append(f"{path}: judge.prompt_without_gold: {why}")
            return
        folder = self._root / "prompts" / "judges"
        try:
            names = read_names(Environment().parse((folder / f"{prompt}.jinja").read_text(encoding="utf-8")))
        except (OSError, ValueError, TemplateError, RecursionError):
            return  # it is not there, or no template: told where prompts are checked, or by the judge
        if "gold" in names:
            why = f"{prompt!r} shows a `gold`, and {corpus!r} has no gold answers; take a template without"
            self._lines.append(f"{path}: judge.prompt_without_gold: {why}")

    def _distil(self, key: str, name: str) -> None:
        """Check that a teacher whose probabilities are asked for has weights that can be loaded."""
        self._name("trainings", key, name, "teachers", "teacher")
        teacher = self._c.teachers.get(name)
        if teacher and (teacher.model is None or teacher.model.served):
            why = "is behind a server" if teacher.model else "has published its responses"
            self._add("trainings", key, f"{name!r} {why}; its probabilities need weights here (`path`, `hub`)")

    def _start(self, key: str, name: str) -> None:
        """Check that an on-policy training goes on from one whose rows are rendered."""
        if name in self._c.on_policy:
            self._add("trainings", key, f"{name!r} is on-policy itself; name one that is trained on a teacher's rows")
        else:
            self._name("trainings", key, name, "trainings", "training")

    def _rater(self, key: str, teacher: str) -> None:
        """Check the teacher of a pass rate: asked until it is right, it has more draws where it is wrong."""
        if not self._name("datasets", key, teacher, "teachers", "teacher"):
            return
        decoding = self._c.decodings.get(self._c.decoding_of(teacher))
        if decoding and decoding.until_correct:
            self._add("datasets", key, f"{teacher!r} draws `until_correct`, so its share of correct draws is no rate")

    def _study(self, name: str, study: StudyEntry) -> None:
        for i, block in enumerate(study.arms):
            self._name(name, f"arms.{i}.training", block.training, "trainings", "training")
            for student in block.students:
                self._name(name, f"arms.{i}.students", student, "students", "student")
            for dataset in block.datasets:
                if dataset != BASE:
                    self._name(name, f"arms.{i}.datasets", dataset, "datasets", "dataset")
        for benchmark in study.benchmarks:
            exists = self._name(name, "benchmarks", benchmark, "corpora", "corpus")
            if exists and not self._c.corpora[benchmark].benchmark:
                self._add(name, "benchmarks", f"{benchmark!r} must be marked `benchmark: true` in its recipe")
        exists = self._name(name, "decoding", study.decoding, "decodings", "decoding")
        if exists and self._c.decodings[study.decoding].until_correct:
            message = "is `until_correct`, which is for teachers; a student must answer every problem as often"
            self._add(name, "decoding", f"{study.decoding!r} {message}")
        shown = {key: getattr(study, key) for key in ("title", "question", "expected")}
        for kind in ("gaps", "contrasts"):
            shown |= {f"{kind}.{own}.expected": recipe.expected for own, recipe in getattr(study, kind).items()}
        for key, text in shown.items():
            if sign := next(filter(_is_control, text or ""), None):
                self._add(name, key, f"holds a control sign (U+{ord(sign):04X}), which no page shows")
        for key in ("accuracy", "problems") if study.power else ():
            for benchmark in getattr(study.power, key).keys() - {*study.benchmarks}:
                self._add(name, f"power.{key}", unknown(benchmark, "benchmark of this study", study.benchmarks))
        self._check_apart(name, study)
        self._check_solved(name, study)
        if study.suitability and not any(arm.is_trained for arm in arms_of(study)):
            self._add(name, "suitability", "no student of it is trained on a dataset, so there is nothing to rate")
        if study.token_shift and not any(arm.is_trained for arm in arms_of(study)):
            self._add(name, "token_shift", "no student of it is trained on a dataset, so nothing can have shifted")
        trained = {d for block in study.arms for d in block.datasets} | {BASE}
        for gap, recipe in study.gaps.items():
            strangers = [d for d in map(dataset_of, (recipe.plus, *recipe.minus)) if d not in trained]
            for dataset in strangers:
                self._add(name, f"gaps.{gap}", unknown(dataset, "dataset of this study", trained))
        for key, message in contrasts.mistakes(study, sorted(trained)):
            self._add(name, key, message)
        for contrast in contrasts.contrasts(study):
            key = f"{'gaps' if contrast.name in study.gaps else 'contrasts'}.{contrast.name}"
            if one_recipe := self._of_one_recipe(contrast):
                self._add(name, key, f"{one_recipe} are two names of one recipe; they do not differ")
            if apart := [] if contrast.parts else self._trained_apart(contrast):
                message = f"{contrast.student}: its arms are trained with another {', '.join(apart)}; make them equal"
                self._add(name, key, f"{message}, or say under `differs` what is meant to differ")

    def _check_solved(self, name: str, study: StudyRecipe) -> None:
        """Check that some benchmark has solutions, where their likelihood is asked for."""
        known = [self._c.corpora[benchmark] for benchmark in study.benchmarks if benchmark in self._c.corpora]
        solved = [corpus for corpus in known if corpus.columns.solution or corpus.solutions_from]
        if "solution" in study.likelihoods and known and not solved:
            why = "no benchmark of it has solutions (`columns.solution` or `solutions_from` of the corpus)"
            self._add(name, "likelihoods", f"{why}; ask for the `answer` alone")

    def _of_one_recipe(self, contrast: contrasts.Contrast) -> str | None:
        """Return two datasets of one recipe that a gap compares under one training, None where there are none."""
        seen: dict[tuple[str, str, str], str] = {}
        for arm in (group[0] for group in contrast.groups if group[0].dataset in self._c.datasets):
            recipe = arm.student, arm.training, self._c.datasets[arm.dataset].canonical()
            if seen.setdefault(recipe, arm.dataset) != arm.dataset:
                return f"{seen[recipe]!r} and {arm.dataset!r}"
        return None

    def _trained_apart(self, contrast: contrasts.Contrast) -> list[str]:
        """Return what the trainings of a contrast differ in without its saying so, with the values.

        What only the rendered rows tell (updates, epochs, problems) is compared later (`compare_plans`).
        """
        found: dict[str, list[str]] = {}
        for groups in contrast.alike:
            arms = [group[0] for group in groups if group[0].is_trained]
            known = [arm for arm in arms if self._c.start_of(arm.training) in self._c.trainings]
            all_keys = [self._compared(arm) for arm in known]
            for key in all_keys[0] if all_keys else ():
                values = list(dict.fromkeys(keys[key] for keys in all_keys))
                if len(values) > 1 and key not in contrast.differs:
                    found[key] = values
        return [f"{key} ({' vs '.join(values)})" for key, values in found.items()]

    def _compared(self, arm: Arm) -> dict[str, str]:
        """Return what the arms of a gap must share and the catalogue knows of a training, name by name."""
        recipe, on_policy = self._c.trainings[self._c.start_of(arm.training)], self._c.on_policy.get(arm.training)
        names = {*COMPARED_RECIPE, "cutoff"} - {"epochs"}  # these follow from `max_updates`, too
        keys = {name: value for name, value in recipe.model_dump(mode="json").items() if name in names}
        keys["on_policy"] = on_policy and on_policy.model_dump(mode="json")
        return {name: value if isinstance(value, str) else canonical_json(value) for name, value in keys.items()}

    def _check_apart(self, name: str, study: StudyRecipe) -> None:
        """Check that no benchmark is made of the rows that a student of the study is trained on."""
        datasets = {d for block in study.arms for d in block.datasets} & self._c.datasets.keys()
        corpora = {self._c.datasets[d].corpus for d in datasets} & self._c.corpora.keys()
        for benchmark in set(study.benchmarks) & self._c.corpora.keys():
            for corpus in sorted(corpora - {benchmark}):
                if share_rows(self._c.corpora[benchmark], self._c.corpora[corpus]):
                    self._add(name, "benchmarks", f"{benchmark!r} has rows of {corpus!r}, which is trained on")


def share_rows(one: CorpusRecipe, other: CorpusRecipe) -> bool:
    """Whether two corpora read the same rows, as far as it can be said without reading them."""
    same = ("hub", "revision", "subset", "split", "where")
    if any(getattr(one, key) != getattr(other, key) for key in same):
        return False
    files = {path.resolve() for path in one.local_files()} & {path.resolve() for path in other.local_files()}
    if one.hub is None and not files:
        return False
    return all(a.stop is None or b.start < a.stop for a, b in ((one, other), (other, one)))


def _is_control(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Cf") and sign not in "\n\t\u200c\u200d"
