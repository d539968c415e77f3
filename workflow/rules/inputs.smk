"""Inputs of the rules, stage by stage, as functions of wildcards."""

# Problems


def corpus_files(wildcards):
    return jobs.source_files(CATALOGUE.corpora[wildcards.corpus])


def ancient_corpus_files(wildcards):
    return [ancient(path) for path in corpus_files(wildcards)]


# Responses


def answering_manifest(wildcards):
    return lineage.model_place(wildcards.model_path).manifest


def answering_weights(wildcards):
    return weights_of(lineage.model_place(wildcards.model_path))


def earlier(kind):
    """Return an input: the tables of the draws that this one waits for."""
    return signed(lambda w: tables(PLAN.earlier(kind.named(dict(w))), kind.KIND))


def earlier_verdicts(wildcards):
    return manifests(PLAN.earlier(lineage.Verdicts.named(dict(wildcards))))


def published_files(wildcards):
    return jobs.source_files(jobs.published(CATALOGUE, wildcards.model_path))


# Verdicts


def agreement(wildcards):
    return manifests(PLAN.agreement(wildcards.corpus))


def agreement_table(wildcards):
    return tables(PLAN.agreement(wildcards.corpus), "agreement")


def voting(wildcards):
    voters = PLAN.voters(lineage.Agreement(wildcards.corpus))
    return [place for places in voters.values() for place in places]


def voters(wildcards):
    return manifests(voting(wildcards))


def voters_tables(wildcards):
    return tables(voting(wildcards), "responses")


def judge_place():
    return lineage.BaseModel(jobs.judge_of(CATALOGUE).teacher)


def judge_prompt(wildcards):
    return f"{CATALOGUE.settings.folder}/prompts/judges/{jobs.judge_prompt(CATALOGUE, wildcards.corpus)}.jinja"


def judge_manifest(wildcards):
    return judge_place().manifest


def judge_weights(wildcards):
    return weights_of(judge_place())


# Signals


def benchmark_statements(wildcards):
    return [path for name in CATALOGUE.benchmarks() for path in manifests(PLAN.statements(name))]


def benchmark_tables(wildcards):
    return [table for name in CATALOGUE.benchmarks() for table in tables(PLAN.statements(name), "statements")]


# Datasets


def mixed_problems(wildcards):
    return lineage.Problems(CATALOGUE.datasets[wildcards.dataset].corpus).manifest


def mixed_table(wildcards):
    return ancient(lineage.Problems(CATALOGUE.datasets[wildcards.dataset].corpus).file("problems.parquet"))


def mixed_manifests(wildcards):
    return [path for needed in PLAN.dataset_inputs(wildcards.dataset) for path in manifests(needed.places)]


def mixed_agreement(wildcards):
    return manifests(PLAN.agreement(CATALOGUE.datasets[wildcards.dataset].corpus))


def mixed_tables(wildcards):
    return [ancient(path) for needed in PLAN.dataset_inputs(wildcards.dataset) for path in needed.tables]


# Models


def planned_manifests(wildcards):
    return manifests(PLAN.renderings(wildcards.student).values())


def planned_tables(wildcards):
    return tables(PLAN.renderings(wildcards.student).values(), "rendered")


def distil_teacher(wildcards):
    further = CATALOGUE.on_policy.get(wildcards.training)
    return lineage.BaseModel((further or jobs.distillation(CATALOGUE, wildcards.training)).teacher)


def distil_teacher_manifest(wildcards):
    return distil_teacher(wildcards).manifest


def distil_teacher_weights(wildcards):
    return weights_of(distil_teacher(wildcards))


def teacher_logprobs(wildcards):
    """Return the place of what a training distils from, none where it does not."""
    distils = CATALOGUE.trainings[wildcards.training].distil
    return [lineage.TeacherLogprobs.named(dict(wildcards))] if distils else []


def teacher_logprobs_manifest(wildcards):
    return manifests(teacher_logprobs(wildcards))


def teacher_logprobs_table(wildcards):
    return tables(teacher_logprobs(wildcards), "teacher_logprobs")


def start(wildcards):
    """Return the place of the model that an on-policy training goes on from."""
    return PLAN.start(lineage.TrainedModel.named(dict(wildcards)))


def start_manifest(wildcards):
    return start(wildcards).manifest


def start_weights(wildcards):
    return weights_of(start(wildcards))


def start_rows_manifest(wildcards):
    return PLAN.rows_of(start(wildcards)).manifest


def start_rows_table(wildcards):
    return tables([PLAN.rows_of(start(wildcards))], "rendered")


def model_files(wildcards):
    return jobs.model_files(CATALOGUE, wildcards.model)


def tokenizer_corpora(wildcards):
    return jobs.base_model(CATALOGUE, wildcards.model).scratch.tokenizer_corpora


def tokenizer_manifests(wildcards):
    return manifests([lineage.Problems(name) for name in tokenizer_corpora(wildcards)])


def tokenizer_tables(wildcards):
    return tables([lineage.Problems(name) for name in tokenizer_corpora(wildcards)], "problems")


# Scores


# Scores show what a judge changes, whatever the policy.


SCORED = [lineage.Responses, lineage.Verdicts, *([lineage.Judgements] if CATALOGUE.settings.judge else [])]


def scored_manifests(wildcards):
    return [path for kind in SCORED for path in answers(kind)(wildcards)]


def scored_tables(wildcards):
    return [path for kind in SCORED for path in answer_tables(kind)(wildcards)]


SOLVED = [lineage.Responses, lineage.Verdicts]


def solvers_manifests(wildcards):
    return [path for kind in SOLVED for path in manifests(PLAN.solvers(kind, wildcards.corpus))]


def solvers_tables(wildcards):
    return [path for kind in SOLVED for path in tables(PLAN.solvers(kind, wildcards.corpus), kind.KIND)]


# Report


def browsed_manifests(wildcards):
    # Those of responses come before the manifests of their verdicts.
    return manifests(place for place in PLAN.browsed() if not isinstance(place, lineage.Responses))


def browsed_files(wildcards):
    """Return the tables of the response browser, and the provenances that it tells."""
    return lost([*PLAN.browsed_tables(), *PLAN.browsed_provenances()])


# Analyses. A kind of files is named in an analysis's NEEDS. Of what is large, or only says how things came about, the
# manifests beside it decide whether an analysis is made again.

ANALYSES = [lineage.Analysis(name) for name in analyses.names()]
PICTURES = [
    "forest",
    "score_by_size",
    "accuracy_by_level",
    "lengths",
    "mix_shares",
    "token_curve",
    "training_curves",
    "study_graph",
    "funnel",
]
PICTURES += ["suitability"] if PLAN.suitability() else []


def files_of(kind):
    """Return the files of a kind that analyses may need."""
    paths = analysed.files(PLAN, kind)
    if kind == "provenance":
        return [*map(ancient, manifests(beside_scores())), *lost(paths)]
    return lost(paths) if kind in analysed.BESIDE else paths


def beside_scores():
    """Return the places that no score or model is made from, so that who needs all artefacts must name them."""
    return [*PLAN.golds(), *PLAN.repeats(), *PLAN.signals(), *PLAN.likelihoods(), *PLAN.token_shift()]


def contrasted_files(wildcards):
    own = {"items": PLAN.scores(), "likelihoods": PLAN.likelihoods()}
    beside = [place.file(f"{name}.parquet") for name, places in own.items() for place in places]
    return [*lost(beside), *(path for kind in analysed.CONTRASTED for path in files_of(kind))]


def analysed_files(wildcards):
    needs = analyses.load(wildcards.analysis).NEEDS
    before = analysed.CONTRASTED if {*analysed.FROM_CONTRASTS} & {*needs} else ()  # the tables of contrasts
    return [path for kind in needs if kind not in before for path in files_of(kind)]


# All. Everything else is made on the way to the ends.

ENDS = [*PLAN.plans(), lineage.Contrasts(), *ANALYSES, lineage.Report(), lineage.Browser()]


def missed(wildcards):
    """Return a file that is not there of each place that lacks one, while anything is made.

    Snakemake alone makes no file again that only finished jobs have read. Where nothing is made, no job is finished, and
    to ask for all files once more would be a twentieth of planning.
    """
    places = [*PLAN.places(), *ENDS]
    lacking = [next((path for path in artefacts([place]) if not os.path.exists(path)), None) for place in places]
    return [path for path in lacking if path] if None in lacking else []
