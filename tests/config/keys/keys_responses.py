"""Keys that say how a model answers: prompts, engines, decodings, and the keys of vLLM."""

from pathlib import Path
from typing import Any

from asking import HERE, generated, on_server, rows_of, sent
from keys import ABSENT, Keys, key
from keys_servers import words
from planned import prompts

from distill.config import jobs
from distill.config.catalogue import Catalogue
from distill.config.lineage import Verdicts
from distill.config.plan import Plan
from distill.config.recipes import (
    Answering,
    DecodingRecipe,
    GenerateJob,
    NgramRecipe,
    Settings,
    StudentRecipe,
    TeacherRecipe,
    Templating,
    VllmRecipe,
)
from distill.models.folders import origin
from distill.responses.engines import load_engine, vllm
from distill.runtime.errors import InputError

MODEL = Path("models/base-xs")
DECODINGS = {"d": DecodingRecipe(max_new_tokens=8), "e": DecodingRecipe(max_new_tokens=9)}
SERVED = {"engine": "openai", "server": {"url": HERE}}


def answered(recipe: TeacherRecipe | StudentRecipe) -> Any:
    """The job of a teacher's or student's generation: what changes rows, and what does not."""
    kind = "students" if isinstance(recipe, StudentRecipe) else "teachers"
    catalogue = Catalogue(Settings(studies=("toy",)), decodings=DECODINGS, **{kind: {"x": recipe}})
    job = jobs.generate_job(catalogue, f"{kind}/x", getattr(recipe, "decoding", None) or "d")
    return job.canonical(), job.execution()


def as_teacher(recipe: Answering) -> Any:
    model = {"served": "x"} if recipe.engine == "openai" and recipe.serve is None else {"path": "m"}
    return answered(TeacherRecipe(**recipe.model_dump(), model=model, decoding="d"))


def prompt(recipe: Answering) -> Any:
    """The prompt that the rules name for a teacher or a student."""
    kind, name = ("students", "toy-xs") if isinstance(recipe, StudentRecipe) else ("teachers", "toy-long")
    return prompts(kind, name, recipe.prompt)


def student_jobs(recipe: StudentRecipe) -> Any:
    """The jobs beside the generation that show a student its system message."""
    from distill.config.recipes import TrainingRecipe

    training = TrainingRecipe(lr=1, cutoff=9)
    catalogue = Catalogue(Settings(studies=("toy",)), students={"x": recipe}, trainings={"t": training})
    return jobs.render_job(catalogue, "x", "t").canonical(), jobs.loglikelihood_job(catalogue, "x").canonical()


def rated_job(recipe: StudentRecipe) -> Any:
    return student_jobs(recipe)[1]


def rendered_job(recipe: StudentRecipe) -> Any:
    return student_jobs(recipe)[0]


def weights(recipe: TeacherRecipe | StudentRecipe) -> Any:
    kind = "students" if isinstance(recipe, StudentRecipe) else "teachers"
    return jobs.base_model(Catalogue(Settings(studies=("toy",)), **{kind: {"x": recipe}}), "x")


def published_rows(recipe: TeacherRecipe) -> Any:
    from keys_problems import published

    return published(recipe.published)


def decoding_name(recipe: TeacherRecipe) -> Any:
    return Catalogue(Settings(studies=("toy",)), teachers={"x": recipe}).decoding_of("x")


def engine(recipe: GenerateJob) -> Any:
    """Which engine is loaded, or why it cannot be."""
    try:
        return type(load_engine(MODEL, recipe)).__name__, jobs.environment(recipe)
    except InputError as error:
        return str(error), jobs.environment(recipe)


def environment(recipe: GenerateJob) -> Any:
    return jobs.environment(recipe)


def together(recipe: GenerateJob) -> Any:
    """The most rows that the model is run on at a time."""
    from distill.responses.engines import Request

    loaded, widths = load_engine(MODEL, recipe)._engine, set()
    loaded._model.register_forward_pre_hook(lambda _m, _a, k: widths.add(len(k["input_ids"])), with_kwargs=True)
    asked = [Request([{"role": "user", "content": f"{i} + {i}"}], i) for i in range(4)]
    assert len(list(loaded.generate(asked))) == 4
    return max(widths)


def vllm_keys(recipe: GenerateJob | VllmRecipe) -> Any:
    """The arguments of vLLM's `LLM`."""
    keys = recipe if isinstance(recipe, VllmRecipe) else recipe.vllm or VllmRecipe()
    return vllm.arguments(origin(MODEL), keys, 1)


def server_words(recipe: GenerateJob) -> Any:
    return words(recipe.serve) if recipe.serve else None


def guessed(recipe: NgramRecipe) -> Any:
    return vllm_keys(VllmRecipe(speculative_ngram=recipe))["speculative_config"]


def bodies(recipe: DecodingRecipe) -> Any:
    """What a server is asked."""
    return sent(GenerateJob(**SERVED, decoding=recipe))


def texts(recipe: DecodingRecipe) -> Any:
    """What transformers makes of it with a real model."""
    return generated(GenerateJob(decoding=recipe))


def for_vllm(recipe: DecodingRecipe) -> Any:
    return vllm.sampling(recipe, [1])


def draws(recipe: DecodingRecipe) -> Any:
    return list(Catalogue(Settings(studies=("toy",)), decodings={"d": recipe}).draws("teachers/x", "d"))


def earlier(recipe: DecodingRecipe) -> Any:
    plan = Plan(Catalogue(Settings(studies=("toy",)), decodings={"d": recipe}))
    return plan.earlier(Verdicts("c", "teachers/x", "d", 1, "00-of-01"))


ALL = (bodies, texts, for_vllm)
WARM = {"temperature": 2.0, "max_new_tokens": 16}
JOB = {"decoding": {"max_new_tokens": 8}}
SYSTEM = "1 + 2"


def _answering(probe: Any, served: dict[str, Any], *systems: Any) -> dict[str, Any]:
    """Return the keys that teachers and students share: each reaches the generation's job."""
    return {
        "prompt": key("boxed", probe, prompt),
        "system": key(SYSTEM, probe, *systems),
        "response_prefix": key("<think>", probe),
        **templating(probe, *systems),
        "engine": key("vllm", probe),
        "batch_size": key(2, probe),
        "max_errors": key(0.5, probe),
        "vllm": key({"quantization": "fp8"}, probe, engine="vllm"),
        "server": key({"url": HERE, "extra_body": {"user": "x"}}, probe, **served),
        "serve": key({"args": {"quantization": "fp8"}}, probe, engine="openai", serve={}),
    }


def templating(*probes: Any, **base: Any) -> dict[str, Any]:
    return {
        "template_args": key({"enable_thinking": False}, *probes, **base),
        "date": key("2026-01-31", *probes),
        "think_tags": key(("<begin>", "<end>"), *probes, **base),
    }


def by_template(recipe: Templating) -> Any:
    """What the job's template writes, of a model whose template writes the date, reads an argument, and thinks."""
    from distill.models.folders import load_tokenizer
    from distill.models.templates import ChatTemplate
    from distill.responses.engines import load_template

    tokenizer = load_tokenizer(MODEL)
    tokenizer.chat_template = (
        "{{ messages[0].content }} {{ strftime_now('%d %b') }}{{ enable_thinking|default(true) }}<begin>"
    )
    try:
        keys = (recipe.template_args, recipe.date, recipe.think_tags)  # all of a recipe that has no more
        has_more = isinstance(recipe, GenerateJob)
        template = load_template(tokenizer, recipe) if has_more else ChatTemplate(tokenizer, *keys)
    except InputError as error:
        return str(error)
    return template.prompt_text([{"role": "user", "content": "1"}]), template.opened


def texts_of(recipe: GenerateJob) -> Any:
    """What an engine's answer becomes."""
    from distill.responses.engines import Canonical, Completion

    class Saying:
        version, seeds, template = "1", "row", None

        def generate(self, _requests: Any) -> Any:
            yield 0, Completion("1 so 2 it is", "stop", 1, 1)

    return list(Canonical(Saying(), recipe).generate([]))


KEYS = {
    Answering: Keys({"prompt": "plain"}, _answering(as_teacher, SERVED)),
    TeacherRecipe: Keys({"model": {"path": "m"}, "decoding": "d", "prompt": "plain"}, {
        **_answering(answered, {**SERVED, "model": {"served": "x"}}),
        "model": key({"path": "n"}, weights),
        "decoding": key("e", answered, decoding_name),
        "published": key({"path": "published.jsonl", "columns": {"problem_id": "id", "response": "draft"}},
                         published_rows, model=None, decoding=None, prompt=ABSENT,
                         published={"path": "published.jsonl", "columns": {"problem_id": "id"}}),
    }),
    StudentRecipe: Keys({"model": {"path": "m"}, "prompt": "plain"}, {
        **_answering(answered, {}, rendered_job, rated_job),
        "server": key({"extra_body": {"user": "x"}}, answered, engine="openai", serve={}),
        "model": key({"path": "n"}, weights),
    }),
    GenerateJob: Keys({**JOB, "prompt": "plain"}, {
        "prompt": key("boxed", prompt),
        "system": key(SYSTEM, sent, generated, **SERVED),
        "response_prefix": key("<think>", rows_of, **SERVED),
        "template_args": key({"enable_thinking": False}, sent, **SERVED),
        "date": key("2026-01-31", by_template),
        "think_tags": key(("1", "2"), texts_of),
        "engine": key("vllm", engine, environment),
        "batch_size": key(2, together, same=generated),
        "max_errors": key(0.5, lambda r: on_server(r, refuse=1).error, same=rows_of, **SERVED),
        "vllm": key({"quantization": "fp8"}, vllm_keys, engine="vllm"),
        "server": key({"url": HERE, "extra_body": {"user": "x"}}, sent, **SERVED),
        "serve": key({"program": "sglang"}, server_words, environment, engine="openai", serve={}),
        "decoding": key({"max_new_tokens": 5}, sent, generated, **SERVED),
    }),
    Templating: Keys({}, templating(by_template, date="2026-01-01")),
    DecodingRecipe: Keys(WARM, {
        "temperature": key(0.0, *ALL),
        "top_p": key(0.05, *ALL),
        "top_k": key(1, *ALL),
        "min_p": key(0.9, *ALL),
        "max_new_tokens": key(5, *ALL),
        "stop": key(["e", "a", "1"], *ALL),
        "seed": key(1, bodies, texts),
        "draws": key(2, draws, same=texts),
        "until_correct": key(True, earlier, same=texts, draws=2),
    }),
    NgramRecipe: Keys({}, {
        "tokens": key(5, guessed),
        "longest": key(6, guessed),
        "shortest": key(3, guessed),
    }),
    VllmRecipe: Keys({}, {
        "max_model_len": key(256, vllm_keys),
        "quantization": key("fp8", vllm_keys),
        "speculative_ngram": key({}, vllm_keys),
        "engine_args": key({"swap_space": 1}, vllm_keys),
        "tensor_parallel": key(2, vllm_keys),
        "gpu_memory_utilization": key(0.5, vllm_keys),
        "max_num_batched_tokens": key(512, vllm_keys),
        "max_num_seqs": key(9, vllm_keys),
        "prefix_caching": key(False, vllm_keys),
        "enforce_eager": key(True, vllm_keys),
    }),
}  # fmt: skip
