"""Scores: how a model did on a benchmark, per problem and as a whole.

REQUIRED INPUTS: results/problems/{corpus}; all draws and shards of results/responses and results/verdicts, and of
results/judgements where there is a judge
OUTPUTS: results/scores/{corpus}/{model_path}/{decoding}/{items.parquet, manifest.json, provenance.json}
"""


rule scores:
    input:
        manifests(score_folders()),
    localrule: True


rule score:
    input:
        answers("responses"),
        answers("verdicts"),
        *(answers(kind) for kind in JUDGED),
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
        responses=answer_tables("responses"),
        verdicts=answer_tables("verdicts"),
        judgements=answer_tables("judgements") if JUDGED else [],
    output:
        table=ensure("results/scores/{corpus}/{model_path}/{decoding}/items.parquet", non_empty=True),
        manifest="results/scores/{corpus}/{model_path}/{decoding}/manifest.json",
        provenance="results/scores/{corpus}/{model_path}/{decoding}/provenance.json",
    log:
        "logs/score/{corpus}/{model_path}/{decoding}.log",
    conda:
        "../../envs/data.yaml"
    params:
        recipe=canonical_json({"policy": CATALOGUE.settings.policy}),
        code=code("score"),
    shell:
        "python scripts/score.py --problems {input.table} --responses {input.responses} --verdicts {input.verdicts}"
        " --judgements {input.judgements} --recipe {params.recipe:q} --output {output.table} 2> {log}"
