"""Verdicts: the last boxed answer of each response against the gold. Cheap; regrading never touches responses.

REQUIRED INPUTS: results/problems/{corpus}, results/responses/{corpus}/{model_path}/...; the judge's model if there is one;
of a corpus whose gold answers teachers agree on all responses of these teachers
OUTPUTS: results/verdicts/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{verdicts.parquet, manifest.json,
provenance.json}; results/verdicts/{corpus}/golds/{golds.parquet, manifest.json, provenance.json}: which gold answers
can be graded against; results/verdicts/{corpus}/agreement/{agreement.parquet, manifest.json, provenance.json}: what
stands for the gold answers of a corpus without, where its recipe asks for it; and as the verdicts below
results/judgements/ where the settings name a judge (which keeps its replies, undeclared, in state/ and kept/ there)
"""


rule verdicts:
    input:
        stage(lambda: PLAN.all_answers(lineage.Verdicts), PLAN.agreements, PLAN.golds),
    localrule: True


rule find_agreement:
    input:
        voters,
        voters_tables,
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
    output:
        table="results/verdicts/{corpus}/agreement/agreement.parquet",
        manifest="results/verdicts/{corpus}/agreement/manifest.json",
        provenance="results/verdicts/{corpus}/agreement/provenance.json",
    log:
        "logs/find_agreement/{corpus}.log",
    wildcard_constraints:
        corpus=one_of(name for name, recipe in CATALOGUE.corpora.items() if recipe.agreement),
    conda:
        "../../envs/data.yaml"
    threads: 1
    params:
        program=program(lineage.Agreement),
        recipe=recipe(lineage.Agreement),
        code=code(lineage.Agreement),
        inputs=voters_files,
    shell:
        "exec python {params.program:q} --problems {input.table} --inputs - <<< {params.inputs:q} --workers {threads}"
        " --recipe {params.recipe:q} --output {output.table} 2> {log}"


rule check_golds:
    input:
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
        agreement=agreement,
        agreed=agreement_table,
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
        program=program(lineage.Golds),
        recipe=recipe(lineage.Golds),
        code=code(lineage.Golds),
    shell:
        "exec python {params.program:q} --problems {input.table} --agreement {input.agreement} --workers {threads}"
        " --recipe {params.recipe:q} --output {output.table} 2> {log}"


rule verify:
    input:
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
        manifest="results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        responses=ancient("results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/responses.parquet"),
        agreement=agreement,
        agreed=agreement_table,
    output:
        table="results/verdicts/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/verdicts.parquet",
        manifest="results/verdicts/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        provenance="results/verdicts/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/provenance.json",
    log:
        "logs/verify/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}.log",
    wildcard_constraints:
        decoding=one_of([*CATALOGUE.decodings, lineage.PUBLISHED]),
    conda:
        "../../envs/data.yaml"
    threads: 1
    params:
        program=program(lineage.Verdicts),
        recipe=recipe(lineage.Verdicts),
        code=code(lineage.Verdicts),
    shell:
        "exec python {params.program:q} --problems {input.table} --responses {input.responses} --agreement {input.agreement}"
        " --workers {threads} --recipe {params.recipe:q} --output {output.table} 2> {log}"


rule judge:
    input:
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
        manifest="results/verdicts/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        verdicts=ancient("results/verdicts/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/verdicts.parquet"),
        responses=ancient("results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/responses.parquet"),
        agreement=agreement,
        agreed=agreement_table,
        prompt=judge_prompt,
        model=judge_manifest,
        weights=judge_weights,
    output:
        table="results/judgements/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/judgements.parquet",
        manifest="results/judgements/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        provenance="results/judgements/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/provenance.json",
    log:
        "logs/judge/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}.log",
    benchmark:
        "logs/judge/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}.tsv"
    wildcard_constraints:
        decoding=one_of([*CATALOGUE.decodings, lineage.PUBLISHED]),
    conda:
        judge_environment
    threads: model_threads(lineage.Judgements)
    resources:
        **asked(lineage.Judgements),
    params:
        program=program(lineage.Judgements),
        recipe=recipe(lineage.Judgements),
        execution=judge_execution,
        code=code(lineage.Judgements),
        model=judge_folder,
    shell:
        "exec python {params.program:q} --gpus {resources.gpu} --problems {input.table} --responses {input.responses}"
        " --verdicts {input.verdicts} --agreement {input.agreement} --prompt={input.prompt:q} --model {params.model:q}"
        " --recipe {params.recipe:q} --execution {params.execution:q} --output {output.table} 2> {log}"
