"""Datasets: one checked response per problem, paired over the teachers and mixed at a fixed row budget.

REQUIRED INPUTS: results/problems/{corpus}; results/responses and results/verdicts of every teacher, all draws
OUTPUTS: results/datasets/{dataset}/{train.parquet, ledger.parquet, manifest.json, provenance.json}
"""


rule datasets:
    input:
        manifests(dataset_folders()),
    localrule: True


rule mix:
    input:
        mix_inputs,
        problems=lambda wildcards: f"results/problems/{CATALOGUE.datasets[wildcards.dataset].corpus}/manifest.json",
        table=lambda wildcards: ancient(
            f"results/problems/{CATALOGUE.datasets[wildcards.dataset].corpus}/problems.parquet"
        ),
    output:
        table=ensure("results/datasets/{dataset}/train.parquet", non_empty=True),
        ledger="results/datasets/{dataset}/ledger.parquet",
        manifest="results/datasets/{dataset}/manifest.json",
        provenance="results/datasets/{dataset}/provenance.json",
    log:
        "logs/mix/{dataset}.log",
    conda:
        "../../envs/data.yaml"
    params:
        recipe=lambda wildcards: CATALOGUE.datasets[wildcards.dataset].canonical(),
        code=code("mix"),
        teachers=mix_teachers,
    shell:
        "python scripts/mix.py --problems {input.table} {params.teachers} --recipe {params.recipe:q}"
        " --output {output.table} 2> {log}"
