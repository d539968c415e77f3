"""Rendered: a dataset as a student's tokens, with loss mask; a broken chat template stops here, on the CPU.

REQUIRED INPUTS: results/datasets/{dataset}; results/models/{student}/base (tokenizer); config/prompts/{prompt}.jinja
OUTPUTS: results/rendered/{student}/{training}/{dataset}/{rendered.parquet, ledger.parquet, manifest.json,
provenance.json}; of the training only the cutoff matters
"""


rule rendered:
    input:
        stage(PLAN.rendered),
    localrule: True


rule render:
    input:
        dataset="results/datasets/{dataset}/manifest.json",
        table=ancient("results/datasets/{dataset}/train.parquet"),
        prompt=prompt_of(student_of),
        model="results/models/{student}/base/manifest.json",
        weights=base_weights,
    output:
        table="results/rendered/{student}/{training}/{dataset}/rendered.parquet",
        ledger="results/rendered/{student}/{training}/{dataset}/ledger.parquet",
        manifest="results/rendered/{student}/{training}/{dataset}/manifest.json",
        provenance="results/rendered/{student}/{training}/{dataset}/provenance.json",
    log:
        "logs/render/{student}/{training}/{dataset}.log",
    priority: 100  # all rows of a student are planned with before one of its trainings begins
    conda:
        environment("train")
    params:
        program=program(lineage.Rendered),
        recipe=recipe(lineage.Rendered),
        code=code(lineage.Rendered),
    shell:
        "exec python {params.program:q} --dataset {input.table} --model results/models/{wildcards.student}/base"
        " --prompt={input.prompt:q} --recipe {params.recipe:q} --output {output.table} 2> {log}"
