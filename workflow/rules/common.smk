"""Functions that the rules share: the catalogue, what a job reads of it, and which files a study needs."""

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

SCRIPTS = Path(workflow.basedir).parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

from distill.config.catalogue import PUBLISHED
from distill.config.lineage import Arm
from distill.config.load import load
from distill.config.recipes import Answering, GenerateJob, JudgeJob, canonical_json
from distill.config.shards import shard_names
from distill.responses.engines import module_of
from distill.runtime.codehash import code_hash
from distill.runtime.errors import InputError

try:
    CATALOGUE = load(Path("config"), config)
except InputError as error:
    raise WorkflowError(f"the configuration has mistakes:\n{error}") from None


def one_of(names):
    """Return the pattern of a wildcard that must be one of `names`."""
    return "|".join(names) or "(?!)"


# What a job's result depends on. `params` are compared as texts, so each is one canonical string.


def code(script, *modules):
    """Return the hash of the code that `scripts/<script>.py` (and modules loaded by name) can reach."""
    return code_hash(SCRIPTS / f"{script}.py", modules)


def answering(model_path):
    """Return the recipe of the teacher or student behind a model_path."""
    kind, name, *_ = model_path.split("/")
    return (CATALOGUE.teachers if kind == "teachers" else CATALOGUE.students)[name]


def generate_recipe(wildcards):
    return generation(wildcards).canonical()


def generation(wildcards):
    """Return the recipe of a generation job."""
    shared = answering(wildcards.model_path).model_dump(include=set(Answering.model_fields))
    return GenerateJob(**shared, decoding=CATALOGUE.decodings[wildcards.decoding])


def generate_execution(wildcards, threads):
    """Return the keys that change no row. Snakemake does not compare what a function of `threads` returns, so another
    batch size or server re-makes nothing."""
    return canonical_json(generation(wildcards).execution())


def generate_environment(wildcards):
    return environment_of(answering(wildcards.model_path))


def environment_of(recipe):
    return f"../../envs/{'vllm' if recipe.engine == 'vllm' else 'generate'}.yaml"


def judging():
    """Return the recipe of a judging job: the teacher that judges, greedy."""
    judge = CATALOGUE.settings.judge
    shared = CATALOGUE.teachers[judge.teacher].model_dump(include=set(Answering.model_fields))
    decoding = {"max_new_tokens": judge.max_tokens}
    return JudgeJob(max_unclear=judge.max_unclear, generation={**shared, "decoding": decoding})


def judge_folder():
    return model_folder(f"teachers/{CATALOGUE.settings.judge.teacher}")


def generate_code(wildcards):
    return code("generate", module_of(answering(wildcards.model_path).engine))


def render_recipe(wildcards):
    training = CATALOGUE.trainings[wildcards.training].model_dump(include={"cutoff", "over_cutoff"})
    return canonical_json(training | {"system": CATALOGUE.students[wildcards.student].system})


def train_recipe(wildcards):
    return canonical_json(CATALOGUE.trainings[wildcards.training].model_dump(exclude={"cutoff", "over_cutoff"}))


def model_recipe(wildcards):
    return base_recipe(wildcards.model).canonical()


def base_recipe(name):
    """Return the weights behind the name of a student or teacher (of the same name they are the same)."""
    return (CATALOGUE.students.get(name) or CATALOGUE.teachers[name]).model


def studies_recipe():
    return canonical_json({"studies": {name: study.content() for name, study in CATALOGUE.studies.items()}})


def similarity_recipe(*keys):
    return canonical_json(CATALOGUE.settings.similarity.model_dump(include=set(keys)))


# Files. A small manifest stands for each artefact as an input; the big file beside it rides as `ancient`.


def local_file(recipe):
    return [recipe.path] if recipe.path else []


def prompt_file(recipe):
    return f"config/prompts/{recipe.prompt}.jinja"


def model_files(wildcards):
    """Return the local files that a base model is made of."""
    recipe = base_recipe(wildcards.model)
    folder = Path(recipe.path) if recipe.path else None
    files = sorted(str(p) for p in folder.iterdir() if p.is_file()) if folder and folder.is_dir() else []
    if folder and not files:
        files = [str(folder / "config.json")]
    return files + ([recipe.chat_template] if recipe.chat_template else [])


def is_scratch(name):
    model = base_recipe(name)
    return model is not None and model.scratch is not None


def model_folder(model_path):
    """Return the model folder of a model_path."""
    _, name, *arm = model_path.split("/")
    return str(Path("results/models", name, *(arm if len(arm) > 1 else ["base"])))


def weights_of(folder):
    """Return the declared weights of a model folder; a base that lies elsewhere has none."""
    name, kind = Path(folder).parts[2:4]
    return [ancient(f"{folder}/weights")] if kind != "base" or is_scratch(name) else []


def answer_folders(kind, corpus, model_path, decoding):
    """Return the folders of all draws and shards of a model_path's `responses` or `verdicts`."""
    shards = shard_names(CATALOGUE.corpora[corpus].shards)
    root = f"results/{kind}/{corpus}/{model_path}/{decoding}"
    return [f"{root}/draw-{draw}/{shard}" for draw in CATALOGUE.draws(model_path, decoding) for shard in shards]


def teacher_folders(kind, dataset, teacher):
    """Return the folders of one teacher of a dataset."""
    corpus = CATALOGUE.datasets[dataset].corpus
    return answer_folders(kind, corpus, f"teachers/{teacher}", CATALOGUE.decoding_of(teacher))


def likelihood_folders(dataset, teacher):
    """Return the folders of one teacher's loglikelihoods, under the student that its dataset names."""
    student = CATALOGUE.datasets[dataset].curation.student
    return [f"{folder}/{student}" for folder in teacher_folders("signals", dataset, teacher)]


def tables(kind, folders):
    return [f"{folder}/{kind}.parquet" for folder in folders]


def manifests(folders):
    return [f"{folder}/manifest.json" for folder in folders]


def earlier_folders(kind, wildcards):
    """Return the folders of the draws before this one whose verdicts it waits for: it asks only what they got wrong."""
    if not CATALOGUE.decodings[wildcards.decoding].until_correct:
        return []
    root = f"results/{kind}/{wildcards.corpus}/{wildcards.model_path}/{wildcards.decoding}"
    return [f"{root}/draw-{draw}/{wildcards.shard}" for draw in range(int(wildcards.draw))]


def earlier_tables(kind):
    """Return an input function: the tables of one kind of the earlier draws, as `ancient`."""
    return lambda w: [ancient(f) for f in tables(kind, earlier_folders(kind, w))]


# Inputs and options of the rules that read many files.


# A judge costs requests: its judgements are made for scores, which show what it changes, and for datasets only if the
# policy listens to it.
JUDGED = ["judgements"] if CATALOGUE.settings.judge else []
MIX_KINDS = ["responses", "verdicts", *(JUDGED if CATALOGUE.settings.policy == "rule+judge" else [])]


def mix_folders(dataset):
    """Return (option, teacher or None, table's name, folders) of all that a dataset is made from but its problems."""
    recipe = CATALOGUE.datasets[dataset]
    asked = recipe.curation
    rated = [asked.pass_rate.teacher] if asked.pass_rate else []
    found = [
        (kind, t, kind, teacher_folders(kind, dataset, t))
        for t in unique([*recipe.teachers, *rated])
        for kind in MIX_KINDS
    ]
    if asked.student:
        for teacher in recipe.teachers:
            found.append(("loglikelihoods", teacher, "loglikelihoods", likelihood_folders(dataset, teacher)))
    for name, wanted in (("contamination", asked.decontaminate), ("duplicates", asked.deduplicate)):
        if wanted:
            found.append((name, None, name, [f"results/signals/{recipe.corpus}/{name}"]))
    return found


def mix_teachers(wildcards):
    """Return the options that name each teacher's files, and those of curation."""
    options = []
    for option, teacher, name, folders in mix_folders(wildcards.dataset):
        options += [f"--{option}", *([teacher] if teacher else []), *tables(name, folders)]
    return " ".join(options)


def mix_inputs(wildcards):
    """Return the same files as manifests and as (ancient) tables."""
    found = mix_folders(wildcards.dataset)
    files = [f for *_, folders in found for f in manifests(folders)]
    return files + [ancient(f) for _, _, name, folders in found for f in tables(name, folders)]


def answers(kind):
    """Return an input function: the folders' manifests of one kind."""
    return lambda w: manifests(answer_folders(kind, w.corpus, w.model_path, w.decoding))


def answer_tables(kind):
    """Return an input function: the tables of one kind, as `ancient`."""
    return lambda w: [ancient(f) for f in tables(kind, answer_folders(kind, w.corpus, w.model_path, w.decoding))]


# What the selected studies need, stage by stage.


def unique(items):
    return list(dict.fromkeys(items))


def study_arms():
    return unique(arm for study in CATALOGUE.studies for arm in CATALOGUE.arms(study))


def trained_arms():
    return [arm for arm in study_arms() if arm.is_trained]


def study_datasets():
    return unique(arm.dataset for arm in trained_arms())


def study_corpora():
    trained = [CATALOGUE.datasets[name].corpus for name in study_datasets()]
    return unique(trained + [b for study in CATALOGUE.studies.values() for b in study.benchmarks])


def benchmark_folders():
    return [f"results/problems/{name}" for name in CATALOGUE.benchmarks()]


def study_scores():
    """Return (benchmark, model_path, decoding) of every score."""
    return unique(
        (benchmark, arm.model_path, study.decoding)
        for name, study in CATALOGUE.studies.items()
        for arm in CATALOGUE.arms(name)
        for benchmark in study.benchmarks
    )


def teacher_answers(kind):
    return unique(
        folder for name in study_datasets() for k, _, _, own in mix_folders(name) if k == kind for folder in own
    )


def signal_folders():
    asked = ("contamination", "duplicates", "loglikelihoods")
    return unique(
        folder for name in study_datasets() for k, _, _, own in mix_folders(name) if k in asked for folder in own
    )


def all_answers(kind):
    return teacher_answers(kind) + [f for score in study_scores() for f in answer_folders(kind, *score)]


def problem_folders():
    return [f"results/problems/{corpus}" for corpus in study_corpora()]


def gold_folders():
    return [f"results/verdicts/{corpus}/golds" for corpus in study_corpora()]


def dataset_folders():
    return [f"results/datasets/{dataset}" for dataset in study_datasets()]


def rendered_folders():
    return unique(f"results/rendered/{a.student}/{a.training}/{a.dataset}" for a in trained_arms())


def trained_folders():
    return [f"results/models/{arm.path}" for arm in trained_arms()]


def score_folders():
    return [str(Path("results/scores", *score)) for score in study_scores()]


def needed_files():
    """Yield (file of the catalogue, name, path) of every local file or folder that the selected studies start from."""
    answering = {("students", a.student): CATALOGUE.students[a.student] for a in study_arms()}
    for name in study_datasets():
        teachers = [teacher for kind, teacher, _, _ in mix_folders(name) if kind == "responses"]
        answering |= {("teachers", t): CATALOGUE.teachers[t] for t in teachers}
    if judge := CATALOGUE.settings.judge:
        answering["teachers", judge.teacher] = CATALOGUE.teachers[judge.teacher]
    asked = any(CATALOGUE.datasets[name].curation.decontaminate for name in study_datasets())
    for name in unique([*study_corpora(), *(CATALOGUE.benchmarks() if asked else [])]):
        yield "corpora", name, CATALOGUE.corpora[name].path
    for (kind, name), recipe in answering.items():
        origin = recipe.model or recipe.published
        yield kind, name, origin.path
        yield kind, name, getattr(origin, "chat_template", None)


# Without this, old results that miss an input would be used as they are: Snakemake finds nobody to make them anew.
if lost := [
    f"config/catalogue/{kind}.yaml: {name}: {path} is not there"
    for kind, name, path in needed_files()
    if path and not Path(path).exists()
]:
    raise WorkflowError(
        "the selected studies need files that do not exist (decontamination needs all benchmarks):", *lost
    )


# What `snakemake --report` shows of the report.


def picture(name, **labels):
    return report(f"results/report/{name}.svg", caption=f"../report/{name}.rst", category="Pictures", labels=labels)


def result_table(name):
    return report(
        f"results/report/{name}.csv", caption=f"../report/{name}.rst", category="Tables", labels={"table": name}
    )
