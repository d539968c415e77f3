"""What looking at digests costs a job, and how fast `check.py` reads, in CPU seconds of one process.

The toy student base-m answers 64 tokens with the transformers engine's own call; the digest of its weights is set
against 100 such responses (a short shard), that of a response's bytes (1,000, in a file of `--rows`) against one. The
speed is that of sha256 over bytes in the page cache. One run, no training: a training reads its rows more than once.

Run as: python benchmarks/check.py [--rows 20000] [--check]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
GOAL_SHARE, GOAL_MB_PER_SECOND = 0.03, 300


def cpu(work: Callable[[], Any]) -> float:
    """Return the CPU seconds of a call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Measure, print the figures and the goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000, help="responses")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a goal is missed")
    args = parser.parse_args()
    import torch
    from transformers import AutoModelForCausalLM

    from distill.models.folders import weights_digest
    from distill.runtime.files import file_digest

    torch.set_num_threads(1)
    source = ROOT / "resources/toy/base-m"
    model = AutoModelForCausalLM.from_pretrained(source).eval()
    ids = torch.randint(5, 50, (1, 64))
    model.generate(ids, max_new_tokens=2, min_new_tokens=2, do_sample=False)
    generated = cpu(lambda: model.generate(ids, max_new_tokens=64, min_new_tokens=64, do_sample=False))
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bytes"
        path.write_bytes(torch.randint(0, 256, (args.rows * 1000,), dtype=torch.uint8).numpy().tobytes())
        read = cpu(lambda: file_digest(path))
        size = path.stat().st_size
    loaded = cpu(lambda: weights_digest(source))
    # A short shard: 100 responses of 64 tokens. Weights are looked at once, so longer ones pay less.
    share = loaded / (100 * generated)
    row = read / args.rows / generated
    speed = size / 1e6 / read
    print(f"digest of weights: {loaded:.4f} s for {weights / 1e6:.1f} MB; a response of 64 tokens: {generated:.4f} s")
    print(f"digest of bytes: {speed:.0f} MB/s; of one response of 1,000 bytes: {read / args.rows * 1e6:.1f} us")
    goals = {
        f"weights of a job of 100 responses: {share:.3%} (<= {GOAL_SHARE:.0%})": share <= GOAL_SHARE,
        f"tables, of a generation's time: {row:.4%} (<= {GOAL_SHARE:.0%})": row <= GOAL_SHARE,
        f"reading: {speed:.0f} MB/s (>= {GOAL_MB_PER_SECOND} MB/s)": speed >= GOAL_MB_PER_SECOND,
    }
    for text, met in goals.items():
        print(f"goal {text} {'met' if met else 'missed'}")
    if args.check and not all(goals.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
