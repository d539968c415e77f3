"""The transformers engine against the library's own generate, and generate.py on a few rows."""

import json
import shutil
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import Any

import generate
import numpy as np
import pytest
from helpers import PROMPTS, TOY, base_model, manifest, problems_table, recipe
from hypothesis import given, settings
from hypothesis import strategies as st

from distill import tables
from distill.config.recipes import DecodingRecipe, GenerateJob
from distill.config.shards import in_shard, shard_names
from distill.models.sandbox import SANDBOX
from distill.responses.engines import Request, load_engine
from distill.responses.engines.vllm import check_names
from distill.runtime.errors import InputError

PROBLEMS = [
    "Ana sets the dial to 3. Go up 4. Where is it?",
    "The dial of Ben is at 9. Go times 7. Then go down 2 then up 5. What does the dial show?",
    "Gus turns the dial to 0. Go down 1. Next go times 3. Now go up 8. Where does the dial stop?",
    "Eli sets the dial to 5. Go times 9. Where is it?",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("model") / "base", TOY / "teacher-short")


def engine(model: Path, batch_size: int = 64, **decoding: Any) -> Any:
    decoding = {"max_new_tokens": 80, **decoding}
    return load_engine(model, GenerateJob(prompt="plain", batch_size=batch_size, decoding=DecodingRecipe(**decoding)))


def requests(problems: list[str] = PROBLEMS, seed: int = 0) -> list[Request]:
    return [Request([{"role": "user", "content": p}], seed + i) for i, p in enumerate(problems)]


def texts(loaded: Any, asked: list[Request]) -> list[str]:
    found = dict(loaded.generate(asked))
    assert sorted(found) == list(range(len(asked)))
    return [found[i].text for i in range(len(asked))]


def library(model: Path, asked: list[Request]) -> list[str]:
    """Return what the library's own generate answers, row by row."""
    import torch

    from distill.models.folders import load_model, load_tokenizer
    from distill.models.templates import ChatTemplate

    network, tokenizer = load_model(model).eval(), load_tokenizer(model)
    found = []
    for request in asked:
        ids = torch.tensor([ChatTemplate(tokenizer).prompt_ids(request.messages)])
        out = network.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=80)
        found.append(tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True))
    return found


@pytest.mark.parametrize("batch_size", [64, 1, 5])
def test_greedy_is_what_the_library_generates_row_by_row(model: Path, batch_size: int) -> None:
    asked = requests([f"{p} Go up {n}." for p in PROBLEMS for n in range(4)])  # with 5, rows join running ones
    expected = library(model, asked)
    assert texts(engine(model, batch_size), asked) == expected
    assert len({len(text) for text in expected}) > 3
    assert all("\\boxed{" in text for text in expected)


def test_layers_with_a_sliding_window(tmp_path: Path) -> None:
    own = shutil.copytree(TOY / "teacher-short", tmp_path / "own")
    config = json.loads((own / "config.json").read_text())
    config |= {"layer_types": ["full_attention", "sliding_attention", "full_attention"], "sliding_window": 24,
               "use_sliding_window": True}  # fmt: skip
    (own / "config.json").write_text(json.dumps(config))
    model = base_model(tmp_path / "base", own)
    asked = requests([f"{p} Go up {n}." for p in PROBLEMS for n in range(3)])
    expected = library(model, asked)
    assert expected != library(base_model(tmp_path / "full", TOY / "teacher-short"), asked)  # the window is felt
    assert texts(engine(model, 5), asked) == expected


def test_beside_one_very_long_row_others_do_not_join(model: Path) -> None:
    import torch

    from distill.models.folders import load_model
    from distill.responses.batch import Batch

    batch = Batch(load_model(model).eval(), 0, 8, "cpu")
    prompts = [[5] * 10] * 20
    with torch.inference_mode():
        assert batch.room(prompts, 0) == 8
        batch.rebuild(None, dict(enumerate(prompts[:8])))
        for _ in range(200):
            batch.append(torch.full((8,), 5))
            batch.step()
        for row in range(1, 8):
            batch.finish(row)
        assert batch.is_sparse()
        assert batch.room(prompts, 8) == 0  # 210 + 7 x 10 tokens in 8 x 210 places
        batch.finish(0)
        assert batch.room(prompts, 8) == 8


def test_a_sampled_row_does_not_depend_on_its_neighbours(model: Path) -> None:
    loaded = engine(model, temperature=3.0)
    asked = requests(PROBLEMS * 4)
    together = texts(loaded, asked)
    assert together == [texts(engine(model, temperature=3.0), [r])[0] for r in asked]
    assert together == texts(engine(model, batch_size=3, temperature=3.0), asked)
    assert len(set(together)) > len(PROBLEMS)  # other seeds, other texts


def test_sampling_follows_the_distribution() -> None:
    import torch

    from distill.responses.engines.transformers import Sampler

    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).repeat(4000, 1)
    rows = list(range(4000))

    def shares(**keys: Any) -> list[float]:
        sampler = Sampler(DecodingRecipe(max_new_tokens=1, **keys), rows)
        return (np.bincount(sampler.choose(logits, rows).numpy(), minlength=4) / 4000).tolist()

    assert shares(temperature=1.0) == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.03)
    sharp = np.array([0.5, 0.3, 0.15, 0.05]) ** 2
    assert shares(temperature=0.5) == pytest.approx((sharp / sharp.sum()).tolist(), abs=0.03)
    assert shares(temperature=1.0, top_k=2) == pytest.approx([0.625, 0.375, 0, 0], abs=0.03)
    assert shares(temperature=1.0, top_p=0.7) == pytest.approx([0.625, 0.375, 0, 0], abs=0.03)
    assert shares(temperature=1.0, min_p=0.2) == pytest.approx([0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0], abs=0.03)
    assert shares(temperature=0.0) == [1, 0, 0, 0]


def test_a_cut_off_row_and_a_prompt_that_fills_the_context(model: Path) -> None:
    loaded = engine(model, max_new_tokens=3)
    whole = requests()
    found = dict(loaded.generate([whole[0], Request([{"role": "user", "content": PROBLEMS[1] * 40}], 0)]))
    assert (found[0].finish_reason, found[0].response_tokens) == ("length", 3)
    assert (found[1].finish_reason, found[1].text) == ("error", "")
    assert "context of 512" in found[1].error


@pytest.mark.parametrize("stops", [(".\n",), ("no such", "7", "\\boxed{")], ids=["several tokens", "several texts"])
def test_stop_texts_end_a_response_and_are_cut_off(model: Path, stops: tuple[str, ...]) -> None:
    whole = texts(engine(model), requests())
    found = dict(engine(model, stop=stops).generate(requests()))
    for index, text in enumerate(whole):
        first = min(text.find(stop) for stop in stops if stop in text)
        assert (found[index].text, found[index].finish_reason) == (text[:first], "stop")
        assert found[index].response_tokens < 80
    assert len({len(c.text) for c in found.values()}) > 1


def test_what_the_template_has_begun_is_put_back(model: Path) -> None:
    whole = dict(engine(model).generate(requests()))
    keys = {"prompt": "plain", "decoding": {"max_new_tokens": 80}}
    with pytest.raises(InputError, match="but the chat template begins the response with ''; leave the key out"):
        load_engine(model, GenerateJob.model_validate({**keys, "response_prefix": "<think>\n"}))
    for prefix in ("<think>\n", whole[0].text[:1]):
        loaded = load_engine(model, GenerateJob.model_validate(keys))
        loaded._prefix = prefix
        assert loaded.seeds == "row"
        found = dict(loaded.generate([*requests(), Request([{"role": "user", "content": PROBLEMS[1] * 40}], 0)]))
        assert found[0].text == (prefix if prefix.startswith("<") else "") + whole[0].text
        assert found[0].response_tokens == whole[0].response_tokens
        assert (found[4].finish_reason, found[4].text) == ("error", "")


def arguments(
    folder: Path, model: Path, problems: list[str], output: Path, draw: int = 0, shard: str = "00-of-01",
    batch_size: int = 64, max_errors: float = 0.0, **decoding: Any,
) -> list[str]:  # fmt: skip
    """Return the command line that answers problems q0, q1, ... of a folder."""
    rows = [{"problem_id": f"q{i}", "problem": p, "answer": "7"} for i, p in enumerate(problems)]
    known = problems_table(folder / "problems.parquet", rows)
    keys = recipe(prompt="plain", batch_size=batch_size, decoding={"max_new_tokens": 60, **decoding})
    options = ["--model", str(model), "--prompt", str(PROMPTS / "plain.jinja"), "--draw", str(draw), "--shard", shard]
    options += ["--recipe", keys, "--execution", recipe(max_errors=max_errors), "--output", str(output)]
    return ["--statements", str(known), *options]


def run(folder: Path, model: Path, draw: int = 0, shard: str = "00-of-01", **decoding: Any) -> Path:
    output = folder / f"d{draw}-{shard}/responses.parquet"
    generate.main(arguments(folder, model, PROBLEMS * 3, output, draw, shard, **{"temperature": 3.0, **decoding}))
    return output


def test_every_problem_gets_one_row_per_draw_with_its_own_seed(tmp_path: Path, model: Path) -> None:
    first, again, second = (run(tmp_path / n, model, d) for n, d in (("a", 0), ("b", 0), ("c", 1)))
    assert first.read_bytes() == again.read_bytes()
    rows, others = (tables.read(p, tables.RESPONSES).to_pylist() for p in (first, second))
    assert [r["problem_id"] for r in rows] == sorted(f"q{i}" for i in range(12))
    assert len({r["seed"] for r in rows + others}) == 24
    assert {r["draw"] for r in others} == {1}
    assert [r["response"] for r in rows] != [r["response"] for r in others]
    assert manifest(first)["response_tokens"] == sum(r["response_tokens"] for r in rows)
    assert manifest(first)["ledger"] == {"rows_in": 12, "rows_out": 12, "lost": {}}
    assert {r["engine"] for r in rows} == {f"transformers {metadata.version('transformers')}"}
    assert sorted(p.name for p in first.parent.iterdir()) == [
        "kept",
        "manifest.json",
        "provenance.json",
        "responses.parquet",
    ]


def test_a_prompt_is_rendered_once(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered, render = Counter[str](), SANDBOX.render

    def counted(where: str, kind: str, *rest: Any) -> Any:
        rendered[kind] += 1
        return render(where, kind, *rest)

    monkeypatch.setattr(SANDBOX, "render", counted)
    run(tmp_path, model)
    assert rendered["prompt"] == 2 + 12  # the file and the chat template are tried once


def test_a_problem_that_spells_a_mark_of_turns_costs_itself(tmp_path: Path, model: Path) -> None:
    plain, output = run(tmp_path / "plain", model), tmp_path / "d/responses.parquet"
    problems = [*PROBLEMS, "What does <|end|> stand for?", "Go <|assistant|> 4."]
    generate.main(arguments(tmp_path, model, problems, output, max_errors=0.4, temperature=3.0))
    rows, others = (tables.read(path, tables.RESPONSES).to_pylist() for path in (output, plain))
    assert [row["finish_reason"] for row in rows[4:]] == ["error"] * 2
    assert rows[4]["error"] == "the user text spells <|end|>, a mark of turns; clean the problem"
    assert rows[:4] == [row for row in others if row["problem_id"] in ("q0", "q1", "q2", "q3")]
    with pytest.raises(InputError, match=r"spells <\|end\|>, a mark of turns; clean the problem"):
        generate.main(arguments(tmp_path, model, problems, output, max_errors=0.3, temperature=3.0))


def test_a_teacher_whose_template_leaves_out_the_system_text_is_not_asked(tmp_path: Path) -> None:
    shutil.copytree(TOY / "teacher-short", tmp_path / "silent")
    template = tmp_path / "silent/chat_template.jinja"
    silent = "{% set messages = messages | rejectattr('role', 'equalto', 'system') | list %}"
    template.write_text(silent + template.read_text())
    teacher, output = base_model(tmp_path / "base", tmp_path / "silent"), tmp_path / "d/responses.parquet"
    options = arguments(tmp_path, teacher, PROBLEMS, output)
    keys = json.loads(options[options.index("--recipe") + 1])
    for system in ("Be brief.", None):
        options[options.index("--recipe") + 1] = recipe(**keys, system=system)
        if system:
            with pytest.raises(InputError, match="the chat template leaves out or changes what the system says"):
                generate.main(options)
            assert not output.exists()
        else:
            generate.main(options)


def test_shards_together_are_the_corpus(tmp_path: Path, model: Path) -> None:
    whole = tables.read(run(tmp_path, model), tables.RESPONSES).to_pylist()
    parts = [tables.read(run(tmp_path, model, shard=s), tables.RESPONSES).to_pylist() for s in shard_names(2)]
    assert sorted((r for part in parts for r in part), key=lambda r: r["problem_id"]) == whole


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20), st.integers(1, 40))
def test_a_problem_is_in_exactly_one_shard(problem_id: str, count: int) -> None:
    assert sum(in_shard(problem_id, i, count) for i in range(count)) == 1


# Bad input


def test_vllm_where_it_is_not_installed(model: Path) -> None:
    with pytest.raises(InputError, match=r"vLLM is not installed here .*envs/vllm-cuda\.yaml.*`engine: transformers`"):
        load_engine(model, GenerateJob(engine="vllm", decoding=DecodingRecipe(max_new_tokens=9)))


def test_an_argument_that_vllm_does_not_have_is_named() -> None:
    known = {"kv_cache_dtype", "hf_overrides", "swap_space", "block_size"}
    check_names(known, known, "vllm 0.32.0")
    with pytest.raises(InputError, match=r"^vllm\.engine_args: 'kv_cache' is no argument of vllm 0\.32\.0; "
                                         r"did you mean 'kv_cache_dtype'\?$"):  # fmt: skip
        check_names({"block_size": 1, "kv_cache": 1}, known, "vllm 0.32.0")
    with pytest.raises(InputError, match=r"'zzz' is no argument of vllm 0\.32\.0; docs\.vllm\.ai lists them"):
        check_names({"zzz": 1}, known, "vllm 0.32.0")


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no-such: no config\.json, so this is no model folder"):
        base_model(tmp_path / "base", tmp_path / "no-such")


def test_a_model_without_a_chat_template(tmp_path: Path) -> None:
    shutil.copytree(TOY / "teacher-short", tmp_path / "bare")
    folder = base_model(tmp_path / "base", tmp_path / "bare")
    (tmp_path / "bare/chat_template.jinja").unlink()
    with pytest.raises(InputError, match=r"bare/chat_template\.jinja: not what .*base/manifest\.json states"):
        engine(folder)
    with pytest.raises(InputError, match=r"bare: the model has no chat template; name one under `model.chat_template`"):
        base_model(tmp_path / "again", tmp_path / "bare")


@pytest.mark.parametrize("shard", ["1-of-1", "02-of-02", "x"])
def test_shards_that_do_not_exist(tmp_path: Path, model: Path, shard: str) -> None:
    with pytest.raises(InputError, match="is no shard"):
        run(tmp_path, model, shard=shard)
