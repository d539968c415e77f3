"""Scores: how a model did on a benchmark, per problem and as a whole.

REQUIRED INPUTS: results/problems/{corpus}; all draws and shards of results/responses and results/verdicts, and of
results/judgements where there is a judge; the agreement that stands for gold answers, where there is one
OUTPUTS: results/scores/{corpus}/{model_path}/{decoding}/{items.parquet, manifest.json, provenance.json}
"""


rule scores:
    input:
        artefacts(PLAN.scores()),
    localrule: True


rule score:
    input:
        scored_manifests,
        scored_tables,
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
        agreement=agreement,
    output:
        table="results/scores/{corpus}/{model_path}/{decoding}/items.parquet",
        manifest="results/scores/{corpus}/{model_path}/{decoding}/manifest.json",
        provenance="results/scores/{corpus}/{model_path}/{decoding}/provenance.json",
    log:
        "logs/score/{corpus}/{model_path}/{decoding}.log",
    conda:
        "../../envs/data.yaml"
    threads: 1
    params:
        program=program(lineage.Score),
        recipe=recipe(lineage.Score),
        code=code(lineage.Score),
        inputs=scored_files,
    shell:
        "exec python {params.program:q} --problems {input.table} --inputs {params.inputs:q} --workers {threads}"
        " --recipe {params.recipe:q} --output {output.table} 2> {log}"
