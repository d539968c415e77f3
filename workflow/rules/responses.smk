"""Responses: teachers answer the corpora that students train on, students answer the benchmarks.

REQUIRED INPUTS: results/problems/{corpus}; results/models/... of the model_path; config/prompts/{prompt}.jinja;
of a decoding that is `until_correct` the responses and verdicts of the earlier draws
OUTPUTS: results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{responses.parquet, manifest.json,
provenance.json}, where a model_path is teachers/{teacher}, students/{student}/base or
students/{student}/{training}/{dataset}/seed-{seed}, and the decoding of a published teacher is `published`.
A generation keeps its responses as they come, and its progress.json, in its own undeclared state/ there until it is
done, so a killed one asks only for what is missing.
"""


rule responses:
    input:
        manifests(all_answers("responses")),
    localrule: True


rule generate:
    input:
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
        prompt=lambda wildcards: prompt_file(answering(wildcards.model_path)),
        model=lambda wildcards: f"{model_folder(wildcards.model_path)}/manifest.json",
        weights=lambda wildcards: weights_of(model_folder(wildcards.model_path)),
        earlier=lambda wildcards: manifests(earlier_folders("verdicts", wildcards)),
        responses=earlier_tables("responses"),
        verdicts=earlier_tables("verdicts"),
    output:
        table=ensure(
            "results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/responses.parquet",
            non_empty=True,
        ),
        manifest="results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        provenance="results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/provenance.json",
    log:
        "logs/generate/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}.log",
    benchmark:
        "logs/generate/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}.tsv"
    conda:
        generate_environment
    params:
        recipe=generate_recipe,
        execution=generate_execution,
        code=generate_code,
        model=lambda wildcards: model_folder(wildcards.model_path),
    shell:
        "python scripts/generate.py --problems {input.table} --model {params.model} --prompt {input.prompt}"
        " --responses {input.responses} --verdicts {input.verdicts} --draw {wildcards.draw} --shard {wildcards.shard}"
        " --recipe {params.recipe:q} --execution {params.execution:q} --output {output.table} 2> {log}"


rule fetch_responses:
    input:
        lambda wildcards: local_file(CATALOGUE.teachers[wildcards.teacher].published),
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
    output:
        table=ensure(
            f"results/responses/{{corpus}}/teachers/{{teacher}}/{PUBLISHED}/draw-{{draw}}/{{shard}}/responses.parquet",
            non_empty=True,
        ),
        manifest=f"results/responses/{{corpus}}/teachers/{{teacher}}/{PUBLISHED}/draw-{{draw}}/{{shard}}/manifest.json",
        provenance=f"results/responses/{{corpus}}/teachers/{{teacher}}/{PUBLISHED}/draw-{{draw}}/{{shard}}/provenance.json",
    log:
        "logs/fetch_responses/{corpus}/{teacher}/draw-{draw}/{shard}.log",
    localrule: True  # compute nodes may be offline
    conda:
        "../../envs/data.yaml"
    params:
        recipe=lambda wildcards: CATALOGUE.teachers[wildcards.teacher].published.canonical(),
        code=code("fetch_responses"),
    shell:
        "python scripts/fetch_responses.py --problems {input.table} --draw {wildcards.draw} --shard {wildcards.shard}"
        " --recipe {params.recipe:q} --output {output.table} 2> {log}"
