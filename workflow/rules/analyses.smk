"""Analyses: the tables of scores and gaps, and what else can be said of the results, each as a section of the report.

REQUIRED INPUTS: the manifests (and small tables) of the stages that an analysis needs
OUTPUTS: results/contrasts/{scores.csv, means.csv, breakdowns.csv, gaps.csv, gaps.txt, tables.tex, manifest.json, provenance.json};
results/analyses/{analysis}/{section.json, table.csv, manifest.json, provenance.json}, one per module of
scripts/distill/analyses
"""


rule analyses:
    input:
        artefacts([lineage.Contrasts(), *ANALYSES]),
    localrule: True


rule contrast:
    input:
        contrasted_files,
    output:
        scores="results/contrasts/scores.csv",
        means="results/contrasts/means.csv",
        breakdowns="results/contrasts/breakdowns.csv",
        gaps="results/contrasts/gaps.csv",
        text="results/contrasts/gaps.txt",
        latex="results/contrasts/tables.tex",
        manifest="results/contrasts/manifest.json",
        provenance="results/contrasts/provenance.json",
    log:
        "logs/contrast.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program(lineage.Contrasts),
        recipe=recipe(lineage.Contrasts),
        code=code(lineage.Contrasts),
        inputs=contrast_files,
    shell:
        "exec python {params.program:q} --inputs - <<< {params.inputs:q} --recipe {params.recipe:q} --output {output.scores} 2> {log}"


rule analyse:
    input:
        analysed_files,
    output:
        section="results/analyses/{analysis}/section.json",
        table="results/analyses/{analysis}/table.csv",
        manifest="results/analyses/{analysis}/manifest.json",
        provenance="results/analyses/{analysis}/provenance.json",
    log:
        "logs/analyse/{analysis}.log",
    wildcard_constraints:
        analysis=one_of(place.analysis for place in ANALYSES),
    conda:
        "../../envs/report.yaml"
    params:
        program=program(lineage.Analysis),
        recipe=recipe(lineage.Analysis),
        code=code(lineage.Analysis),
        inputs=analysis_inputs,
    shell:
        "exec python {params.program:q} --analysis {wildcards.analysis} --inputs - <<< {params.inputs:q}"
        " --recipe {params.recipe:q} --output {output.section} 2> {log}"
