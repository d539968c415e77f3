"""Rendered: a dataset as a student's tokens, with loss mask; a broken chat template stops here, on the CPU.

REQUIRED INPUTS: results/datasets/{dataset}; results/models/{student}/base (tokenizer); config/prompts/{prompt}.jinja
OUTPUTS: results/rendered/{student}/{training}/{dataset}/{rendered.parquet, ledger.parquet, manifest.json,
provenance.json}; of the training only the cutoff matters
"""


rule rendered:
    input:
        manifests(rendered_folders()),
    localrule: True


rule render:
    input:
        dataset="results/datasets/{dataset}/manifest.json",
        table=ancient("results/datasets/{dataset}/train.parquet"),
        prompt=lambda wildcards: prompt_file(CATALOGUE.students[wildcards.student]),
        model="results/models/{student}/base/manifest.json",
        weights=lambda wildcards: weights_of(f"results/models/{wildcards.student}/base"),
    output:
        table=ensure("results/rendered/{student}/{training}/{dataset}/rendered.parquet", non_empty=True),
        ledger="results/rendered/{student}/{training}/{dataset}/ledger.parquet",
        manifest="results/rendered/{student}/{training}/{dataset}/manifest.json",
        provenance="results/rendered/{student}/{training}/{dataset}/provenance.json",
    log:
        "logs/render/{student}/{training}/{dataset}.log",
    conda:
        "../../envs/train.yaml"
    params:
        recipe=render_recipe,
        code=code("render"),
    shell:
        "python scripts/render.py --dataset {input.table} --model results/models/{wildcards.student}/base"
        " --prompt {input.prompt} --recipe {params.recipe:q} --output {output.table} 2> {log}"
