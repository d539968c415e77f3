"""Report: scores, gaps with intervals, pictures, ledger and parity of all selected studies, as one page.

REQUIRED INPUTS: the manifests (and small tables) of all stages
OUTPUTS: results/report/{index.html, scores.csv, gaps.csv, *.svg, manifest.json, provenance.json}
"""


def picture(name, **labels):
    return report(f"results/report/{name}.svg", caption=f"../report/{name}.rst", category="Pictures", labels=labels)


def result_table(name):
    return report(
        f"results/report/{name}.csv", caption=f"../report/{name}.rst", category="Tables", labels={"table": name}
    )


# `report` names the stage as a target and Snakemake's report flag in a rule, hence the rule for the target is below.
rule compare:
    input:
        [ancient(place.file("items.parquet")) for place in PLAN.scores()],
        [ancient(place.file("train_log.parquet")) for place in PLAN.trained()],
        scores=manifests(PLAN.scores()),
        models=manifests(PLAN.trained()),
        rendered=manifests(PLAN.rendered()),
        datasets=manifests(PLAN.datasets()),
        problems=manifests(PLAN.problems()),
        verdicts=manifests(PLAN.teacher_answers(lineage.Verdicts)),
        responses=manifests(PLAN.teacher_answers(lineage.Responses)),
        golds=manifests(PLAN.golds()),
        template=str(SCRIPTS / "distill/report/templates/report.html.j2"),
        signals=manifests(PLAN.signals()),
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
        program=program("compare"),
        recipe=jobs.studies_job(CATALOGUE),
        code=code("compare"),
    shell:
        "python {params.program:q} --scores {input.scores} --models {input.models} --rendered {input.rendered}"
        " --datasets {input.datasets} --problems {input.problems} --verdicts {input.verdicts}"
        " --golds {input.golds} --signals {input.signals} --responses {input.responses}"
        " --recipe {params.recipe:q} --output {output.page} 2> {log}"


rule report:
    input:
        rules.compare.output.page,
    localrule: True
