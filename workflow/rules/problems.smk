"""Problems: every corpus as one table with stable ids and gold answers.

REQUIRED INPUTS: the corpus's local file, if it has one (else the hub).
OUTPUTS: results/problems/{corpus}/{problems.parquet, ledger.parquet, manifest.json, provenance.json}
"""


rule problems:
    input:
        manifests(problem_folders()),
    localrule: True


rule fetch_problems:
    input:
        lambda wildcards: local_file(CATALOGUE.corpora[wildcards.corpus]),
    output:
        table=ensure("results/problems/{corpus}/problems.parquet", non_empty=True),
        ledger="results/problems/{corpus}/ledger.parquet",
        manifest="results/problems/{corpus}/manifest.json",
        provenance="results/problems/{corpus}/provenance.json",
    log:
        "logs/fetch_problems/{corpus}.log",
    localrule: True  # compute nodes may be offline
    conda:
        "../../envs/data.yaml"
    params:
        recipe=lambda wildcards: CATALOGUE.corpora[wildcards.corpus].canonical(),
        code=code("fetch_problems"),
    shell:
        "python scripts/fetch_problems.py --recipe {params.recipe:q} --output {output.table} 2> {log}"
