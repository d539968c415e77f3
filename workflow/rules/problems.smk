"""Problems: every corpus as one table with stable ids and gold answers; and per shard what models are asked, alone.

REQUIRED INPUTS: the corpus's local file, if it has one (else the hub).
OUTPUTS: results/problems/{corpus}/{problems.parquet, ledger.parquet, manifest.json, provenance.json};
results/problems/{corpus}/statements/{shard}/{statements.parquet, manifest.json, provenance.json}
"""


rule problems:
    input:
        manifests(PLAN.problems()),
    localrule: True


rule fetch_problems:
    input:
        corpus_files,
    output:
        table="results/problems/{corpus}/problems.parquet",
        ledger="results/problems/{corpus}/ledger.parquet",
        manifest="results/problems/{corpus}/manifest.json",
        provenance="results/problems/{corpus}/provenance.json",
    log:
        "logs/fetch_problems/{corpus}.log",
    localrule: True  # compute nodes may be offline
    conda:
        "../../envs/data.yaml"
    params:
        program=program("fetch_problems"),
        recipe=corpus_recipe,
        code=code("fetch_problems"),
    shell:
        "python {params.program:q} --recipe {params.recipe:q} --output {output.table} 2> {log}"


# Made again when its statements change, which `statements` says; a corrected gold answer leaves it as it is.
rule split_problems:
    input:
        table=ancient("results/problems/{corpus}/problems.parquet"),
    output:
        table="results/problems/{corpus}/statements/{shard}/statements.parquet",
        manifest="results/problems/{corpus}/statements/{shard}/manifest.json",
        provenance="results/problems/{corpus}/statements/{shard}/provenance.json",
    log:
        "logs/split_problems/{corpus}/{shard}.log",
    localrule: True
    conda:
        "../../envs/data.yaml"
    params:
        program=program("split_problems"),
        statements=shard_fingerprint,
        code=code("split_problems"),
    shell:
        "python {params.program:q} --problems {input.table} --shard {wildcards.shard} --output {output.table} 2> {log}"
