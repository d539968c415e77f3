"""Models: the weights that teachers and students start from, and the students after training.

REQUIRED INPUTS: a local model folder, a hub id, or problems (for a student from scratch); results/rendered/...
OUTPUTS: results/models/{model}/base/manifest.json (and weights/ of a student from scratch);
results/models/{student}/{training}/{dataset}/seed-{seed}/{weights/, train_log.parquet, ledger.parquet, manifest.json, provenance.json}.
A training keeps its own undeclared state/ there until it is done, so a killed one goes on where it was.
"""


rule models:
    input:
        manifests(trained_folders()),
    localrule: True


rule fetch_model:
    input:
        model_files,
    output:
        manifest="results/models/{model}/base/manifest.json",
        provenance="results/models/{model}/base/provenance.json",
    log:
        "logs/fetch_model/{model}.log",
    wildcard_constraints:
        model=one_of(m for m in [*CATALOGUE.students, *CATALOGUE.teachers] if not is_scratch(m)),
    localrule: True  # compute nodes may be offline
    conda:
        "../../envs/data.yaml"
    params:
        recipe=model_recipe,
        code=code("fetch_model"),
    shell:
        "python scripts/fetch_model.py --recipe {params.recipe:q} --output {output.manifest} 2> {log}"


rule initialise:
    input:
        lambda wildcards: [
            f"results/problems/{corpus}/problems.parquet"
            for corpus in base_recipe(wildcards.model).scratch.tokenizer_corpora
        ],
    output:
        weights=directory("results/models/{model}/base/weights"),
        manifest="results/models/{model}/base/manifest.json",
        provenance="results/models/{model}/base/provenance.json",
    log:
        "logs/initialise/{model}.log",
    wildcard_constraints:
        model=one_of(m for m in [*CATALOGUE.students, *CATALOGUE.teachers] if is_scratch(m)),
    conda:
        "../../envs/train.yaml"
    params:
        recipe=model_recipe,
        code=code("initialise"),
    shell:
        "python scripts/initialise.py --problems {input} --recipe {params.recipe:q} --output {output.weights} 2> {log}"


rule train:
    input:
        rendered="results/rendered/{student}/{training}/{dataset}/manifest.json",
        table=ancient("results/rendered/{student}/{training}/{dataset}/rendered.parquet"),
        model="results/models/{student}/base/manifest.json",
        weights=lambda wildcards: weights_of(f"results/models/{wildcards.student}/base"),
    output:
        weights=directory("results/models/{student}/{training}/{dataset}/seed-{seed}/weights"),
        log="results/models/{student}/{training}/{dataset}/seed-{seed}/train_log.parquet",
        ledger="results/models/{student}/{training}/{dataset}/seed-{seed}/ledger.parquet",
        manifest="results/models/{student}/{training}/{dataset}/seed-{seed}/manifest.json",
        provenance="results/models/{student}/{training}/{dataset}/seed-{seed}/provenance.json",
    log:
        "logs/train/{student}/{training}/{dataset}/seed-{seed}.log",
    benchmark:
        "logs/train/{student}/{training}/{dataset}/seed-{seed}.tsv"
    conda:
        "../../envs/train.yaml"
    params:
        recipe=train_recipe,
        code=code("train"),
    shell:
        "python scripts/train.py --rendered {input.table} --model results/models/{wildcards.student}/base"
        " --seed {wildcards.seed} --recipe {params.recipe:q} --output {output.weights} 2> {log}"
