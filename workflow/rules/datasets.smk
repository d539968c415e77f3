"""Datasets: one checked response per problem, paired over the teachers and mixed at a fixed row budget.

REQUIRED INPUTS: results/problems/{corpus}; results/responses and results/verdicts of every teacher, all draws;
results/signals, results/judgements and the agreement on gold answers where the recipe or the policy asks for them
OUTPUTS: results/datasets/{dataset}/{train.parquet, ledger.parquet, manifest.json, provenance.json}
"""


rule datasets:
    input:
        stage(PLAN.datasets),
    localrule: True


rule mix:
    input:
        mixed_manifests,
        mixed_tables,
        problems=mixed_problems,
        table=mixed_table,
        agreement=mixed_agreement,
    output:
        table="results/datasets/{dataset}/train.parquet",
        ledger="results/datasets/{dataset}/ledger.parquet",
        manifest="results/datasets/{dataset}/manifest.json",
        provenance="results/datasets/{dataset}/provenance.json",
    log:
        "logs/mix/{dataset}.log",
    conda:
        "../../envs/data.yaml"
    params:
        program=program(lineage.Dataset),
        recipe=recipe(lineage.Dataset),
        code=code(lineage.Dataset),
        inputs=mixed_files,
    shell:
        "exec python {params.program:q} --problems {input.table} --inputs - <<< {params.inputs:q} --recipe {params.recipe:q}"
        " --output {output.table} 2> {log}"
