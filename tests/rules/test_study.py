"""A small toy study, run for real: what it makes, and what a change re-makes."""

import csv
import json
import os
import re
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from helpers import TOY
from study import CATALOGUE, Study

from distill import analyses
from distill.config.shards import in_shard

STUDENTS = ("toy-xs", "toy-m")
DATASETS = ("toy-long-arm", "toy-short-arm", "toy-mix-long")
ARMS = [*(("toy-xs", d) for d in DATASETS), ("toy-m", "toy-short-arm")]
TEACHERS = ("toy-long", "toy-short")
SHARDS = ("00-of-02", "01-of-02")


# Which jobs there are, by their logs


def teachers(
    rule: str, names: tuple[str, ...] = TEACHERS, decoding: str = "toy-sampled", draws: tuple[int, ...] = (0, 1)
) -> set[str]:
    return {f"{rule}/toy-train/teachers/{t}/{decoding}/draw-{d}/{s}" for t in names for d in draws for s in SHARDS}


def asked(*rest: Any, **named: Any) -> set[str]:
    """Teachers' responses, and what is made of each."""
    made = teachers("generate", *rest, **named) | teachers("verify", *rest, **named)
    folders = {job.split("/", 1)[1].rsplit("/", 2)[0] for job in made}
    return made | {f"count_repeats/{folder}" for folder in folders} | ANSWERED_ANEW


def arms(student: str | None = None, dataset: str | None = None) -> list[str]:
    """Trained arms as they stand in paths, of one student or dataset only."""
    return [f"{s}/toy-sft/{d}/seed-1" for s, d in ARMS if student in (None, s) and dataset in (None, d)]


def answered(names: list[str], benchmark: str = "toy-test") -> set[str]:
    """What happens on a benchmark, for arms as they stand in paths."""
    made = {f"{r}/{benchmark}/students/{a}/toy-greedy/draw-0/00-of-01" for a in names for r in ("generate", "verify")}
    counted = {f"{r}/{benchmark}/students/{a}/toy-greedy" for a in names for r in ("score", "count_repeats")}
    return made | counted | analysed("draws") | {"render_browser"}


def analysed(*names: str) -> set[str]:
    """These analyses, and the page that is made of them."""
    return {f"analyse/{name}" for name in names} | {"render_page"}


# Whatever changes a score changes the tables and these.
TABULATED = analysed(
    "answers",
    "students",
    "likelihoods",
    "references",
    "changes",
    "budgets",
    "shares",
    "suitability",
    "token_curve",
) | {"contrast"}
SCORED = analysed("levels", "lengths", "graders", "cost") | TABULATED
# A training has its own analyses, and the lost rows, the funnel and the graph end with it.
TRAINED = SCORED | analysed("curves", "graph", "parity", "funnel", "ledger")
REGRADED = analysed("verdicts", "agreement", "teacher_list")
TITLED = analysed("token_shift", "teacher_list")  # they are told all students by size, whose rows they lack
ANSWERED_ANEW = REGRADED | analysed("draws")


def trained(names: list[str]) -> set[str]:
    return {f"train/{a}" for a in names} | planned(names) | answered(names) | TRAINED


def planned(names: list[str]) -> set[str]:
    """The plans of the students of these arms."""
    return {f"compare_plans/{a.split('/')[0]}" for a in names}


def rendered(names: list[str]) -> set[str]:
    return {"render/" + a.rsplit("/", 1)[0] for a in names}


def from_datasets(*only: str) -> set[str]:
    names = [a for d in only or DATASETS for a in arms(dataset=d)]
    return {f"mix/{d}" for d in only or DATASETS} | rendered(names) | trained(names) | analysed("teacher_list")


BASE = [f"{s}/base" for s in STUDENTS]


# What it makes


def test_the_report_holds_every_arm_and_gap(finished: Study) -> None:
    folder = finished.folder / "results/report"
    with open(folder / "scores.csv") as file:
        scores = list(csv.DictReader(file))
    assert {(r["student"], r["dataset"]) for r in scores} == {*ARMS, *((s, "base") for s in STUDENTS)}
    assert {r["n_problems"] for r in scores} == {"60"}
    with open(folder / "gaps.csv") as file:
        gaps = list(csv.DictReader(file))
    declared = [r for r in gaps if r["family"] == "declared"]
    assert [(r["gap"], r["student"]) for r in declared] == [
        ("long_cot_gap", "toy-xs"), *[("mix_long_gain", "toy-xs")] * 3,
    ]  # fmt: skip
    assert {r["parity"] for r in declared} == {"equal"}
    assert {r["reading"] for r in gaps} == {"these two models", "these models"}  # one seed
    gains = [(r["student"], r["plus"]) for r in gaps if r["family"] != "declared"]
    assert sorted(gains) == sorted(ARMS)
    assert (folder / "index.html").stat().st_size > 50_000


# What a change re-makes: these jobs and no others


def nothing(_: Study) -> set[str]:
    return set()


def learning_rate(study: Study) -> set[str]:
    study.edit(CATALOGUE + "trainings.yaml", **{"toy-sft": {"lr": 1e-3}})
    return trained(arms())


def cutoff(study: Study) -> set[str]:
    study.edit(CATALOGUE + "trainings.yaml", **{"toy-sft": {"cutoff": 300}})
    return rendered(arms()) | trained(arms())


def layout_of_a_training(study: Study) -> set[str]:
    layout = {"micro_batch": 2, "save_every": 7, "threads": 2, "report_to": ["wandb"], "sharding": "fsdp"}
    study.edit(CATALOGUE + "trainings.yaml", **{"toy-sft": layout})
    return set()


def a_declared_difference(study: Study) -> set[str]:
    study.replace("config/studies/toy.yaml", "  long_cot_gap:", "  long_cot_gap:\n    differs: [rows]")
    return planned(arms("toy-xs")) | TABULATED


def swapped_values(study: Study) -> set[str]:
    study.edit(CATALOGUE + "trainings.yaml", **{"toy-sft": {"warmup": 0.01, "weight_decay": 0.05}})
    return trained(arms())


def students_prompt(study: Study) -> set[str]:
    study.edit(CATALOGUE + "students.yaml", **{"toy-xs": {"prompt": "boxed"}})
    names = arms("toy-xs")
    return rendered(names) | trained(names) | answered(["toy-xs/base"])


def text_of_a_prompt(study: Study) -> set[str]:
    (study.folder / "config/prompts/plain.jinja").write_text("Now {{ problem }}\n")
    return asked() | from_datasets() | answered(BASE)


def one_teachers_temperature(study: Study) -> set[str]:
    study.edit(CATALOGUE + "decodings.yaml", hotter={"temperature": 1.0, "max_new_tokens": 240, "draws": 2})
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": {"decoding": "hotter"}})
    return asked(("toy-long",), "hotter") | from_datasets()


def temperature_of_a_decoding(study: Study) -> set[str]:
    study.edit(CATALOGUE + "decodings.yaml", **{"toy-sampled": {"temperature": 0.8}})
    return asked() | from_datasets()


def one_more_draw(study: Study) -> set[str]:
    study.edit(CATALOGUE + "decodings.yaml", **{"toy-sampled": {"draws": 3}})
    return asked(draws=(2,)) | from_datasets()


def further_draws_until_correct(study: Study) -> set[str]:
    study.edit(CATALOGUE + "decodings.yaml", **{"toy-sampled": {"draws": 4, "until_correct": True}})
    # The second draw was made without looking at the first, and is made again; the first stays.
    return asked(draws=(1, 2, 3)) | from_datasets()


def one_more_benchmark(study: Study) -> set[str]:
    columns = {"problem_id": "id", "level": "level"}
    entry = {"path": "resources/toy/test.jsonl", "columns": columns, "start": 60, "stop": 90, "benchmark": True}
    study.edit(CATALOGUE + "corpora.yaml", more=entry)
    study.replace("config/studies/toy.yaml", "- toy-test", "- toy-test\n- more")
    fetched = {"fetch_problems/more", "fetch_statements/more/00-of-01", "check_golds/more"}
    return fetched | answered([*arms(), *BASE], "more") | SCORED | analysed("ledger", "golds")


def one_more_student(study: Study) -> set[str]:
    study.edit(CATALOGUE + "students.yaml", other={"model": {"path": "resources/toy/base-m"}, "prompt": "plain"})
    study.replace("config/studies/toy.yaml", "  - toy-xs\n", "  - toy-xs\n  - other\n")
    names = [a.replace("toy-xs", "other") for a in arms("toy-xs")]
    return {"fetch_model/other"} | rendered(names) | trained(names) | answered(["other/base"]) | TITLED


def one_more_seed(study: Study) -> set[str]:
    study.replace("config/studies/toy.yaml", "seeds:\n  - 1", "seeds:\n  - 1\n  - 2")
    return trained([a.replace("seed-1", "seed-2") for a in arms("toy-xs")])


def alpha_of_a_mix(study: Study) -> set[str]:
    study.edit(CATALOGUE + "datasets.yaml", **{"toy-mix-long": {"alpha": 0.5}})
    return from_datasets("toy-mix-long")


def decontamination(study: Study) -> set[str]:
    study.edit(CATALOGUE + "corpora.yaml", **{"gsm8k-benchmark": {"benchmark": False}})  # its file is not here
    study.edit(CATALOGUE + "datasets.yaml", **{"toy-mix-long": {"curation": {"decontaminate": True}}})
    return {"find_contamination/toy-train"} | from_datasets("toy-mix-long") | analysed("signals")


def draws_that_a_student_finds_likely(study: Study) -> set[str]:
    curation = {"choose": "student_likely", "student": "toy-xs", "pass_rate": {"teacher": "toy-small", "at_least": 0.5}}
    study.edit(CATALOGUE + "datasets.yaml", **{"toy-mix-long": {"curation": curation}})
    rater = {"fetch_model/toy-small"} | asked(("toy-small",))
    rated = {f"{j}/toy-xs" for j in teachers("compute_loglikelihood")} | analysed("signals")
    return rated | rater | from_datasets("toy-mix-long")


def draws_that_suit_a_student(study: Study) -> set[str]:
    curation = {"choose": "student_rank_surprisal", "student": "toy-m"}
    study.edit(CATALOGUE + "datasets.yaml", **{"toy-mix-long": {"curation": curation}})
    return {f"{j}/toy-m" for j in teachers("compute_suitability")} | analysed("signals") | from_datasets("toy-mix-long")


def suitability_of_datasets(study: Study) -> set[str]:
    study.replace("config/studies/toy.yaml", "benchmarks:", "suitability: true\nbenchmarks:")
    taught = {"toy-xs": TEACHERS, "toy-m": TEACHERS[1:]}
    rated = {f"{j}/{s}" for s, names in taught.items() for j in teachers("compute_suitability", names)}
    return rated | analysed("signals", "suitability", "cost")  # the last reads when each was made


def token_shift(study: Study) -> set[str]:
    study.replace("config/studies/toy.yaml", "benchmarks:", "token_shift: true\nbenchmarks:")
    taught = {"toy-xs": TEACHERS, "toy-m": TEACHERS[1:]}
    sources = {f"{j}/{s}" for s, names in taught.items() for j in teachers("compute_token_shift", names)}
    first = {job for job in sources if "/draw-0/" in job}
    assert len(first) * 2 == len(sources)
    wrote = {f"compute_token_shift/toy-test/students/{arm}/toy-greedy/draw-0/00-of-01/{arm.split('/')[0]}"
             for arm in [*arms(), *BASE]}  # fmt: skip
    return first | wrote | analysed("token_shift", "cost")


def overlap_of_problems(study: Study) -> set[str]:
    study.replace("config/config.yaml", "studies:", "similarity: {overlap: 0.9}\nstudies:")
    return set()  # no dataset asks for it


def likelihoods_of_answers(study: Study) -> set[str]:
    study.replace("config/studies/toy.yaml", "benchmarks:", "likelihoods: [answer]\nbenchmarks:")
    rated = {f"rate_solutions/toy-test/students/{a}" for a in [*arms(), *BASE]}
    return {"write_solutions/toy-test"} | rated | TABULATED | analysed("likelihoods", "cost")


def weights_of_benchmarks(study: Study) -> set[str]:
    study.replace("config/studies/toy.yaml", "benchmarks:", "weights: by_problem\nbenchmarks:")
    return TABULATED


def tolerance_of_a_benchmark(study: Study) -> set[str]:
    study.edit(CATALOGUE + "corpora.yaml", **{"toy-test": {"tolerance": 0.01}})
    jobs = answered([*arms(), *BASE])
    return {j for j in jobs if j.split("/")[0] in ("verify", "score", "render_browser")} | SCORED


def judge(study: Study) -> set[str]:
    study.replace("config/config.yaml", "studies:", "judge: {teacher: toy-small, max_unclear: 1.0}\nstudies:")
    names = [*arms(), *BASE]
    judged = {f"judge/toy-test/students/{a}/toy-greedy/draw-0/00-of-01" for a in names}
    scored = {j for j in answered(names) if j.startswith("score")}
    return (
        {"fetch_model/toy-small", "render_browser"} | judged | scored | SCORED
    )  # datasets follow the rule, so nothing is trained


def regraded(benchmark: bool = True) -> set[str]:
    """All verdicts on what teachers answered, and on benchmarks too, and what follows from them; no response."""
    students = {j for j in answered([*arms(), *BASE]) if j.split("/")[0] in ("verify", "score", "render_browser")}
    return teachers("verify") | from_datasets() | REGRADED | (students if benchmark else set())


def graders_code(study: Study) -> set[str]:
    study.replace("scripts/distill/verdicts/grading.py", "Verdict.UNVERIFIABLE,", 'Verdict.UNVERIFIABLE + "",')
    return regraded()


def programs_code(study: Study) -> set[str]:
    study.replace("scripts/distill/scores/items.py", 'NO_LEVEL = "none given"', 'NO_LEVEL = "none"')
    return {j for j in answered([*arms(), *BASE]) if j.startswith("score")} | SCORED


def own_problems(study: Study, change: Callable[[list[dict]], None]) -> None:
    """Change rows of the corpus that students train on, in a copy of the study's own."""
    toy = study.folder / "resources/toy"
    if toy.is_symlink():
        toy.unlink()
        shutil.copytree(TOY, toy)
    rows = [json.loads(line) for line in (toy / "train.jsonl").read_text().splitlines()]
    change(rows)
    (toy / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def a_gold_corrected(study: Study) -> set[str]:
    own_problems(study, lambda rows: rows[7].update(answer="5" if rows[7]["answer"] == "4" else "4"))
    golds = {"fetch_problems/toy-train", "check_golds/toy-train"} | analysed("golds", "ledger")
    return golds | regraded(benchmark=False)


def of_shard(jobs: set[str], shard: str) -> set[str]:
    """Without the jobs of other shards."""
    return {job for job in jobs if not re.search(r"\d\d-of-\d\d$", job) or job.endswith(shard)}


def changed_statement(problem_id: str) -> set[str]:
    """What follows from another statement: only its shard is answered anew, and all verdicts."""
    shard = SHARDS[0] if in_shard(problem_id, 0, 2) else SHARDS[1]
    fetched = {"fetch_problems/toy-train", "check_golds/toy-train", f"fetch_statements/toy-train/{shard}"}
    return fetched | of_shard(asked(), shard) | regraded(benchmark=False) | analysed("golds", "ledger")


def a_problem_reworded(study: Study) -> set[str]:
    changed: list[str] = []

    def reword(rows: list[dict]) -> None:
        rows[7]["problem"] += " Tell me."
        changed.append(rows[7]["id"])

    own_problems(study, reword)
    return changed_statement(changed[0])


def a_problem_added(study: Study) -> set[str]:
    study.edit(CATALOGUE + "corpora.yaml", **{"toy-train": {"stop": 121}})
    rows = [json.loads(line) for line in (TOY / "train.jsonl").read_text().splitlines()]
    return changed_statement(rows[120]["id"])


def twice_as_many_shards(study: Study) -> set[str]:
    study.edit(CATALOGUE + "corpora.yaml", **{"toy-train": {"shards": 4}})
    shards = [f"{i:02d}-of-04" for i in range(4)]
    moved = {j.replace(SHARDS[0], s) for j in of_shard(asked(), SHARDS[0]) for s in shards}
    return {f"fetch_statements/toy-train/{s}" for s in shards} | moved | from_datasets()


def text_of_an_error(study: Study) -> set[str]:
    study.replace("scripts/distill/tables/parquet.py", "holds null", "holds nothing")
    study.replace("scripts/generate.py", "responses are errors, more than", "answers are errors, more than")
    return set()


def text_of_a_help(study: Study) -> set[str]:
    study.replace("scripts/generate.py", 'help="model folder with a manifest.json"', 'help="the model"')
    study.replace("scripts/distill/config/recipes/trainings.py", "Peak learning rate.", "Highest learning rate.")
    return set()


def test_the_provenance_says_how_long_models_were_at_work(finished: Study) -> None:
    root = finished.folder / "results"
    facts = [json.loads(path.read_text()) for path in root.rglob("provenance.json")]
    busy = {program: [f["busy_seconds"] for f in facts if f["program"] == f"{program}.py"]
            for program in ("generate", "train")}  # fmt: skip
    assert len(busy["train"]) == len(ARMS)
    assert min(busy["train"]) > 0.1
    # A model that was loaded has answered for its other jobs, which loaded nothing.
    assert sum(seconds > 0.1 for seconds in busy["generate"]) < len(busy["generate"])
    assert max(busy["generate"]) > 1
    assert all(f["busy_seconds"] < f["alive_seconds"] for f in facts)
    cost = json.loads((root / "analyses/cost/section.json").read_text())
    assert re.match(r"Models were at work for \d+\.\d % of the \d+ s", cost["blocks"][0]["text"][1])
    assert re.match(r"Time that jobs with models took: teachers' responses \d", cost["text"][0])


def key_of_provenance(study: Study) -> set[str]:
    study.replace("scripts/distill/runtime/record.py", '"cores": len(', '"usable": 1, "cores": len(')
    return set()


def prompt_that_nobody_uses(study: Study) -> set[str]:
    (study.folder / "config/prompts/other.jinja").write_text("Answer: {{ problem }}\n")
    (study.folder / "config/prompts/boxed.jinja").write_text("Box it: {{ problem }}\n")
    return set()


def comment_in_a_module(study: Study) -> set[str]:
    for name in ("verdicts/grading", "training/sft", "tables/parquet"):
        path = study.folder / f"scripts/distill/{name}.py"
        path.write_text("# A comment.\n" + path.read_text().replace('"""\n', '"""  # another\n', 1) + "\n# The end.\n")
    return set()


def batch_size(study: Study) -> set[str]:
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": {"batch_size": 8}})
    study.edit(CATALOGUE + "students.yaml", **{"toy-xs": {"batch_size": 8}})
    return set()


def title_of_the_study(study: Study) -> set[str]:
    study.replace("config/studies/toy.yaml", "title: ", "title: Again, ")
    return {"render_page", "render_browser"}


def labels(study: Study) -> set[str]:
    odd = "<b> $x$ & \u05d0"
    for kind in ("students", "teachers", "datasets", "trainings", "corpora"):
        names = {"students": ("toy-xs",), "teachers": TEACHERS, "datasets": DATASETS, "trainings": ("toy-sft",)}
        for name in names.get(kind, ("toy-train", "toy-test")):
            study.edit(f"{CATALOGUE}{kind}.yaml", **{name: {"label": f"{odd} {name[4:]}"}})
    every = {line.removeprefix("analyse/") for line in study.planned("--forceall") if line.startswith("analyse/")}
    shown = {name for name in every if analyses.is_labelled(name)}
    assert shown < every
    return analysed(*shown) | {"render_browser"}


def bound_on_errors(study: Study) -> set[str]:
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": {"max_errors": 0.5}})
    return set()


def template_of_the_page(study: Study) -> set[str]:
    study.replace("scripts/distill/report/templates/report.html.j2", "Nothing to show.", "Nothing.")
    return {"render_page"}


def script_of_the_browser(study: Study) -> set[str]:
    study.replace("scripts/distill/report/browser/view.js", "const ROWS = 50", "const ROWS = 40")
    return {"render_browser"}


def code_of_the_browser(study: Study) -> set[str]:
    study.replace("scripts/distill/report/browsing.py", "PAGE_CHARACTERS = 1 << 18", "PAGE_CHARACTERS = 1 << 17")
    return {"render_browser"}


def touched_inputs(study: Study) -> set[str]:
    for path in (study.folder / "config/prompts/plain.jinja", study.folder / "config/config.yaml"):
        os.utime(path)
    return set()


CHANGES = [nothing, learning_rate, cutoff, layout_of_a_training, a_declared_difference, swapped_values,
           students_prompt, text_of_a_prompt, one_teachers_temperature, temperature_of_a_decoding,
           one_more_draw, further_draws_until_correct, one_more_benchmark, one_more_student, one_more_seed,
           alpha_of_a_mix, decontamination, draws_that_a_student_finds_likely, draws_that_suit_a_student,
           suitability_of_datasets, token_shift, overlap_of_problems, judge,
           likelihoods_of_answers, weights_of_benchmarks, tolerance_of_a_benchmark,
           graders_code, programs_code, a_gold_corrected, a_problem_reworded, a_problem_added,
           twice_as_many_shards, text_of_an_error, text_of_a_help, key_of_provenance,
           prompt_that_nobody_uses, comment_in_a_module, batch_size, title_of_the_study, labels,
           bound_on_errors,
           template_of_the_page, script_of_the_browser, code_of_the_browser, touched_inputs]  # fmt: skip


def test_draws_until_correct_grow_by_files_only(study: Study) -> None:
    study.edit(CATALOGUE + "decodings.yaml", **{"toy-sampled": {"draws": 2, "until_correct": True}})
    study.run("datasets")
    for shard in SHARDS:
        root = study.folder / "results/responses/toy-train/teachers/toy-long/toy-sampled"
        first, second = (json.loads((root / f"draw-{d}/{shard}/manifest.json").read_text()) for d in (0, 1))
        assert second["asked"] + second["saved"] == first["asked"]
        assert 0 < second["saved"] < first["asked"]
    assert study.planned("datasets") == set()
    study.edit(CATALOGUE + "decodings.yaml", **{"toy-sampled": {"draws": 4}})
    mixed = {f"mix/{d}" for d in DATASETS}
    assert study.planned("datasets") == teachers("generate", draws=(2, 3)) | teachers("verify", draws=(2, 3)) | mixed
    study.replace("scripts/distill/verdicts/grading.py", "Verdict.UNVERIFIABLE,", 'Verdict.UNVERIFIABLE + "",')
    remade = {job for job in study.planned("datasets") if job.startswith("generate")}
    assert remade == teachers("generate", draws=(1, 2, 3))  # a changed grader may leave other problems to ask


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_remakes_exactly(study: Study, change: Callable[[Study], set[str]]) -> None:
    expected = change(study)
    found = study.planned()
    assert found == expected, {"missing": sorted(expected - found), "surplus": sorted(found - expected)}


def test_a_second_run_has_nothing_to_do(finished: Study) -> None:
    done = finished.snakemake()
    assert "Nothing to be done" in done.stdout + done.stderr


# What is deleted below results/, and the job that makes it. None is made from another, so each is missed for itself.
DELETED = {
    "datasets/toy-mix-long": "mix/toy-mix-long",
    "rendered/toy-m/toy-sft/toy-short-arm/rendered.parquet": "render/toy-m/toy-sft/toy-short-arm",
    "models/toy-xs/toy-sft/toy-long-arm/seed-1/weights": "train/toy-xs/toy-sft/toy-long-arm/seed-1",
    "responses/toy-test/students/toy-xs/base/toy-greedy/draw-0/00-of-01/responses.parquet":
        "generate/toy-test/students/toy-xs/base/toy-greedy/draw-0/00-of-01",
    "verdicts/toy-test/students/toy-xs/toy-sft/toy-short-arm/seed-1/toy-greedy/draw-0/00-of-01/manifest.json":
        "verify/toy-test/students/toy-xs/toy-sft/toy-short-arm/seed-1/toy-greedy/draw-0/00-of-01",
    "verdicts/toy-train/golds/golds.parquet": "check_golds/toy-train",
    "repeats/toy-train/teachers/toy-short/toy-sampled": "count_repeats/toy-train/teachers/toy-short/toy-sampled",
    "report/browser/data": "render_browser",
    "scores/toy-test/students/toy-m/base/toy-greedy/items.parquet": "score/toy-test/students/toy-m/base/toy-greedy",
}  # fmt: skip


def test_what_is_deleted_is_missed(study: Study) -> None:
    for place in DELETED:
        path = study.folder / "results" / place
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert set(DELETED.values()) <= study.planned()
