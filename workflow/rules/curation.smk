"""Curation: what datasets may leave out or choose by. Nothing is left out here, and nothing is made unless asked for.

REQUIRED INPUTS: results/problems/{corpus} and those of all benchmarks; results/responses of the sources; the student
OUTPUTS: results/curation/{corpus}/contamination/ (problems that repeat a benchmark's), results/curation/{corpus}/duplicates/
(problems nearly the same), and results/curation/{corpus}/teachers/{teacher}/{decoding}/draw-{draw}/{shard}/{student}/ (how
likely each response is to a student); in each a table, manifest.json, provenance.json
"""


rule curation:
    input:
        manifests(curation_folders()),
    localrule: True


rule find_contamination:
    input:
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
        benchmarks=manifests(benchmark_folders()),
        tables=[ancient(f) for f in tables("problems", benchmark_folders())],
    output:
        table="results/curation/{corpus}/contamination/contamination.parquet",
        manifest="results/curation/{corpus}/contamination/manifest.json",
        provenance="results/curation/{corpus}/contamination/provenance.json",
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
        table="results/curation/{corpus}/duplicates/duplicates.parquet",
        manifest="results/curation/{corpus}/duplicates/manifest.json",
        provenance="results/curation/{corpus}/duplicates/provenance.json",
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


rule estimate_likelihood:
    input:
        problems="results/problems/{corpus}/manifest.json",
        table=ancient("results/problems/{corpus}/problems.parquet"),
        manifest="results/responses/{corpus}/{responder}/{decoding}/draw-{draw}/{shard}/manifest.json",
        responses=ancient("results/responses/{corpus}/{responder}/{decoding}/draw-{draw}/{shard}/responses.parquet"),
        prompt=lambda wildcards: prompt_file(CATALOGUE.students[wildcards.student]),
        model="results/models/{student}/base/manifest.json",
        weights=lambda wildcards: weights_of(f"results/models/{wildcards.student}/base"),
    output:
        table="results/curation/{corpus}/{responder}/{decoding}/draw-{draw}/{shard}/{student}/likelihoods.parquet",
        manifest="results/curation/{corpus}/{responder}/{decoding}/draw-{draw}/{shard}/{student}/manifest.json",
        provenance="results/curation/{corpus}/{responder}/{decoding}/draw-{draw}/{shard}/{student}/provenance.json",
    log:
        "logs/estimate_likelihood/{corpus}/{responder}/{decoding}/draw-{draw}/{shard}/{student}.log",
    conda:
        "../../envs/generate.yaml"
    params:
        recipe=lambda wildcards: canonical_json({"system": CATALOGUE.students[wildcards.student].system}),
        code=code("estimate_likelihood"),
    shell:
        "python scripts/estimate_likelihood.py --problems {input.table} --responses {input.responses}"
        " --model results/models/{wildcards.student}/base --prompt {input.prompt} --recipe {params.recipe:q}"
        " --output {output.table} 2> {log}"
