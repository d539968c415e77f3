"""Figures of parity as the page shows them."""

import pytest

from distill.analyses.contrast_rows import short_figures


@pytest.mark.parametrize(
    ("text", "shown"),
    [("as declared: epochs 0.921348 vs 3.987952; lr 1e-05 vs 0.001", "as declared: epochs 0.92 vs 3.99; lr 1e-05 vs "
      "0.001"), ("warmup 0.000123 vs 0.05", "warmup 0.00012 vs 0.05"), ("equal", "equal"),
     ("code 1.2.34567 vs 0.625", "code 1.2.34567 vs 0.625")],
)  # fmt: skip
def test_long_figures_become_short(text: str, shown: str) -> None:
    assert short_figures(text) == shown
