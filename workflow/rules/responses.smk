"""Responses: teachers answer the corpora that students train on, students answer the benchmarks.

REQUIRED INPUTS: results/problems/{corpus}/statements; results/models/... of the one who answers;
config/prompts/{prompt}.jinja; of a decoding that is `until_correct` the responses and verdicts of the earlier draws
OUTPUTS: results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{responses.parquet, manifest.json,
provenance.json}, where a model path is teachers/{teacher}, students/{student}/base or
students/{student}/{training}/{dataset}/seed-{seed}, and the decoding of a published teacher is `published`;
results/repeats/{corpus}/{model_path}/{decoding}/{manifest.json, provenance.json}: how many samples are the same.
A generation keeps what it was paid for, undeclared, in state/ until it is done and in kept/ from then on. While its
model is loaded it also answers other draws, shards and corpora of the study (`hours_per_job`), into their state/: their
own jobs find the rows there and load nothing.
"""


rule responses:
    input:
        stage(lambda: PLAN.all_answers(lineage.Responses)),
    localrule: True


rule generate:
    input:
        statements="results/problems/{corpus}/statements/{shard}/manifest.json",
        table=ancient("results/problems/{corpus}/statements/{shard}/statements.parquet"),
        prompt=prompt_of(answering),
        model=answering_manifest,
        weights=answering_weights,
        earlier=earlier_verdicts,
        responses=earlier(lineage.Responses),
        verdicts=earlier(lineage.Verdicts),
    output:
        table="results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/responses.parquet",
        manifest="results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        provenance="results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/provenance.json",
    log:
        "logs/generate/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}.log",
    benchmark:
        "logs/generate/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}.tsv"
    group:
        answered_together
    conda:
        generate_environment
    threads: model_threads(lineage.Responses)
    resources:
        **asked(lineage.Responses),
        engines=1,  # a profile lets the members of a group run one by one
    params:
        program=program(lineage.Responses),
        recipe=recipe(lineage.Responses),
        execution=generate_execution,
        ahead=untracked(ahead),
        code=code(lineage.Responses),
        model=answering_folder,
    shell:
        "exec python {params.program:q} --gpus {resources.gpu} --statements {input.table} --model {params.model:q} --prompt={input.prompt:q}"
        " --responses {input.responses} --verdicts {input.verdicts} --draw {wildcards.draw} --shard {wildcards.shard}"
        " --recipe {params.recipe:q} --execution {params.execution:q} --ahead {params.ahead:q} --output {output.table} 2> {log}"


rule fetch_responses:
    input:
        published_files,
        statements=statements,
        tables=statement_tables,
    output:
        table="results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/responses.parquet",
        manifest="results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        provenance="results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/provenance.json",
    log:
        "logs/fetch_responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}.log",
    wildcard_constraints:
        decoding=lineage.PUBLISHED,
    localrule: True  # compute nodes may be offline
    conda:
        "../../envs/data.yaml"
    params:
        program=program(lineage.Responses),
        recipe=recipe(lineage.Responses),
        code=code(lineage.Responses),
    shell:
        "exec python {params.program:q} --statements {input.tables} --draw {wildcards.draw} --shard {wildcards.shard}"
        " --recipe {params.recipe:q} --output {output.table} 2> {log}"


rule count_repeats:
    input:
        answers(lineage.Responses),
        responses=answer_tables(lineage.Responses),
    output:
        manifest="results/repeats/{corpus}/{model_path}/{decoding}/manifest.json",
        provenance="results/repeats/{corpus}/{model_path}/{decoding}/provenance.json",
    log:
        "logs/count_repeats/{corpus}/{model_path}/{decoding}.log",
    wildcard_constraints:
        decoding=one_of([*CATALOGUE.decodings, lineage.PUBLISHED]),
    conda:
        "../../envs/data.yaml"
    params:
        program=program(lineage.Repeats),
        code=code(lineage.Repeats),
    shell:
        "exec python {params.program:q} --responses {input.responses} --output {output.manifest} 2> {log}"
