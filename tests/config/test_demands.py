"""What jobs ask a cluster for, worked out by hand from the recipes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from helpers import REPOSITORY

from distill.config import jobs
from distill.config.catalogue import Catalogue
from distill.config.demands import UNKNOWN, Demand, dataset_rows, demand_of, parameters, serving_demand
from distill.config.lineage import (
    Contrasts,
    Dataset,
    Judgements,
    Likelihoods,
    Loglikelihoods,
    Responses,
    Suitability,
    TeacherLogprobs,
    TokenShift,
    TrainedModel,
)
from distill.config.load import load

Loaded = Callable[..., Catalogue]
COMMIT = "0" * 40
SERVER = {"url": "http://localhost:8000/v1"}
BIG = {"model": {"hub": "Qwen/QwQ-32B", "revision": COMMIT}, "prompt": "boxed", "decoding": "long"}
CORPUS = {"path": "resources/toy/train.jsonl", "columns": {"problem_id": "id"}, "start": 500, "stop": 4500, "shards": 4}
SFT = {"lr": 1e-3, "epochs": 3, "cutoff": 2000}
STUDENT = {"model": {"hub": "Qwen/Qwen2.5-7B", "revision": COMMIT}, "prompt": "boxed"}


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """Return a function that loads the shipped catalogue with a big teacher, a student of 7B and 4,000 problems."""
    monkeypatch.chdir(REPOSITORY)

    def catalogue(settings: dict | None = None, **files: dict) -> Catalogue:
        shutil.copytree(REPOSITORY / "config", tmp_path / "config", dirs_exist_ok=True)
        own = {"teachers": {"big": BIG}, "students": {"seven": STUDENT}, "corpora": {"many": CORPUS},
               "decodings": {"long": {"max_new_tokens": 8000, "temperature": 1.0}}, "trainings": {"sft": SFT},
               "datasets": {"all": {"corpus": "many", "teachers": ["big"]}}}  # fmt: skip
        for file, entries in own.items():
            path = tmp_path / f"config/catalogue/{file}.yaml"
            content = yaml.safe_load(path.read_text()) | entries | files.get(file, {})
            path.write_text(yaml.safe_dump(content))
        return load(tmp_path / "config", {"studies": ["toy"], **(settings or {})})

    return catalogue


def answers(kind: type[Responses] = Responses, teacher: str = "big", **names: str) -> Responses:
    return kind("many", f"teachers/{teacher}", names.pop("decoding", "long"), 0, "00-of-04", **names)


def test_a_generation_asks_by_the_size_of_its_model_and_its_shard(loaded: Loaded) -> None:
    engine = {"engine": "vllm", "vllm": {"tensor_parallel": 4}}
    catalogue = loaded(teachers={"quick": BIG | engine})
    # 1,000 problems of 8,000 tokens, at 2,000 / 32 tokens per second: 35.6 hours on one GPU, 8.9 on four.
    assert demand_of(catalogue, answers()) == Demand(1, 8000 + 80_000, 1440)
    assert demand_of(catalogue, answers(teacher="quick")) == Demand(4, 8000 + 80_000, 30 + 534)


def test_a_server_asks_for_its_gpus_and_those_that_ask_it_for_none(loaded: Loaded) -> None:
    serve = {"tensor_parallel": 4, "pipeline_parallel": 2, "nodes": 2, "hours": 8}
    catalogue = loaded(teachers={"near": BIG | {"engine": "openai", "serve": serve}})
    # Half of 64 GB passes through each node; eight GPUs write 1,000 responses of 8,000 tokens in 4.45 hours.
    assert serving_demand(catalogue, "teachers/near") == Demand(8, 8000 + 40_000, 480)
    assert demand_of(catalogue, answers(teacher="near")) == Demand(0, 8000, 30 + 267)
    with pytest.raises(ValueError, match="not served by the workflow"):
        serving_demand(catalogue, "teachers/big")


def test_a_served_model_asks_for_no_gpu_and_not_for_its_memory(loaded: Loaded) -> None:
    model = {"served": "Qwen/Qwen2.5-1.5B"}
    catalogue = loaded(teachers={"far": BIG | {"model": model, "engine": "openai", "server": SERVER}})
    assert demand_of(catalogue, answers(teacher="far")) == Demand(0, 8000, 30 + 100)


def test_a_judge_asks_for_its_short_replies(loaded: Loaded) -> None:
    catalogue = loaded(settings={"judge": {"teacher": "big", "max_tokens": 30}})
    assert demand_of(catalogue, answers(Judgements)) == Demand(1, 8000 + 80_000, 30 + 8)


def test_a_training_asks_by_what_it_reads(loaded: Loaded) -> None:
    more = {"few": SFT | {"max_updates": 100, "global_batch": 8}, "half": SFT | {"precision": "bfloat16"},
            "counted": SFT | {"max_tokens": 10**6}, "packed": SFT | {"max_updates": 100, "global_batch": 8,
            "batch_unit": "packs", "pack_tokens": 4000}, "learnt": SFT | {"max_updates": 100, "global_batch": 20_000,
            "batch_unit": "loss_tokens"}}  # fmt: skip
    catalogue = loaded(trainings=more, datasets={"some": {"corpus": "many", "teachers": ["big"], "rows": 1000}})
    # 6 x 7e9 x tokens at 2e13 per second, in minutes: 35 per million tokens.
    minutes = {("sft", "some"): 210, ("sft", "all"): 840, ("half", "all"): 168, ("few", "all"): 56,
               ("counted", "all"): 35, ("packed", "all"): 112, ("learnt", "all"): 140}  # fmt: skip
    for (training, dataset), expected in minutes.items():
        demand = demand_of(catalogue, TrainedModel("seven", training, dataset, 1))
        assert demand == Demand(1, 8000 + 35_000, 30 + expected), training


def test_only_weights_that_are_cut_up_ask_for_several_gpus(loaded: Loaded) -> None:
    cut = SFT | {"sharding": "fsdp"}
    catalogue = loaded(trainings={"cut": cut, "adapted": cut | {"lora": {}}})
    gpus = {name: demand_of(catalogue, TrainedModel("seven", name, "all", 1)) for name in ("sft", "cut", "adapted")}
    assert {name: demand.gpus for name, demand in gpus.items()} == {"sft": 1, "cut": 2, "adapted": 1}
    assert gpus["cut"].mem_mb == 8000 + 2 * 35_000  # each process reads the weights
    assert gpus["cut"].minutes == 30 + 420
    assert demand_of(catalogue, TrainedModel("toy-xs", "cut", "all", 1)).gpus == 1


def test_a_training_on_several_nodes_asks_for_as_many_gpus_on_each(loaded: Loaded) -> None:
    shared = SFT | {"nodes": 3}
    catalogue = loaded(trainings={"shared": shared, "cut": shared | {"sharding": "fsdp"}})
    for name in ("shared", "cut"):  # weights cut up need two
        demand = demand_of(catalogue, TrainedModel("seven", name, "all", 1))
        assert demand == Demand(3, 8000 + 35_000, 30 + 280), name


def test_what_only_reads_asks_for_less(loaded: Loaded) -> None:
    distil = SFT | {"distil": {"teacher": "big"}}
    catalogue = loaded(trainings={"distilled": distil})
    # 2 x 7e9 x 8e6 and 2 x 32e9 x 8e6 operations.
    rated = answers(Loglikelihoods, student="seven")
    assert demand_of(catalogue, rated) == Demand(1, 8000 + 35_000, 30 + 94)
    assert demand_of(catalogue, answers(Suitability, student="seven")) == Demand(1, 8000 + 35_000, 30 + 1120)
    assert demand_of(catalogue, answers(TokenShift, student="seven")) == demand_of(catalogue, rated)
    # 4,000 solutions of 4,096 tokens, before training and after it.
    for path in ("students/seven/base", "students/seven/sft/all/seed-1"):
        assert demand_of(catalogue, Likelihoods("many", path)) == Demand(1, 8000 + 35_000, 30 + 192)
    taught = TeacherLogprobs("seven", "distilled", "all")
    assert demand_of(catalogue, taught) == Demand(1, 8000 + 160_000, 30 + 427)


def test_an_on_policy_training_writes_reads_and_is_trained(loaded: Loaded) -> None:
    keys = {"teacher": "big", "start": "sft", "max_updates": 10, "max_new_tokens": 1000, "lr": 1e-4}
    catalogue = loaded(trainings={"followed": {"on_policy": keys}})
    # 160,000 tokens: 560 s to write, 848 s to read and to learn from.
    expected = Demand(1, 8000 + 35_000 + 160_000, 30 + 24)
    assert demand_of(catalogue, TrainedModel("seven", "followed", "all", 1)) == expected


def test_a_further_attempt_asks_for_more_but_not_for_more_than_a_day() -> None:
    demand = Demand(1, 9000, 500)
    assert [demand.memory(attempt) for attempt in (1, 2, 3)] == [9000, 18000, 27000]
    assert [demand.runtime(attempt) for attempt in (1, 2, 3)] == [500, 1000, 1440]
    assert [demand.runtime(attempt, start=5) for attempt in (1, 2, 3)] == [475, 950, 1425]


@pytest.mark.parametrize(
    ("name", "size"),
    [("Qwen/Qwen2.5-1.5B-Instruct", 1.5e9), ("HuggingFaceTB/SmolLM2-135M", 135e6), ("mistralai/Mixtral-8x7B", 56e9),
     ("Qwen/Qwen3-30B-A3B", 30e9), ("Qwen/Qwen3-1p7b", 1.7e9), ("microsoft/phi-4", UNKNOWN), ("a/llama-4bit", UNKNOWN)],
)  # fmt: skip
def test_the_size_of_a_hub_model_is_read_from_its_name(loaded: Loaded, name: str, size: float) -> None:
    model = STUDENT | {"model": {"hub": name, "revision": COMMIT}}
    assert parameters(loaded(students={"named": model}), "named") == pytest.approx(size)


def test_the_size_of_a_local_model_is_that_of_its_files(loaded: Loaded, tmp_path: Path) -> None:
    for folder, config, size in (("half", '{"dtype": "bfloat16"}', 500), ("whole", '{"torch_dtype": "float32"}', 250),
                                 ("odd", "[", 500)):  # fmt: skip
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "config.json").write_text(config)
        for part in ("a.safetensors", "b.safetensors"):
            (tmp_path / folder / part).write_bytes(b"0" * 500)
        catalogue = loaded(students={"here": STUDENT | {"model": {"path": str(tmp_path / folder)}}})
        assert parameters(catalogue, "here") == size, folder
    assert parameters(loaded(), "toy-xs") == pytest.approx(37_000, rel=0.05)  # as the README says
    catalogue = loaded()
    told = json.loads(jobs.job_of(catalogue, Contrasts()).recipe)["parameters"]
    assert told == {name: round(parameters(catalogue, name)) for name in ("toy-xs", "toy-m")}
    assert parameters(loaded(students={"here": STUDENT | {"model": {"path": str(tmp_path)}}}), "here") == UNKNOWN


def test_a_model_from_scratch_is_counted(loaded: Loaded) -> None:
    scratch = {"tokenizer_corpora": ["many"], "vocabulary": 1000, "hidden_size": 64, "layers": 2, "heads": 2,
               "head_dim": 32, "ffn_size": 192}  # fmt: skip
    catalogue = loaded(students={"new": STUDENT | {"model": {"scratch": scratch}}})
    assert parameters(catalogue, "new") == 1000 * 64 + 2 * (4 * 64 * 64 + 3 * 64 * 192)


def test_a_dataset_has_no_more_rows_than_its_problems(loaded: Loaded) -> None:
    catalogue = loaded(datasets={"more": {"corpus": "many", "teachers": ["big"], "rows": 5000}})
    assert [dataset_rows(catalogue, name) for name in ("all", "more")] == [4000, 4000]


def test_what_no_model_makes_has_no_demand(loaded: Loaded) -> None:
    with pytest.raises(TypeError):
        demand_of(loaded(), Dataset("all"))
