"""Models: the weights that teachers and students start from, and the students after training.

REQUIRED INPUTS: a local model folder, a hub id, or problems (for a student from scratch); results/rendered/...
OUTPUTS: results/models/{model}/base/manifest.json (and weights/ of a student from scratch);
results/teacher_logprobs/{student}/{training}/{dataset}/{teacher_logprobs.parquet, manifest.json, provenance.json} where
the training has `distil`; results/plans/{student}/{plans.csv, manifest.json, provenance.json};
results/models/{student}/{training}/{dataset}/seed-{seed}/{weights/, train_log.parquet, ledger.parquet, manifest.json,
provenance.json}.
An on-policy training has the outputs of any other, and needs another one of the same student, dataset and seed.
A training keeps its state, undeclared, in state/ there until it is done, and its result in kept/ from then on.
"""


rule models:
    input:
        stage(PLAN.plans, PLAN.trained),
    localrule: True


rule fetch_model:
    input:
        model_files,
    output:
        manifest="results/models/{model}/base/manifest.json",
        provenance="results/models/{model}/base/provenance.json",
    log:
        "logs/fetch_model/{model}.log",
    wildcard_constraints:
        model=one_of(m for m in [*CATALOGUE.students, *CATALOGUE.teachers] if not jobs.is_scratch(CATALOGUE, m)),
    localrule: True  # compute nodes may be offline
    conda:
        "../../envs/data.yaml"
    params:
        program=program(lineage.BaseModel),
        recipe=recipe(lineage.BaseModel),
        code=code(lineage.BaseModel),
    shell:
        "exec python {params.program:q} --recipe {params.recipe:q} --output {output.manifest} 2> {log}"


rule initialise:
    input:
        tokenizer_manifests,
        tables=tokenizer_tables,
    output:
        weights=directory("results/models/{model}/base/weights"),
        manifest="results/models/{model}/base/manifest.json",
        provenance="results/models/{model}/base/provenance.json",
    log:
        "logs/initialise/{model}.log",
    wildcard_constraints:
        model=one_of(m for m in [*CATALOGUE.students, *CATALOGUE.teachers] if jobs.is_scratch(CATALOGUE, m)),
    conda:
        environment("train")
    params:
        program=program(lineage.BaseModel),
        recipe=recipe(lineage.BaseModel),
        code=code(lineage.BaseModel),
    shell:
        "exec python {params.program:q} --problems {input.tables} --recipe {params.recipe:q}"
        " --output {output.weights} 2> {log}"


# No input of `train`, not even as `ancient`: Snakemake looks at no parameter of a job below one that runs again, so a
# changed recipe would train nothing. The priority puts it before the trainings that are ready with it, and a training
# that comes later looks whether it was refused.
rule compare_plans:
    input:
        planned_manifests,
        planned_tables,
    output:
        table="results/plans/{student}/plans.csv",
        manifest="results/plans/{student}/manifest.json",
        provenance="results/plans/{student}/provenance.json",
    log:
        "logs/compare_plans/{student}.log",
    priority: 100
    conda:
        environment("train")
    params:
        program=program(lineage.Plans),
        recipe=recipe(lineage.Plans),
        code=code(lineage.Plans),
        inputs=planned_files,
    shell:
        "exec python {params.program:q} --inputs - <<< {params.inputs:q} --recipe {params.recipe:q} --output {output.table} 2> {log}"


rule compute_teacher_logprobs:
    input:
        base_weights,
        distil_teacher_weights,
        rendered="results/rendered/{student}/{training}/{dataset}/manifest.json",
        table=ancient("results/rendered/{student}/{training}/{dataset}/rendered.parquet"),
        student="results/models/{student}/base/manifest.json",
        teacher=distil_teacher_manifest,
    output:
        table="results/teacher_logprobs/{student}/{training}/{dataset}/teacher_logprobs.parquet",
        manifest="results/teacher_logprobs/{student}/{training}/{dataset}/manifest.json",
        provenance="results/teacher_logprobs/{student}/{training}/{dataset}/provenance.json",
    log:
        "logs/compute_teacher_logprobs/{student}/{training}/{dataset}.log",
    conda:
        environment("train")
    threads: model_threads(lineage.TeacherLogprobs)
    resources:
        **asked(lineage.TeacherLogprobs),
    params:
        program=program(lineage.TeacherLogprobs),
        recipe=recipe(lineage.TeacherLogprobs),
        code=code(lineage.TeacherLogprobs),
        teacher=untracked(distil_teacher_folder),
    shell:
        "exec python {params.program:q} --gpus {resources.gpu} --rendered {input.table} --teacher {params.teacher}"
        " --student results/models/{wildcards.student}/base --recipe {params.recipe:q} --output {output.table} 2> {log}"


rule train:
    input:
        rendered="results/rendered/{student}/{training}/{dataset}/manifest.json",
        table=ancient("results/rendered/{student}/{training}/{dataset}/rendered.parquet"),
        teacher=teacher_logprobs_manifest,
        logprobs=teacher_logprobs_table,
        model="results/models/{student}/base/manifest.json",
        weights=base_weights,
    output:
        weights=directory("results/models/{student}/{training}/{dataset}/seed-{seed}/weights"),
        log="results/models/{student}/{training}/{dataset}/seed-{seed}/train_log.parquet",
        ledger="results/models/{student}/{training}/{dataset}/seed-{seed}/ledger.parquet",
        manifest="results/models/{student}/{training}/{dataset}/seed-{seed}/manifest.json",
        provenance="results/models/{student}/{training}/{dataset}/seed-{seed}/provenance.json",
    log:
        "logs/train/{student}/{training}/{dataset}/seed-{seed}.log",
    benchmark:
        "logs/train/{student}/{training}/{dataset}/seed-{seed}.tsv"
    wildcard_constraints:
        training=one_of(name for name, training in CATALOGUE.trainings.items() if training.nodes == 1),
        seed=r"\d+",
    conda:
        environment("train")
    threads: train_threads
    resources:
        **asked(lineage.TrainedModel),
    params:
        program=program(lineage.TrainedModel),
        recipe=recipe(lineage.TrainedModel),
        execution=train_execution,
        code=code(lineage.TrainedModel),
        logprobs=untracked(teacher_logprobs_option),
        refusal=untracked(refusal),
    shell:
        "exec python {params.program:q} --gpus {resources.gpu} --rendered {input.table} --model results/models/{wildcards.student}/base"
        " {params.logprobs} --refusal {params.refusal} --seed {wildcards.seed} --recipe {params.recipe:q}"
        " --execution {params.execution:q} --output {output.weights} 2> {log}"


# The plugin starts an MPI job's shell line itself on the first node, in place of one step on one node; its `tasks` would
# be tasks of each GPU.
use rule train as train_on_nodes with:
    wildcard_constraints:
        training=one_of(name for name, training in CATALOGUE.trainings.items() if training.nodes > 1),
        seed=r"\d+",
    resources:
        **asked(lineage.TrainedModel)
        | {"nodes": training_nodes, "mpi": "srun", "tasks": training_nodes, "tasks_per_gpu": 0},


rule train_on_policy:
    input:
        teacher_weights=distil_teacher_weights,
        rendered=start_rows_manifest,
        table=start_rows_table,
        start=start_manifest,
        start_weights=start_weights,
        teacher=distil_teacher_manifest,
    output:
        weights=directory("results/models/{student}/{training}/{dataset}/seed-{seed}/weights"),
        log="results/models/{student}/{training}/{dataset}/seed-{seed}/train_log.parquet",
        ledger="results/models/{student}/{training}/{dataset}/seed-{seed}/ledger.parquet",
        manifest="results/models/{student}/{training}/{dataset}/seed-{seed}/manifest.json",
        provenance="results/models/{student}/{training}/{dataset}/seed-{seed}/provenance.json",
    log:
        "logs/train_on_policy/{student}/{training}/{dataset}/seed-{seed}.log",
    benchmark:
        "logs/train_on_policy/{student}/{training}/{dataset}/seed-{seed}.tsv"
    wildcard_constraints:
        training=one_of(CATALOGUE.on_policy),
        seed=r"\d+",
    conda:
        environment("train")
    threads: train_threads
    resources:
        **asked(lineage.TrainedModel),
    params:
        program=program(lineage.TrainedModel),
        recipe=recipe(lineage.TrainedModel),
        execution=train_execution,
        code=code(lineage.TrainedModel),
        start=untracked(start_folder),
        teacher=untracked(distil_teacher_folder),
        refusal=untracked(refusal),
    shell:
        "exec python {params.program:q} --gpus {resources.gpu} --rendered {input.table} --start {params.start}"
        " --teacher {params.teacher} --refusal {params.refusal} --seed {wildcards.seed} --recipe {params.recipe:q}"
        " --execution {params.execution:q} --output {output.weights} 2> {log}"
