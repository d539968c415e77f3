"""Signals: what datasets may leave out or choose by. Nothing is left out here, and nothing is made unless asked for.

REQUIRED INPUTS: results/problems/{corpus}/statements and those of all benchmarks; results/responses of the teachers;
the student
OUTPUTS: results/signals/{corpus}/contamination/ (problems that repeat a benchmark's), results/signals/{corpus}/duplicates/
(problems nearly the same), results/signals/{corpus}/teachers/{teacher}/{decoding}/draw-{draw}/{shard}/{student}/ (how
likely each response is to a student), and results/signals/{corpus}/suitability/teachers/... with the same names (how well
it suits that student); in each a table, manifest.json, provenance.json
"""


rule signals:
    input:
        stage(PLAN.signals),
    localrule: True


rule find_contamination:
    input:
        statements,
        benchmark_statements,
        benchmark_tables,
        tables=statement_tables,
    output:
        table="results/signals/{corpus}/contamination/contamination.parquet",
        manifest="results/signals/{corpus}/contamination/manifest.json",
        provenance="results/signals/{corpus}/contamination/provenance.json",
    log:
        "logs/find_contamination/{corpus}.log",
    conda:
        "../../envs/data.yaml"
    params:
        program=program(lineage.Contamination),
        recipe=recipe(lineage.Contamination),
        code=code(lineage.Contamination),
        inputs=benchmark_files,
    shell:
        "exec python {params.program:q} --statements {input.tables} --inputs - <<< {params.inputs:q}"
        " --recipe {params.recipe:q} --output {output.table} 2> {log}"


rule find_duplicates:
    input:
        statements,
        tables=statement_tables,
    output:
        table="results/signals/{corpus}/duplicates/duplicates.parquet",
        manifest="results/signals/{corpus}/duplicates/manifest.json",
        provenance="results/signals/{corpus}/duplicates/provenance.json",
    log:
        "logs/find_duplicates/{corpus}.log",
    conda:
        "../../envs/data.yaml"
    params:
        program=program(lineage.Duplicates),
        recipe=recipe(lineage.Duplicates),
        code=code(lineage.Duplicates),
    shell:
        "exec python {params.program:q} --statements {input.tables} --recipe {params.recipe:q}"
        " --output {output.table} 2> {log}"


rule compute_loglikelihood:
    input:
        statements="results/problems/{corpus}/statements/{shard}/manifest.json",
        table=ancient("results/problems/{corpus}/statements/{shard}/statements.parquet"),
        manifest="results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        responses=ancient("results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/responses.parquet"),
        prompt=prompt_of(student_of),
        model="results/models/{student}/base/manifest.json",
        weights=base_weights,
    output:
        table="results/signals/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{student}/loglikelihoods.parquet",
        manifest="results/signals/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{student}/manifest.json",
        provenance="results/signals/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{student}/provenance.json",
    log:
        "logs/compute_loglikelihood/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{student}.log",
    wildcard_constraints:
        decoding=one_of([*CATALOGUE.decodings, lineage.PUBLISHED]),
    conda:
        environment("generate")
    threads: model_threads(lineage.Loglikelihoods)
    resources:
        **asked(lineage.Loglikelihoods),
    params:
        program=program(lineage.Loglikelihoods),
        recipe=recipe(lineage.Loglikelihoods),
        code=code(lineage.Loglikelihoods),
    shell:
        "exec python {params.program:q} --gpus {resources.gpu} --statements {input.table} --responses {input.responses}"
        " --model results/models/{wildcards.student}/base --prompt={input.prompt:q} --recipe {params.recipe:q}"
        " --output {output.table} 2> {log}"


rule compute_suitability:
    input:
        statements="results/problems/{corpus}/statements/{shard}/manifest.json",
        table=ancient("results/problems/{corpus}/statements/{shard}/statements.parquet"),
        manifest="results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        responses=ancient("results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/responses.parquet"),
        prompt=prompt_of(student_of),
        model="results/models/{student}/base/manifest.json",
        weights=base_weights,
    output:
        table="results/signals/{corpus}/suitability/{model_path}/{decoding}/draw-{draw}/{shard}/{student}/suitability.parquet",
        manifest="results/signals/{corpus}/suitability/{model_path}/{decoding}/draw-{draw}/{shard}/{student}/manifest.json",
        provenance="results/signals/{corpus}/suitability/{model_path}/{decoding}/draw-{draw}/{shard}/{student}/provenance.json",
    log:
        "logs/compute_suitability/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{student}.log",
    wildcard_constraints:
        decoding=one_of([*CATALOGUE.decodings, lineage.PUBLISHED]),
    conda:
        environment("generate")
    threads: model_threads(lineage.Suitability)
    resources:
        **asked(lineage.Suitability),
    params:
        program=program(lineage.Suitability),
        recipe=recipe(lineage.Suitability),
        code=code(lineage.Suitability),
    shell:
        "exec python {params.program:q} --gpus {resources.gpu} --statements {input.table} --responses {input.responses}"
        " --model results/models/{wildcards.student}/base --prompt={input.prompt:q} --recipe {params.recipe:q}"
        " --output {output.table} 2> {log}"
