"""Verdicts: the last boxed answer of each response against the gold. Cheap; regrading never touches responses.

REQUIRED INPUTS: results/problems/{corpus}, results/responses/{corpus}/{model_path}/...; the judge's model if there is one
OUTPUTS: results/verdicts/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{verdicts.parquet, manifest.json,
provenance.json}; results/verdicts/{corpus}/golds/{golds.parquet, manifest.json, provenance.json}: which gold answers can
be graded against; and as the verdicts below results/judgements/ where the settings name a judge (which keeps its own undeclared
state/ there until it is done)
"""


rule verdicts:
    input:
        manifests(all_answers("verdicts")),
        manifests(gold_folders()),
    localrule: True


rule check_golds:
    input:
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
    output:
        table="results/verdicts/{corpus}/golds/golds.parquet",
        manifest="results/verdicts/{corpus}/golds/manifest.json",
        provenance="results/verdicts/{corpus}/golds/provenance.json",
    log:
        "logs/check_golds/{corpus}.log",
    conda:
        "../../envs/data.yaml"
    threads: 1
    params:
        recipe=CATALOGUE.settings.grading.canonical(),
        code=code("check_golds"),
    shell:
        "python scripts/check_golds.py --problems {input.table} --workers {threads} --recipe {params.recipe:q}"
        " --output {output.table} 2> {log}"


rule verify:
    input:
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
        manifest="results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        responses=ancient("results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/responses.parquet"),
    output:
        table=ensure(
            "results/verdicts/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/verdicts.parquet",
            non_empty=True,
        ),
        manifest="results/verdicts/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        provenance="results/verdicts/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/provenance.json",
    log:
        "logs/verify/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}.log",
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


rule judge:
    input:
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
        manifest="results/verdicts/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        verdicts=ancient("results/verdicts/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/verdicts.parquet"),
        prompt=lambda wildcards: f"config/prompts/judges/{CATALOGUE.settings.judge.prompt}.jinja",
        model=lambda wildcards: f"{judge_folder()}/manifest.json",
        weights=lambda wildcards: weights_of(judge_folder()),
    output:
        table="results/judgements/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/judgements.parquet",
        manifest="results/judgements/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        provenance="results/judgements/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/provenance.json",
    log:
        "logs/judge/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}.log",
    wildcard_constraints:
        decoding=one_of([*CATALOGUE.decodings, PUBLISHED]),
    conda:
        lambda wildcards: environment_of(CATALOGUE.teachers[CATALOGUE.settings.judge.teacher])
    params:
        recipe=lambda wildcards: judging().canonical(),
        execution=lambda wildcards, threads: canonical_json(judging().execution()),
        code=lambda wildcards: code("judge", module_of(judging().generation.engine)),
        model=lambda wildcards: judge_folder(),
    shell:
        "python scripts/judge.py --problems {input.table} --verdicts {input.verdicts} --prompt {input.prompt}"
        " --model {params.model} --recipe {params.recipe:q} --execution {params.execution:q} --output {output.table} 2> {log}"
