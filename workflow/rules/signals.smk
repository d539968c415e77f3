"""Signals: what datasets may leave out or choose by. Nothing is left out here, and nothing is made unless asked for.

REQUIRED INPUTS: results/problems/{corpus} and those of all benchmarks; results/responses of the teachers; the student
OUTPUTS: results/signals/{corpus}/contamination/ (problems that repeat a benchmark's), results/signals/{corpus}/duplicates/
(problems nearly the same), and results/signals/{corpus}/teachers/{teacher}/{decoding}/draw-{draw}/{shard}/{student}/ (how
likely each response is to a student); in each a table, manifest.json, provenance.json
"""


rule signals:
    input:
        manifests(signal_folders()),
    localrule: True


rule find_contamination:
    input:
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
        benchmarks=manifests(benchmark_folders()),
        tables=[ancient(f) for f in tables("problems", benchmark_folders())],
    output:
        table="results/signals/{corpus}/contamination/contamination.parquet",
        manifest="results/signals/{corpus}/contamination/manifest.json",
        provenance="results/signals/{corpus}/contamination/provenance.json",
    log:
        "logs/find_contamination/{corpus}.log",
    conda:
        "../../envs/data.yaml"
    params:
        recipe=similarity_recipe("ngram", "overlap"),
        code=code("find_contamination"),
        benchmarks=" ".join(f"{name}=results/problems/{name}/problems.parquet" for name in CATALOGUE.benchmarks()),
    shell:
        "python scripts/find_contamination.py --problems {input.table} --benchmarks {params.benchmarks}"
        " --recipe {params.recipe:q} --output {output.table} 2> {log}"


rule find_duplicates:
    input:
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
    output:
        table="results/signals/{corpus}/duplicates/duplicates.parquet",
        manifest="results/signals/{corpus}/duplicates/manifest.json",
        provenance="results/signals/{corpus}/duplicates/provenance.json",
    log:
        "logs/find_duplicates/{corpus}.log",
    conda:
        "../../envs/data.yaml"
    params:
        recipe=similarity_recipe("near_duplicate"),
        code=code("find_duplicates"),
    shell:
        "python scripts/find_duplicates.py --problems {input.table} --recipe {params.recipe:q}"
        " --output {output.table} 2> {log}"


rule compute_loglikelihood:
    input:
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
        manifest="results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/manifest.json",
        responses=ancient("results/responses/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/responses.parquet"),
        prompt=lambda wildcards: prompt_file(CATALOGUE.students[wildcards.student]),
        model="results/models/{student}/base/manifest.json",
        weights=lambda wildcards: weights_of(f"results/models/{wildcards.student}/base"),
    output:
        table="results/signals/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{student}/loglikelihoods.parquet",
        manifest="results/signals/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{student}/manifest.json",
        provenance="results/signals/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{student}/provenance.json",
    log:
        "logs/compute_loglikelihood/{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}/{student}.log",
    conda:
        "../../envs/generate.yaml"
    params:
        recipe=lambda wildcards: canonical_json({"system": CATALOGUE.students[wildcards.student].system}),
        code=code("compute_loglikelihood"),
    shell:
        "python scripts/compute_loglikelihood.py --problems {input.table} --responses {input.responses}"
        " --model results/models/{wildcards.student}/base --prompt {input.prompt} --recipe {params.recipe:q}"
        " --output {output.table} 2> {log}"
