"""Parameters of the rules that are not of every job: executions, environments, lists of files."""

# Recipes that several rules ask


def answering(wildcards):
    """Return the recipe of the teacher or student who answers."""
    return jobs.answering(CATALOGUE, wildcards.model_path)


def judging(wildcards):
    """Return the recipe of the teacher who judges."""
    return jobs.judge_job(CATALOGUE).generation


def generation(wildcards):
    """Return what a generation reads."""
    return jobs.generate_job(CATALOGUE, wildcards.model_path, wildcards.decoding)


def environment(stage):
    """Return the environment of a stage that needs torch, in the build that the settings name."""
    return f"../../envs/{jobs.built(CATALOGUE, stage)}.yaml"


def untracked(parameter):
    """Return a parameter as one that Snakemake does not compare."""
    return signed(lambda wildcards, threads: parameter(wildcards))


# Problems


def shard_fingerprint(wildcards):
    """Return the digest of a shard's rows as they are now."""
    cache = Path(".snakemake/mixdistill", f"{wildcards.corpus}.json")
    code = hash_of(job(lineage.Statements, wildcards).program, ())
    return fingerprint(jobs.problems_job(CATALOGUE, wildcards.corpus), code, cache)[wildcards.shard]


# Responses


def generate_execution(wildcards, threads):
    return canonical_json(generation(wildcards).execution())


def ahead(wildcards):
    """Return what else the model is asked, for an engine that runs in the job."""
    if not is_alone() or answering(wildcards).engine == "openai":
        return "{}"
    hours = CATALOGUE.settings.hours_per_job
    return canonical_json({"hours": hours, "corpora": PLAN.asked(wildcards.model_path, wildcards.decoding)})


def generate_environment(wildcards):
    return environment(jobs.environment(answering(wildcards)))


def answering_folder(wildcards):
    return lineage.model_place(wildcards.model_path).folder


# Verdicts


def voters_files(wildcards):
    voters = PLAN.voters(lineage.Agreement(wildcards.corpus))
    files = {name: [place.file("responses.parquet") for place in places] for name, places in voters.items()}
    return canonical_json({"responses": files})


def judge_folder(wildcards):
    return judge_place().folder


def judge_environment(wildcards):
    return environment(jobs.environment(judging(wildcards)))


def judge_execution(wildcards, threads):
    return canonical_json(jobs.judge_job(CATALOGUE).execution())


# Signals


def benchmark_files(wildcards):
    places = {name: PLAN.statements(name) for name in CATALOGUE.benchmarks()}
    return canonical_json(
        {"benchmarks": {name: [p.file("statements.parquet") for p in own] for name, own in places.items()}}
    )


# Datasets


def mixed_files(wildcards):
    return canonical_json(PLAN.dataset_files(wildcards.dataset))


# Models


def planned_files(wildcards):
    places = PLAN.renderings(wildcards.student)
    return canonical_json({"rendered": {name: place.manifest for name, place in places.items()}})


def refusal(wildcards):
    place = lineage.Plans(wildcards.student)
    return str(refusal_file(Path(place.folder), job_of(place).recipe))


def training_of(wildcards):
    """Return the recipe of the training."""
    return CATALOGUE.on_policy.get(wildcards.training) or CATALOGUE.trainings[wildcards.training]


@cache
def gpus_here():
    """Return how many GPUs programs may use here; each question would start nvidia-smi."""
    return len(visible())


def train_threads(wildcards):
    own = training_of(wildcards).threads
    return own or (4 if on_cluster() or gpus_here() else workflow.cores)


def training_nodes(wildcards):
    return training_of(wildcards).nodes


def distil_teacher_folder(wildcards):
    return distil_teacher(wildcards).folder


def teacher_logprobs_option(wildcards):
    return [f"--teacher-logprobs {path}" for path in teacher_logprobs_table(wildcards)]


def train_execution(wildcards, threads):
    return canonical_json(jobs.trained_as(CATALOGUE, wildcards.training, wildcards.dataset).execution())


def start_folder(wildcards):
    return start(wildcards).folder


# Scores


def scored_files(wildcards):
    files = {kind.KIND: [str(path) for path in answer_tables(kind)(wildcards)] for kind in SCORED}
    agreed = {place.KIND: place.manifest for place in PLAN.agreement(wildcards.corpus)}
    return canonical_json({**files, **agreed})


def solvers_files(wildcards):
    places = {kind.KIND: PLAN.solvers(kind, wildcards.corpus) for kind in SOLVED}
    return canonical_json({kind: [place.file(f"{kind}.parquet") for place in own] for kind, own in places.items()})


# Analyses


def contrast_files(wildcards):
    return canonical_json({kind: analysed.files(PLAN, kind) for kind in analysed.CONTRASTED})


def analysis_inputs(wildcards):
    needs = analyses.load(wildcards.analysis).NEEDS
    return canonical_json({kind: analysed.files(PLAN, kind) for kind in needs})


# Report


TEMPLATE = SCRIPTS / "distill/report/templates/report.html.j2"


def template(wildcards, threads):
    """Return the page's template; not as an input, because results stay when the workflow's folder moves."""
    return str(TEMPLATE)


def template_digest(wildcards):
    return file_digest(TEMPLATE)


BROWSER = SCRIPTS / "distill/report/browser"


def browser_assets(wildcards, threads):
    """Return the folder of the response browser's own files; no inputs, for the same reason."""
    return str(BROWSER)


def browser_digest(wildcards):
    return [file_digest(path) for path in sorted(BROWSER.iterdir())]


def caption(category, name):
    """Return what Snakemake's own report says of a table or picture."""
    label = {"Tables": "table", "Pictures": "picture"}[category]
    return {"caption": f"../report/{name}.rst", "category": category, "labels": {label: name.replace("_", " ")}}


# Power


def blind_studies():
    """Return a line for each study that cannot see the smallest gap it asks for, as far as it can be said here."""
    if not any(study.smallest_gap for study in CATALOGUE.studies.values()):
        return []
    try:
        from distill.scores.power import studies_outlooks, warnings

        return warnings(studies_outlooks(CATALOGUE))
    except (ImportError, InputError) as error:
        return [f"power: {error}"]


if workflow.output_settings.dryrun:
    for line in blind_studies():
        print(line, file=sys.stderr)


# Plan

CAPS = "MIXDISTILL_CAPS"  # a variable


def caps():
    """Return what runs at once: cores and GPUs of this machine, or jobs on a cluster; 0 where nothing is said."""
    gpus = getattr(workflow.global_resources.get("gpu"), "value", None)
    jobs = (workflow.resource_settings.nodes or 0) if on_cluster() else 0
    if gpus is None and not jobs:
        gpus = gpus_here()
    return {"cores": workflow.cores or available_cpu_count(), "gpus": gpus or 0, "jobs": jobs}


def told_caps():
    """Return the caps; the Snakemake that a `run` is started in is not told them, but inherits the environment."""
    if workflow.is_main_process:
        os.environ[CAPS] = canonical_json(caps())
    return json.loads(os.environ[CAPS])


def planned_line():
    """Return the plan in a line, as far as it can be said here."""
    try:
        from distill.forecast.forecast import forecast
        from distill.forecast.text import summary
        from distill.forecast.walls import Site

        site = Site.of(CATALOGUE.settings.prices.gpu_hour, **caps())
        return summary(forecast(PLAN, hash_of, site))
    except (ImportError, InputError) as error:
        return f"plan: {error}"
