"""Weights of others looked through before they are used: with a number that is none every answer is empty.

The files are read without torch (their format: https://github.com/huggingface/safetensors#format), a piece at a time.
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path

from distill.runtime.errors import InputError, first_line

_PIECE = 1 << 26  # bytes
# Type -> bytes of a number, and the bits of its exponent, which are all set where it is infinite or none.
_EXPONENTS = {"F64": (8, 0x7FF0000000000000), "F32": (4, 0x7F800000), "F16": (2, 0x7C00), "BF16": (2, 0x7F80)}


def check_finite(folder: Path) -> None:
    """Raise InputError that names the first tensor of a model folder which holds a number that is not finite.

    Masks may be infinite. Types of quantised weights are passed over.
    """
    for path in sorted(folder.glob("*.safetensors")):
        for name in _not_finite(path):
            raise InputError(f"{path}: {name} holds numbers that are not finite; get the weights anew, or other ones")


def check_read(values: Iterable[float], model: Path | str, row: str) -> None:
    """Raise InputError that names model and row where a model's own numbers for a row are not finite.

    Finite weights may still overflow: in float16, or with an attention that the library computes in another type.
    """
    if not all(map(math.isfinite, values)):
        raise InputError(
            f"{model}: what it computes for {row} is not finite, so its numbers overflow there; try other weights, or "
            "leave the row out"
        )


def _not_finite(path: Path) -> list[str]:
    """Return the first such tensor of a file, in a list; none where all is well."""
    with open(path, "rb") as file:
        try:
            size = int.from_bytes(file.read(8), "little")
            if size > path.stat().st_size:
                raise ValueError("it is shorter than it says")
            header = json.loads(file.read(size))
            places = sorted(
                (*tensor["data_offsets"], name, _EXPONENTS[tensor["dtype"]])
                for name, tensor in header.items()
                if name != "__metadata__" and tensor["dtype"] in _EXPONENTS and "mask" not in name
            )
            if max((end for _, end, *_ in places), default=0) > path.stat().st_size - 8 - size:
                raise ValueError("it is shorter than it says")
            for start, end, name, (width, exponent) in places:
                file.seek(8 + size + start)
                if not all(_is_finite(file.read(n), width, exponent) for n in _pieces(end - start)):
                    return [name]
        except (ValueError, KeyError, TypeError, AttributeError, MemoryError, OverflowError, RecursionError) as error:
            raise InputError(f"{path}: not a whole safetensors file ({first_line(error)}); get it anew") from None
    return []


def _pieces(size: int) -> list[int]:
    return [min(_PIECE, size - start) for start in range(0, size, _PIECE)]


def _is_finite(content: bytes, width: int, exponent: int) -> bool:
    import numpy as np

    numbers = np.frombuffer(content, f"<u{width}")
    return not bool(((numbers & exponent) == exponent).any())
