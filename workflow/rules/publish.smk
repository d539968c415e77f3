"""Publish: datasets, models and scores with cards, to a folder outside results/ or to the hub (`publish` of the settings)

REQUIRED INPUTS: none declared, so that nothing is made for it; results/ must be whole
OUTPUTS: none declared; the folder or repositories that the settings name
"""


# It reads the configuration, as Snakemake does, so it runs in Snakemake's own environment.
rule publish:
    log:
        "logs/publish.log",
    localrule: True
    params:
        python=sys.executable,
        program=lambda wildcards, threads: script("publish", spawned=True),
        settings=canonical_json(config),
        folder=CATALOGUE.settings.folder,
    run:
        shell("{params.python:q} {params.program:q} --folder={params.folder:q} --settings {params.settings:q} 2> {log}")
