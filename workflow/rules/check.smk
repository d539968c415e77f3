"""Check: every artefact of the chosen studies against its records, the configuration and the code. Makes nothing.

REQUIRED INPUTS: none declared, so that nothing is made for it
OUTPUTS: none; lines on the terminal, and exit code 1 when anything is missing, altered or out of date
"""


# It reads the configuration, as Snakemake does, so it runs in Snakemake's own environment.
rule check:
    log:
        "logs/check.log",
    localrule: True
    threads: lambda wildcards: min(workflow.cores, available_cpu_count())
    params:
        python=sys.executable,
        program=lambda wildcards, threads: script("check", spawned=True),
        settings=canonical_json(config),
        folder=CATALOGUE.settings.folder,
    run:
        shell(
            "{params.python:q} {params.program:q} --folder={params.folder:q} --settings {params.settings:q}"
            " --threads {threads} 2> {log}"
        )
