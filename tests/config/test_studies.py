"""The studies of the paper, counted by hand: arms, trainings, responses of teachers, what they share."""

from collections import Counter
from collections.abc import Iterable
from functools import cache

import pytest
from helpers import REPOSITORY

from distill.config.gaps import comparisons
from distill.config.jobs import job_of
from distill.config.lineage import Answers, Responses, TrainedModel
from distill.config.load import load
from distill.config.origins import unusable_files
from distill.config.plan import Plan

BENCHMARKS = 5
SHARDS = 4  # of the training problems
PAIR, QWEN = ("qwq-32b-preview", "qwen-32b"), ("qwen-72b", "qwen-3b")
LLAMA_GEMMA = ("llama-3-1-70b", "llama-3-1-8b", "gemma-2-27b", "gemma-2-9b")
FOUR = (*PAIR, *QWEN)
# Study -> students, trained arms, datasets, teachers that are run; and how many gaps of one student there are.
# E1: seven students with three seeds and three LoRA ones with one, two datasets each. And so on.
STUDIES = {
    "untouched": (11, 0, 0, (), 0),
    "long-cot": (10, (7 * 3 + 3) * 2, 2, PAIR, 10),
    "long-cot-as-published": (10, 10 * 2, 2, PAIR, 10),
    "long-cot-as-released": (7, 7 * 2, 2, PAIR, 7),
    "large-teacher": (10, (7 * 3 + 3) * 2, 2, QWEN, 10),
    "large-teacher-as-published": (10, 10 * 2, 2, QWEN, 10),
    "large-teacher-as-released": (7, 7 * 2, 2, QWEN, 7),
    "other-teachers": (7, 7 * 3 * 4, 4, LLAMA_GEMMA, 7 * 2),
    "other-teachers-as-published": (7, 7 * 4, 4, LLAMA_GEMMA, 7 * 2),
    "other-teachers-as-released": (7, 7 * 4, 4, LLAMA_GEMMA, 7 * 2),
    "math-experts": (2, 2 * 3 * 4, 4, FOUR, 2 * 2),
    "math-experts-as-published": (2, 2 * 4, 4, FOUR, 2 * 2),
    "math-experts-as-released": (2, 2 * 4, 4, FOUR, 2 * 2),
    "base-models": (10, 10 * 3 * 4, 4, FOUR, 10 * 2),
    "base-models-as-published": (10, 10 * 4, 4, FOUR, 10 * 2),
    "base-models-as-released": (10, 10 * 4, 4, FOUR, 10 * 2),
    "token-shift": (2, 2 * 4, 4, FOUR, 2 * 2),
    "mix-distillation": (2, 2 * 3 * 7, 7, (*FOUR, "r1-distill-qwen-32b"), 2 * 5),
    "mix-distillation-as-published": (2, 2 * 7, 7, (*FOUR, "r1-distill-qwen-32b"), 2 * 5),
    "mix-distillation-as-released": (2, 2 * 7, 7, (*FOUR, "r1-distill-qwen-32b"), 2 * 5),
    "mix-share": (1, 3 * 12, 12, FOUR, 8),
    "mix-share-as-published": (1, 12, 12, FOUR, 8),
    "mix-share-as-released": (1, 12, 12, FOUR, 8),
    "lengths": (2, 2 * 7, 7, (*FOUR, "r1-distill-qwen-32b"), 2 * 2),
    "perplexity": (10, 10, 10, FOUR, 0),
    "released": (3, 2 * 3 * 3 + 2 * 3, 3, (), 2 * 4),
    # Blocks of two students and three seeds, of which three datasets are for one of them; on-policy arms stand on more.
    "rivals": (2, 2 * 3 * 11, 11, ("qwq-32b-preview-sampled", "qwen-32b-sampled", "r1-distill-qwen-7b-sampled"), 2 * 9),
}  # fmt: skip
DRAWS = {"rivals": 4}
STARTS = {"rivals": 6}  # trainings that are no arms
OURS = {"toy", "published", "real", "real-lora", "real-recipe"}
CHOICE = {"choose": "first", "student": None}  # whatever is chosen, the problems are the same


@pytest.fixture(autouse=True)
def _from_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)  # local files are looked for from where one runs


@cache
def planned(*studies: str) -> Plan:
    return Plan(load(REPOSITORY / "config", {"studies": studies}))


def programs(plan: Plan) -> Counter[str]:
    return Counter(job_of(plan.catalogue, place).program for place in plan.places())


def test_every_study_is_counted_here() -> None:
    assert {path.stem for path in (REPOSITORY / "config/studies").glob("*.yaml")} == STUDIES.keys() | OURS


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_has_the_jobs_that_its_arms_need(name: str) -> None:
    students, trained, datasets, teachers, gaps = STUDIES[name]
    plan = planned(name)
    jobs, answered = programs(plan), (students + trained) * BENCHMARKS
    asked = len(teachers) * SHARDS * DRAWS.get(name, 1)
    published = 3 * SHARDS if name == "released" else 0
    on_policy = jobs["train_on_policy"]
    assert unusable_files(plan) == []
    assert len(plan.arms()) == students + trained
    assert jobs["train"] + on_policy == trained + STARTS.get(name, 0)
    assert jobs["mix"] + jobs["mix_suited"] == datasets
    assert jobs["score"] == answered
    assert jobs["generate"] == answered + asked
    assert jobs["fetch_responses"] == published
    assert jobs["verify"] == answered + asked + published
    assert jobs["count_repeats"] == answered + len(teachers) + published // SHARDS
    assert jobs["compare_plans"] == (students if trained and name != "released" else 2 if trained else 0)
    assert {p.model_path for p in plan.teacher_answers(Responses) if p.decoding != "published"} == {
        f"teachers/{teacher}" for teacher in teachers
    }
    study = plan.catalogue.studies[name]
    assert sum(len(comparisons(study, gap)) for gap in study.gaps.values()) == gaps


def test_signals_are_asked_for_where_likelihood_counts() -> None:
    assert programs(planned("perplexity"))["compute_loglikelihood"] == 10 * 4 * SHARDS
    assert programs(planned("perplexity"))["compute_suitability"] == 10 * 4 * SHARDS
    assert programs(planned("rivals"))["compute_loglikelihood"] == 2 * 3 * 4 * SHARDS
    assert programs(planned("rivals"))["compute_suitability"] == 2 * 3 * 4 * SHARDS


def test_token_shift_is_of_all_arms_and_sources() -> None:
    jobs = programs(planned("token-shift"))["compute_token_shift"]
    assert jobs == 2 * (4 + 1) * 5 + 2 * 4 * SHARDS  # five benchmarks of a shard, and four teachers


def answers(plans: Iterable[Plan]) -> list[set[Answers]]:
    return [set(plan.teacher_answers(Responses)) for plan in plans]


def test_responses_that_studies_share_are_made_once() -> None:
    names = [name for name in STUDIES if name != "rivals"]
    together = planned(*names)
    assert set(together.teacher_answers(Responses)) == set().union(*answers(planned(name) for name in names))
    run = (*FOUR, "r1-distill-qwen-32b", *LLAMA_GEMMA)
    assert len(together.teacher_answers(Responses)) == len(run) * SHARDS + 3 * SHARDS


def test_trainings_that_studies_share_are_made_once() -> None:
    mixes, sweep = planned("mix-distillation"), planned("mix-share")
    shared = set(mixes.trained()) & set(sweep.trained())
    names = ("math-long", "math-short", "math-large", "math-small", "math-mix-long", "math-mix-large")
    assert shared == {TrainedModel("qwen-3b", "paper-controlled", d, seed) for d in names for seed in (1, 2, 3)}
    assert set(planned("lengths").trained()) <= set(mixes.trained())


def test_all_studies_together_have_each_job_once() -> None:
    together = planned(*STUDIES)
    apart = set().union(*(planned(name).places() for name in STUDIES))
    assert set(together.places()) == apart
    assert len(together.places()) == len(apart)


@pytest.mark.parametrize("name", STUDIES)
def test_each_dataset_of_a_gap_has_its_pairs_teachers(name: str) -> None:
    """Arms that are compared and say nothing of other problems pair the same teachers under the same curation."""
    (study,) = planned(name).catalogue.studies.values()
    for gap in study.gaps.values():
        for compared in comparisons(study, gap) if "problems" not in gap.differs else ():
            recipes = [planned(name).catalogue.datasets[arm.dataset] for arm in compared.arms]
            if recipes[0].pairing == "both_correct":
                assert len({frozenset(recipe.teachers) for recipe in recipes}) == 1
                assert len({recipe.curation.model_copy(update=CHOICE) for recipe in recipes}) == 1


def test_every_corpus_of_the_hub_says_how_many_rows_it_has() -> None:
    """So that `power` and `plan` know it before anything is fetched."""
    catalogue = load(REPOSITORY / "config", {"studies": ["toy"]})
    assert [name for name, recipe in catalogue.corpora.items() if recipe.hub and recipe.size is None] == []
