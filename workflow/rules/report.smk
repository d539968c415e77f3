"""Report: the sections of all analyses as one page, with the tables and pictures beside it, and the response browser.

REQUIRED INPUTS: results/contrasts; results/analyses; the template in scripts/distill/report/templates; of the browser
problems, responses, verdicts and judgements of the benchmarks, and its files in scripts/distill/report/browser
OUTPUTS: results/report/{index.html, {scores, means, breakdowns, gaps}.{csv, parquet}, gaps.txt, tables.tex, *.svg, manifest.json,
provenance.json};
results/report/browser/{index.html, data/, its scripts and style, manifest.json, provenance.json}
"""


# `report` names the stage as a target and Snakemake's report flag in a rule, hence the rule for the target is below.
rule render_page:
    input:
        manifests([lineage.Contrasts(), *ANALYSES]),
        [ancient(lineage.Contrasts().file(name)) for name in analysed.CONTRAST_TABLES],
        sections=[ancient(place.file("section.json")) for place in ANALYSES],
    output:
        page=report("results/report/index.html", caption="../report/index.rst", category="Page"),
        scores=report("results/report/scores.csv", **caption("Tables", "scores")),
        means=report("results/report/means.csv", **caption("Tables", "means")),
        breakdowns=report("results/report/breakdowns.csv", **caption("Tables", "breakdowns")),
        gaps=report("results/report/gaps.csv", **caption("Tables", "gaps")),
        pictures=[report(f"results/report/{name}.svg", **caption("Pictures", name)) for name in PICTURES],
        parquet=[f"results/report/{name}.parquet" for name in ("scores", "means", "breakdowns", "gaps")],
        text="results/report/gaps.txt",
        latex="results/report/tables.tex",
        manifest="results/report/manifest.json",
        provenance="results/report/provenance.json",
    log:
        "logs/render_page.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program(lineage.Report),
        recipe=recipe(lineage.Report),
        code=code(lineage.Report),
        template=template,
        template_digest=template_digest,
    shell:
        "exec python {params.program:q} --sections {input.sections} --contrasts results/contrasts"
        " --template {params.template:q} --recipe {params.recipe:q} --output {output.page} 2> {log}"


# The page only links to the browser, so neither waits for the other.
rule render_browser:
    input:
        browsed_manifests,
        browsed_files,
    output:
        page="results/report/browser/index.html",
        data=directory("results/report/browser/data"),
        manifest="results/report/browser/manifest.json",
        provenance="results/report/browser/provenance.json",
    log:
        "logs/render_browser.log",
    conda:
        "../../envs/report.yaml"
    params:
        program=program(lineage.Browser),
        recipe=recipe(lineage.Browser),
        code=code(lineage.Browser),
        assets=browser_assets,
        assets_digest=browser_digest,
    shell:
        "exec python {params.program:q} --assets {params.assets:q} --recipe {params.recipe:q} --output {output.page} 2> {log}"


rule report:
    input:
        rules.render_page.output.page,
        rules.render_browser.output.page,
    localrule: True
