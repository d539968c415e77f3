"""Scores: how a model did on a benchmark, per problem and as a whole; and how likely it finds the solutions.

REQUIRED INPUTS: results/problems/{corpus}; all draws and shards of results/responses and results/verdicts, and of
results/judgements where there is a judge; the agreement that stands for gold answers, where there is one; of
likelihoods results/solutions/{corpus} and the models
OUTPUTS: results/scores/{corpus}/{model_path}/{decoding}/{items.parquet, manifest.json, provenance.json};
results/solutions/{corpus}/{solutions.parquet, manifest.json, provenance.json} and
results/likelihoods/{corpus}/{model_path}/{likelihoods.parquet, manifest.json, provenance.json} where a study asks
"""


rule scores:
    input:
        stage(PLAN.scores, PLAN.solutions, PLAN.likelihoods, PLAN.token_shift),
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
        "exec python {params.program:q} --problems {input.table} --inputs - <<< {params.inputs:q} --workers {threads}"
        " --recipe {params.recipe:q} --output {output.table} 2> {log}"


rule write_solutions:
    input:
        solvers_manifests,
        solvers_tables,
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
    output:
        table="results/solutions/{corpus}/solutions.parquet",
        manifest="results/solutions/{corpus}/manifest.json",
        provenance="results/solutions/{corpus}/provenance.json",
    log:
        "logs/write_solutions/{corpus}.log",
    conda:
        "../../envs/data.yaml"
    params:
        program=program(lineage.Solutions),
        code=code(lineage.Solutions),
        inputs=solvers_files,
    shell:
        "exec python {params.program:q} --problems {input.table} --inputs - <<< {params.inputs:q} --output {output.table} 2> {log}"


# The program is that of `compute_loglikelihood`, and so is its code.
rule rate_solutions:
    input:
        solutions="results/solutions/{corpus}/manifest.json",
        table=ancient("results/solutions/{corpus}/solutions.parquet"),
        prompt=prompt_of(answering),
        model=answering_manifest,
        weights=answering_weights,
    output:
        table="results/likelihoods/{corpus}/{model_path}/likelihoods.parquet",
        manifest="results/likelihoods/{corpus}/{model_path}/manifest.json",
        provenance="results/likelihoods/{corpus}/{model_path}/provenance.json",
    log:
        "logs/rate_solutions/{corpus}/{model_path}.log",
    conda:
        environment("generate")
    threads: model_threads(lineage.Likelihoods)
    resources:
        **asked(lineage.Likelihoods),
    params:
        program=program(lineage.Likelihoods),
        recipe=recipe(lineage.Likelihoods),
        code=code(lineage.Likelihoods),
        model=answering_folder,
    shell:
        "exec python {params.program:q} --gpus {resources.gpu} --solutions {input.table} --model {params.model:q}"
        " --prompt={input.prompt:q} --recipe {params.recipe:q} --output {output.table} 2> {log}"


rule compute_token_shift:
    input:
        statements="results/problems/{corpus}/statements/{shard}/manifest.json",
        table=ancient("results/problems/{corpus}/statements/{shard}/statements.parquet"),
        manifest="results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        responses=ancient("results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/responses.parquet"),
        prompt=prompt_of(student_of),
        model="results/models/{student}/base/manifest.json",
        weights=base_weights,
    output:
        table="results/token_shift/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{student}/token_shift.parquet",
        manifest="results/token_shift/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{student}/manifest.json",
        provenance="results/token_shift/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{student}/provenance.json",
    log:
        "logs/compute_token_shift/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{student}.log",
    wildcard_constraints:
        decoding=one_of([*CATALOGUE.decodings, lineage.PUBLISHED]),
    conda:
        environment("generate")
    threads: model_threads(lineage.TokenShift)
    resources:
        **asked(lineage.TokenShift),
    params:
        program=program(lineage.TokenShift),
        recipe=recipe(lineage.TokenShift),
        code=code(lineage.TokenShift),
    shell:
        "exec python {params.program:q} --gpus {resources.gpu} --statements {input.table} --responses {input.responses}"
        " --model results/models/{wildcards.student}/base --prompt={input.prompt:q} --recipe {params.recipe:q}"
        " --output {output.table} 2> {log}"
