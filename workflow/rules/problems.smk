"""Problems: every corpus as one table with stable ids and gold answers; and per shard what models are asked, alone.

REQUIRED INPUTS: the corpus's local file, if it has one (else the hub).
OUTPUTS: results/problems/{corpus}/{problems.parquet, ledger.parquet, manifest.json, provenance.json};
results/problems/{corpus}/statements/{shard}/{statements.parquet, manifest.json, provenance.json}
"""


rule problems:
    input:
        stage(PLAN.problems),
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
        program=program(lineage.Problems),
        recipe=recipe(lineage.Problems),
        code=code(lineage.Problems),
    shell:
        "exec python {params.program:q} --recipe {params.recipe:q} --output {output.table} 2> {log}"


# Read from the file and not from the problems table: Snakemake looks at no parameter of a job below one that runs again.
# `statements` is the digest of what the file says, so a corrected gold answer changes nothing here; it knows the code too.
rule fetch_statements:
    input:
        ancient_corpus_files,
    output:
        table="results/problems/{corpus}/statements/{shard}/statements.parquet",
        manifest="results/problems/{corpus}/statements/{shard}/manifest.json",
        provenance="results/problems/{corpus}/statements/{shard}/provenance.json",
    log:
        "logs/fetch_statements/{corpus}/{shard}.log",
    priority: 100  # a model that is loaded answers ahead only what is there
    localrule: True  # compute nodes may be offline
    conda:
        "../../envs/data.yaml"
    params:
        program=program(lineage.Statements),
        recipe=untracked(recipe(lineage.Statements)),
        statements=shard_fingerprint,
    shell:
        "exec python {params.program:q} --recipe {params.recipe:q} --shard {wildcards.shard}"
        " --output {output.table} 2> {log}"
