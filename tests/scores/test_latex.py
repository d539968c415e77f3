"""tables.tex: the figures of means.csv and gaps.csv, in words that LaTeX sets as they are."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from analyses import hand_made

from distill.scores.csvs import read_csv
from distill.scores.latex import escaped

TABLE = re.compile(r"\\begin\{longtable\}\{(l+)\}\n\\caption\{(.*?)\} \\\\\n(.*?)\\end\{longtable\}", re.DOTALL)


@pytest.mark.parametrize(
    ("text", "tex"),
    [("a_b & c", r"a\_b \& c"), ("95 %", r"95 \%"), ("<0.001", r"\textless{}0.001"), ("-12.4", "$-$12.4"),
     ("-16.9 to -7.9", "$-$16.9 to $-$7.9"), ("toy-1 - toy-2", "toy-1 - toy-2"), ("1e-4", "1e-4"),
     ("\\x{}", r"\textbackslash{}x\{\}"), ("$5 #1 ~ ^", r"\$5 \#1 \textasciitilde{} \textasciicircum{}"),
     ("\u2212 3 \u00d7", r"$-$ 3 $\times$"), ("", ""), ("[A] *", "{[}A] {*}")],
)  # fmt: skip
def test_signs_of_latex_are_text(text: str, tex: str) -> None:
    assert escaped(text) == tex


@pytest.fixture
def made(tmp_path: Path) -> Path:
    files = hand_made.results(tmp_path)
    return hand_made.tabulated(tmp_path, files, likelihoods=["solution"])


def test_every_arm_and_contrast_stands_in_it(made: Path) -> None:
    text = (made / "tables.tex").read_text()
    tables = re.findall(
        r"\\begin\{longtable\}\{(l+)\}\n\\caption\{(.*?)\} \\\\\n(.*?)\\end\{longtable\}", text, re.DOTALL
    )
    means, gaps = (read_csv(made / name) for name in ("means.csv", "gaps.csv"))
    assert tables[0][1] == "study: accuracy in points"
    lines = {caption: [line for line in body.splitlines() if line.endswith(r" \\")][1:] for _, caption, body in tables}
    assert len(lines[tables[0][1]]) == len(means)
    assert sum(map(len, lines.values())) == len(means) + len(gaps)
    for columns, caption, _ in tables:
        assert {line.count(" & ") for line in lines[caption]} == {len(columns) - 1}
    hard = next(line for line in lines[tables[0][1]] if " & hard & " in line)
    assert [cell.strip() for cell in hard.removesuffix(r"\\").split("&")][:7] == [
        "s",
        "hard",
        "t",
        "b",
        "2",
        "4",
        "75.0",
    ]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")
def test_latex_reads_it(made: Path) -> None:
    document = r"\documentclass{article}\usepackage{booktabs,longtable}\begin{document}\input{tables}\end{document}"
    (made / "paper.tex").write_text(document)
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "paper.tex"], cwd=made, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-2000:]
