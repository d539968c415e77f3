"""Parameters of the rules, stage by stage, as functions of wildcards: recipes, environments, lists of files."""

# Problems


def corpus_recipe(wildcards):
    return jobs.problems_job(CATALOGUE, wildcards.corpus).canonical()


def untracked_corpus_recipe(wildcards, threads):
    return corpus_recipe(wildcards)


def shard_fingerprint(wildcards):
    return corpus_fingerprint(wildcards.corpus)[wildcards.shard]


# Responses


def generate_recipe(wildcards):
    return generation(wildcards).canonical()


def generate_execution(wildcards, threads):
    return canonical_json(generation(wildcards).execution())


def generate_environment(wildcards):
    return f"../../envs/{jobs.environment(answering(wildcards))}.yaml"


def answering_folder(wildcards):
    return lineage.model_place(wildcards.model_path).folder


def published_recipe(wildcards):
    return CATALOGUE.teachers[wildcards.teacher].published.canonical()


# Verdicts


def agreement_recipe(wildcards):
    return jobs.agreement_job(CATALOGUE, wildcards.corpus).canonical()


def voters_files(wildcards):
    voters = PLAN.voters(lineage.Agreement(wildcards.corpus))
    files = {name: [place.file("responses.parquet") for place in places] for name, places in voters.items()}
    return canonical_json({"responses": files})


def judge_folder(wildcards):
    return judge_place().folder


def judge_environment(wildcards):
    return f"../../envs/{jobs.environment(judging(wildcards))}.yaml"


def judge_recipe(wildcards):
    return jobs.judge_job(CATALOGUE).canonical()


def judge_execution(wildcards, threads):
    return canonical_json(jobs.judge_job(CATALOGUE).execution())


# Signals


def benchmark_files(wildcards):
    places = {name: PLAN.statements(name) for name in CATALOGUE.benchmarks()}
    return canonical_json(
        {"benchmarks": {name: [p.file("statements.parquet") for p in own] for name, own in places.items()}}
    )


def loglikelihood_recipe(wildcards):
    return jobs.loglikelihood_job(CATALOGUE, wildcards.student).canonical()


# Datasets


def mix_recipe(wildcards):
    return CATALOGUE.datasets[wildcards.dataset].canonical()


def mixed_files(wildcards):
    return canonical_json(PLAN.dataset_files(wildcards.dataset))


# Rendered


def render_recipe(wildcards):
    return jobs.render_job(CATALOGUE, wildcards.student, wildcards.training).canonical()


# Models


def model_recipe(wildcards):
    return jobs.base_model(CATALOGUE, wildcards.model).canonical()


def train_recipe(wildcards):
    return jobs.train_job(CATALOGUE, wildcards.training).canonical()


# Scores


def scored_files(wildcards):
    files = {kind.KIND: [str(path) for path in answer_tables(kind)(wildcards)] for kind in SCORED}
    agreed = {place.KIND: place.manifest for place in PLAN.agreement(wildcards.corpus)}
    return canonical_json({**files, **agreed})


# Analyses


def contrast_files(wildcards):
    return canonical_json({kind: files_of(kind) for kind in ("scores", "models", "rendered")})


def analysis_inputs(wildcards):
    needs = analyses.load(wildcards.analysis).NEEDS
    return canonical_json({kind: [str(path) for path in files_of(kind)] for kind in needs})


def analysis_code(wildcards):
    return hash_of("analyse", analyses.load(wildcards.analysis).__name__)


# Report


TEMPLATE = SCRIPTS / "distill/report/templates/report.html.j2"


def template(wildcards, threads):
    """Return the page's template; not as an input, because results stay when the workflow's folder moves."""
    return str(TEMPLATE)


def template_digest(wildcards):
    return file_digest(TEMPLATE)


def caption(category, name):
    """Return what Snakemake's own report says of a table or picture."""
    label = {"Tables": "table", "Pictures": "picture"}[category]
    return {"caption": f"../report/{name}.rst", "category": category, "labels": {label: name.replace("_", " ")}}
