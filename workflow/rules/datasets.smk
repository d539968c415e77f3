"""Datasets: one checked response per problem, paired over the sources and mixed at a fixed row budget.

REQUIRED INPUTS: results/problems/{corpus}; results/responses and results/verdicts of every source, all draws
OUTPUTS: results/datasets/{dataset}/{train.parquet, ledger.parquet, manifest.json, provenance.json}
"""


def mix_sources(wildcards):
    """Return the options that name each source's files."""
    options = []
    for teacher in CATALOGUE.datasets[wildcards.dataset].sources:
        for kind in ("responses", "verdicts"):
            files = tables(kind, source_folders(kind, wildcards.dataset, teacher))
            options += [f"--{kind}", teacher, *files]
    return " ".join(options)


def mix_inputs(wildcards):
    """Return the folders of all sources' responses and verdicts, as manifests and as (ancient) tables."""
    sources = CATALOGUE.datasets[wildcards.dataset].sources
    pairs = [(k, source_folders(k, wildcards.dataset, t)) for t in sources for k in ("responses", "verdicts")]
    files = [f for _, folders in pairs for f in manifests(folders)]
    return files + [ancient(f) for kind, folders in pairs for f in tables(kind, folders)]


rule datasets:
    localrule: True
    input:
        manifests(dataset_folders()),


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
    params:
        recipe=lambda wildcards: CATALOGUE.datasets[wildcards.dataset].canonical(),
        code=code("mix"),
        sources=mix_sources,
    log:
        "logs/mix/{dataset}.log",
    conda:
        "../../envs/data.yaml"
    shell:
        "python scripts/mix.py --problems {input.table} {params.sources} --recipe {params.recipe:q}"
        " --output {output.table} 2> {log}"
