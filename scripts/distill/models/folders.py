"""Models on disk: what a model folder of `results/models/` says, and how tokenizer and weights are loaded from it.

A model folder has a `manifest.json`: of a *base* (a local path, a hub model, random weights, or a model behind a
server) it names the origin; of a *trained* model the weights lie beside it in `weights/` (all weights, or an adapter
on the base).
"""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill.models.tokenizer_files import read_tokenizer
from distill.runtime.errors import InputError, first_line
from distill.runtime.files import file_digest, read_json, text_digest

WEIGHTS = "weights"
_WEIGHTS, _TOKENIZER = (".safetensors", ".bin"), (".json", ".jinja", ".model", ".txt")  # ends of their files' names
_GIT_DIGITS = 40
_PARTS = {"base": {"chat_template", "dtype", "hub", "path", "revision"}, "trained": {"adapter", "base", "digest"}}
_CHUNK = 1 << 24  # bytes of a tensor held at once
_TYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
          "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool", "F8_E4M3": "float8_e4m3fn",
          "F8_E5M2": "float8_e5m2"}  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """Where the Hugging Face loaders find a model: a folder, or a hub id with its commit."""

    location: str
    revision: str | None
    dtype: str
    chat_template: str | None
    adapter: Path | None = None

    def folder(self) -> str:
        """Return the folder of the files; of a hub model the one in the hub cache. Raises InputError without them."""
        if self.revision is None:
            return self.location
        from huggingface_hub import snapshot_download

        try:
            return snapshot_download(self.location, **self.where)
        except OSError as error:
            raise InputError(
                f"{self.location}: not in the hub cache ({error}); run fetch_model.py on this disk"
            ) from None

    @property
    def where(self) -> dict[str, Any]:
        """Return the arguments that select the exact files; nothing is fetched from the network here."""
        return {"revision": self.revision, "local_files_only": True}


def _manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a model folder. Raises InputError for another one."""
    manifest = read_json(folder / "manifest.json")
    served = manifest.get("served") is not None
    wanted = set() if served else _PARTS.get(str(manifest.get("kind")), set())
    texts = (manifest.get(name) for name in ("base", "chat_template", "digest", "dtype", "hub", "path", "revision"))
    if (
        wanted - manifest.keys()
        or not isinstance(manifest.get("files", {}), dict)
        or not all(text is None or isinstance(text, str) for text in texts)
    ):
        raise InputError(f"{folder}/manifest.json: not the manifest of a model")
    return manifest


def origin(folder: Path) -> Origin:
    """Return the origin of the model in a model folder. Raises InputError for a served model, or another manifest."""
    manifest = _manifest(folder)
    if manifest.get("served") is not None:
        raise InputError(f"{folder}: {manifest['served']} is a served model without weights here; use `engine: openai`")
    if manifest.get("kind") == "base":
        template, dtype = manifest["chat_template"], manifest["dtype"]
        if manifest["hub"] is not None:
            return Origin(manifest["hub"], manifest["revision"], dtype, template)
        return Origin(manifest["path"] or str(folder / WEIGHTS), None, dtype, template)
    if manifest.get("kind") == "trained":
        base = origin(Path(manifest["base"]))
        if manifest["adapter"]:
            return Origin(base.location, base.revision, base.dtype, base.chat_template, folder / WEIGHTS)
        return Origin(str(folder / WEIGHTS), None, base.dtype, base.chat_template)
    raise InputError(f"{folder}/manifest.json: not the manifest of a model")


def model_digest(folder: Path) -> str:
    """Return the digest of a model's weights, tokenizer, template and precision; its name does not count.

    Raises InputError when the manifest is not that of a model.
    """
    manifest = _manifest(folder)
    if "digest" not in manifest:
        raise InputError(f"{folder}/manifest.json: not the manifest of a model")
    if manifest.get("kind") != "trained":
        return manifest["digest"]
    return text_digest(f"{manifest['digest']} {manifest['adapter']} {model_digest(Path(manifest['base']))}")


def weights_digest(folder: Path) -> str:
    """Return the sha256 over the names, types, shapes and bytes of all tensors in a folder of safetensors.

    The files are read without torch (their format: https://github.com/huggingface/safetensors#format). Raises
    InputError when one is no such file.
    """
    hasher = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            try:
                start = 8 + int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(start - 8))
                for name in sorted(header.keys() - {"__metadata__"}):
                    tensor = header[name]
                    hasher.update(f"{name} torch.{_TYPES[tensor['dtype']]} {tuple(tensor['shape'])}".encode())
                    first, end = tensor["data_offsets"]
                    file.seek(start + first)
                    for size in range(end - first, 0, -_CHUNK):
                        hasher.update(file.read(min(size, _CHUNK)))
            except (ValueError, KeyError, TypeError, AttributeError, MemoryError, OverflowError) as error:
                raise InputError(f"{path}: not a safetensors file ({first_line(error)})") from None
    return hasher.hexdigest()


def check_weights(folder: Path) -> None:
    """Raise InputError unless the weights of a model folder, and of its base, are those that the manifests state.

    Reads them once, with the small files that say how they are used.
    """
    manifest = _manifest(folder)
    if manifest.get("kind") != "trained":
        _check_files(folder, manifest, _WEIGHTS)
        return
    if weights_digest(folder / WEIGHTS) != manifest["digest"]:
        raise _altered(folder / WEIGHTS, folder, f"delete {folder / WEIGHTS} and run again")
    _check_files(folder, manifest, ("config.json",))
    if manifest["adapter"]:
        check_weights(Path(manifest["base"]))


def _check_tokenizer(folder: Path) -> None:
    """Check the files of a model's tokenizer; an adapter has that of its base."""
    manifest = _manifest(folder)
    if manifest.get("kind") == "trained" and manifest["adapter"]:
        _check_tokenizer(Path(manifest["base"]))
    else:
        _check_files(folder, manifest, _TOKENIZER)


def _check_files(folder: Path, manifest: dict[str, Any], endings: tuple[str, ...]) -> None:
    """Check those files of a model that end so against its manifest."""
    if manifest.get("served") is not None:
        return
    trained = manifest.get("kind") == "trained"
    at = folder / WEIGHTS if trained else Path(origin(folder).folder())
    remedy = f"delete {at} and run again" if trained else f"put it back, or delete {folder}/manifest.json and run again"
    for name, digest in manifest.get("files", {}).items():
        if name.endswith(endings) and not ((at / name).is_file() and _is_content(at / name, digest)):
            raise _altered(at / name, folder, remedy)


def _is_content(path: Path, digest: str) -> bool:
    """Whether a file has a sha256, or of a small file of the hub, which names it by its git hash, that one."""
    if len(digest) != _GIT_DIGITS:
        return file_digest(path) == digest
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == digest


def _altered(path: Path, folder: Path, remedy: str) -> InputError:
    return InputError(f"{path}: not what {folder}/manifest.json states: altered or cut short; {remedy}")


def is_served(folder: Path) -> bool:
    """Whether the model of a model folder is known by the name that a server has it under, without weights."""
    return read_json(folder / "manifest.json").get("served") is not None


def served_name(folder: Path) -> str:
    """Return the name under which a server has the model of a model folder. Raises InputError where none has it."""
    name = read_json(folder / "manifest.json").get("served")
    if name is None:
        raise InputError(f"{folder}: no served model; `engine: openai` needs `model.served`")
    return name


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer of a model folder, padding on the left, with the chat template that the recipe names.

    Raises InputError when the files cannot be read or there is no chat template.
    """
    at = origin(folder)
    _check_tokenizer(folder)
    tokenizer = read_tokenizer(at.location, at.where, Path(at.folder()))
    if at.chat_template is not None:
        tokenizer.chat_template = at.chat_template
    if not tokenizer.chat_template:
        raise InputError(f"{at.location}: the model has no chat template; name one under `model.chat_template`")
    size = _vocabulary_size(at)
    if max(tokenizer.vocab_size - 1, tokenizer.eos_token_id or 0) >= size:
        raise InputError(
            f"{at.location}: its weights have {size} tokens (`vocab_size` of config.json), and its tokenizer more; get "
            "both from one model"
        )
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id >= size:  # nothing is read of padding
        stops = stop_ids(tokenizer, load_generation_config(folder))
        tokenizer.pad_token_id = stops[0] if tokenizer.eos_token_id is None else tokenizer.eos_token_id
    return tokenizer


def _vocabulary_size(at: Origin) -> float:
    """Return how many tokens a model's configuration says that it has, infinitely many where it says none."""
    config = Path(at.folder()) / "config.json"
    return read_json(config).get("vocab_size", math.inf) if config.is_file() else math.inf


def load_model(folder: Path, dtype: str | None = None, merge: bool = True, attention: str | None = None) -> Any:
    """Load the weights of a model folder on the CPU; an adapter is merged into them unless `merge` is false.

    `dtype` overrides the recipe's, `attention` names a kernel. Raises InputError when the files cannot be read.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # its bars fill logs that hold our own progress lines
    at = origin(folder)
    check_weights(folder)
    check_text_only(at)
    kernel = {"attn_implementation": attention} if attention else {}
    try:
        model, found = AutoModelForCausalLM.from_pretrained(
            at.location, dtype=dtype or at.dtype, output_loading_info=True, **at.where, **kernel
        )
    except (OSError, ValueError, ArithmeticError, StrictDataclassError) as error:
        raise InputError(f"{at.location}: its weights cannot be loaded ({_one_line(error)})") from None
    except RuntimeError as error:
        if "mismatched" not in str(error):
            raise
        words = "its weights have not the shapes that its config.json says; get both anew"
        raise InputError(f"{at.location}: {words}") from None
    if lacking := sorted(found["missing_keys"]):
        raise InputError(
            f"{at.location}: of a {type(model).__name__} {len(lacking)} weights are not there ({lacking[0]} ...), and "
            "would be random numbers; take a model that writes text, whole"
        )
    if at.adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(at.adapter))
        model = model.merge_and_unload() if merge else model
    return model


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def check_text_only(at: Origin) -> None:
    """Raise InputError for a model that also sees or hears: adapters would hit its towers, and generation dies."""
    config = Path(at.folder()) / "config.json"
    towers = [k for k in ("vision_config", "audio_config") if config.is_file() and read_json(config).get(k)]
    if towers:
        raise InputError(
            f"{at.location}: config.json has `{towers[0]}`, a multimodal model, and only text models are loaded here; "
            "save its language model (`.language_model` and config.text_config) in a folder of its own and name that "
            "under `model.path`, or take a text model of the family"
        )


def stop_ids(tokenizer: Any, generation_config: Any = None) -> list[int]:
    """Return the ids of the tokens that end a response: the tokenizer's EOS and the generation config's.

    Raises InputError where there are none, or one is no token.
    """
    ids = getattr(generation_config, "eos_token_id", None)
    ids = [*(ids if isinstance(ids, list) else [ids]), tokenizer.eos_token_id]
    known = {*tokenizer.get_vocab().values()}
    if wrong := [i for i in ids if i is not None and (type(i) is not int or i not in known)]:
        raise InputError(
            f"{tokenizer.name_or_path}: `eos_token_id` of generation_config.json has {wrong[0]!r}, which is no token "
            "of its tokenizer; name the tokens there that end a response"
        )
    if not (found := sorted({i for i in ids if i is not None})):
        raise InputError(
            f"{tokenizer.name_or_path}: neither its tokenizer nor a generation_config.json names a token that ends a "
            "response; name one as `eos_token` of tokenizer_config.json"
        )
    return found


def load_generation_config(folder: Path) -> Any:
    """Load the generation config of a model folder, or None when the model has none. Raises InputError for no JSON."""
    from transformers import GenerationConfig

    at = origin(folder)
    if not (path := Path(at.folder()) / "generation_config.json").is_file():
        return None
    read_json(path)  # what the library says of other files names none
    try:
        return GenerationConfig.from_pretrained(at.location, **at.where)
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: cannot be taken ({_one_line(error)}); get the file anew, or take it away") from None
