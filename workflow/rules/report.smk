"""Report: scores, gaps with intervals, pictures, ledger and parity of all selected studies, as one page.

REQUIRED INPUTS: the manifests (and small tables) of all stages
OUTPUTS: results/report/{index.html, scores.csv, gaps.csv, *.svg, manifest.json, provenance.json}
"""


# `report` names the stage as a target and Snakemake's report flag in a rule, hence the rule for the target is below.
rule compare:
    input:
        ancient([f"{folder}/items.parquet" for folder in score_folders()]),
        ancient([f"{folder}/train_log.parquet" for folder in trained_folders()]),
        scores=manifests(score_folders()),
        models=manifests(trained_folders()),
        rendered=manifests(rendered_folders()),
        datasets=manifests(dataset_folders()),
        problems=manifests(problem_folders()),
        verdicts=manifests(teacher_answers("verdicts")),
        responses=manifests(teacher_answers("responses")),
        golds=manifests(gold_folders()),
        template="scripts/distill/report/templates/report.html.j2",
        signals=manifests(signal_folders()),
    output:
        page=report("results/report/index.html", caption="../report/index.rst", category="Page"),
        scores=result_table("scores"),
        gaps=result_table("gaps"),
        pictures=[
            picture("gap_by_student", picture="gap by student"),
            picture("score_by_arm", picture="score by arm"),
            picture("accuracy_by_level", picture="accuracy by level"),
            picture("training_curves", picture="training curves"),
        ],
        text="results/report/gaps.txt",
        manifest="results/report/manifest.json",
        provenance="results/report/provenance.json",
    log:
        "logs/compare.log",
    conda:
        "../../envs/report.yaml"
    params:
        recipe=studies_recipe(),
        code=code("compare"),
    shell:
        "python scripts/compare.py --scores {input.scores} --models {input.models} --rendered {input.rendered}"
        " --datasets {input.datasets} --problems {input.problems} --verdicts {input.verdicts}"
        " --golds {input.golds} --signals {input.signals} --responses {input.responses}"
        " --recipe {params.recipe:q} --output {output.page} 2> {log}"


rule report:
    input:
        rules.compare.output.page,
    localrule: True
