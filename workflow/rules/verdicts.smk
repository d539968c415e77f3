"""Verdicts: the last boxed answer of each response against the gold. Cheap; regrading never touches responses.

REQUIRED INPUTS: results/problems/{corpus}, results/responses/{corpus}/{responder}/...
OUTPUTS: results/verdicts/{corpus}/{responder}/{decoding}/draw-{draw}/{shard}/{verdicts.parquet, manifest.json,
provenance.json}
"""


rule verdicts:
    input:
        manifests(all_answers("verdicts")),
    localrule: True


rule verify:
    input:
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
        manifest="results/responses/{corpus}/{responder}/{decoding}/draw-{draw}/{shard}/manifest.json",
        responses=ancient("results/responses/{corpus}/{responder}/{decoding}/draw-{draw}/{shard}/responses.parquet"),
    output:
        table=ensure(
            "results/verdicts/{corpus}/{responder}/{decoding}/draw-{draw}/{shard}/verdicts.parquet",
            non_empty=True,
        ),
        manifest="results/verdicts/{corpus}/{responder}/{decoding}/draw-{draw}/{shard}/manifest.json",
        provenance="results/verdicts/{corpus}/{responder}/{decoding}/draw-{draw}/{shard}/provenance.json",
    log:
        "logs/verify/{corpus}/{responder}/{decoding}/draw-{draw}/{shard}.log",
    wildcard_constraints:
        decoding=one_of([*CATALOGUE.decodings, PUBLISHED]),
    conda:
        "../../envs/data.yaml"
    threads: 1
    params:
        recipe=CATALOGUE.settings.grading.canonical(),
        code=code("verify"),
    shell:
        "python scripts/verify.py --problems {input.table} --responses {input.responses} --workers {threads}"
        " --recipe {params.recipe:q} --output {output.table} 2> {log}"
