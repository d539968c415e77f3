"""Plan: what is still missing of the chosen studies, and what it will take: time, GPU hours, tokens, disk, price.

REQUIRED INPUTS: none declared, so that nothing is made for it; records of results/ and logs/ are read if they are there
OUTPUTS: none; tables on the terminal
"""


# It reads the configuration, as Snakemake does, so it runs in Snakemake's own environment.
rule plan:
    log:
        "logs/plan.log",
    localrule: True
    params:
        python=sys.executable,
        program=lambda wildcards, threads: script("plan", spawned=True),
        settings=canonical_json(config),
        folder=CATALOGUE.settings.folder,
        caps=lambda wildcards, threads: [f"--{name}={count}" for name, count in told_caps().items()],
    run:
        shell(
            "{params.python:q} {params.program:q} --folder={params.folder:q} --settings {params.settings:q}"
            " {params.caps} 2> {log}"
        )
