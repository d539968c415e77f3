"""Scores: how a model did on a benchmark, per problem and as a whole.

REQUIRED INPUTS: results/problems/{corpus}; all draws and shards of results/responses and results/verdicts
OUTPUTS: results/scores/{corpus}/{responder}/{decoding}/{items.parquet, manifest.json, provenance.json}
"""


rule scores:
    input:
        manifests(score_folders()),
    localrule: True


rule score:
    input:
        answers("responses"),
        answers("verdicts"),
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
        responses=answer_tables("responses"),
        verdicts=answer_tables("verdicts"),
    output:
        table=ensure("results/scores/{corpus}/{responder}/{decoding}/items.parquet", non_empty=True),
        manifest="results/scores/{corpus}/{responder}/{decoding}/manifest.json",
        provenance="results/scores/{corpus}/{responder}/{decoding}/provenance.json",
    log:
        "logs/score/{corpus}/{responder}/{decoding}.log",
    conda:
        "../../envs/data.yaml"
    params:
        code=code("score"),
    shell:
        "python scripts/score.py --problems {input.table} --responses {input.responses} --verdicts {input.verdicts}"
        " --output {output.table} 2> {log}"
