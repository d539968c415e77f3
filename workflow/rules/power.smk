"""Power: what the design of each contrast can see, and what it would take to see the smallest gap of a study.

REQUIRED INPUTS: none declared, so that nothing is made for it; results/contrasts/gaps.csv is read if it is there
OUTPUTS: none; a table on the terminal
"""


# It reads the configuration, as Snakemake does, so it runs in Snakemake's own environment.
rule power:
    log:
        "logs/power.log",
    localrule: True
    params:
        python=sys.executable,
        program=lambda wildcards, threads: script("power", spawned=True),
        settings=canonical_json(config),
        folder=CATALOGUE.settings.folder,
    run:
        shell("{params.python:q} {params.program:q} --folder={params.folder:q} --settings {params.settings:q} 2> {log}")
