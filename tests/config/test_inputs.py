"""The files of a program as one JSON text: what is refused, and the names of files in the record."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import REPOSITORY

from distill.config.inputs import Inputs
from distill.config.recipes import CorpusRecipe, canonical_json
from distill.config.values import value_mistakes
from distill.runtime.errors import InputError


class Some(Inputs):
    lists: tuple[Path, ...]
    teachers: dict[str, tuple[Path, ...]] = {}  # noqa: RUF012 (pydantic copies it)
    one: Path | None = None


def test_files_keep_their_order_and_have_names() -> None:
    given = Some.read(canonical_json({"lists": ["z", "a"], "teachers": {"t": ["r1", "r0"], "s": []}, "one": "d/x"}))
    assert given.lists == (Path("z"), Path("a"))
    assert given.files() == {
        "lists/0": Path("z"), "lists/1": Path("a"), "teachers/t/0": Path("r1"), "teachers/t/1": Path("r0"),
        "one": Path("d/x"),
    }  # fmt: skip
    assert Some.read('{"lists": []}').files() == {}


SNAKEFILE = """
import json
rule names:
    output: "count"
    params: inputs=json.dumps({"lists": [f"results/scores/a long name, and 'quotes'/{i}.json" for i in range(20_000)]})
    shell: "exec python ../count.py --inputs - <<< {params.inputs:q} > {output}"
"""
COUNT = """
import sys
from pathlib import Path
from distill.config.inputs import Inputs
class Some(Inputs):
    lists: tuple[Path, ...]
print(sys.argv[1:], len(Some.read(sys.argv[2]).lists))
"""


def test_twenty_thousand_files_are_no_argument(tmp_path: Path) -> None:
    rules = [path.read_text() for path in (REPOSITORY / "workflow/rules").glob("*.smk")]
    given = [line for text in rules for line in text.splitlines() if "--inputs" in line and "params.inputs" in line]
    assert len(given) >= 8
    assert all("--inputs - <<< {params.inputs:q}" in line for line in given)
    (tmp_path / "work").mkdir()
    (tmp_path / "work/Snakefile").write_text(SNAKEFILE)
    (tmp_path / "count.py").write_text(COUNT)
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts"),
           "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}  # fmt: skip
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"]
    done = subprocess.run(command, cwd=tmp_path / "work", env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "work/count").read_text() == "['--inputs', '-'] 20000\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "--inputs: not JSON"),
        ("{}", "--inputs: lists: is missing"),
        ('{"lists": [], "list": []}', "--inputs: list: 'list' is no known key; did you mean 'lists'"),
        ('{"lists": [], "teachers": []}', "--inputs: teachers: "),
        ('{"lists": [3]}', r"--inputs: lists\.0: .*, not 3"),
        ("[]", "--inputs: "),
    ],
)
def test_inputs_that_are_something_else(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Some.read(text)


@pytest.mark.parametrize(
    ("path", "message"),
    [("http://a/b.jsonl", "is an address"), ("hf://datasets/a/b.parquet", "is an address"),
     ("s3://a/b.jsonl", "is an address"), ("file:///b.jsonl", "is an address"), ("~/b.jsonl", "write it in full"),
     ("~me/b.jsonl", "write it in full"), ("~", "write it in full"), ("$HOME/b.jsonl", "write it in full"),
     ("$DATA/b.csv", "write it in full"),
     (["a.jsonl", "~/b.csv"], "write it in full")],
    ids=str,
)  # fmt: skip
def test_a_path_that_no_reader_reads_is_refused_with_the_configuration(path: str | list[str], message: str) -> None:
    ((key, said),) = value_mistakes(CorpusRecipe(path=path))
    assert key == "path"
    assert message in said


@pytest.mark.parametrize("path", ["a.JSONL", "a.Csv.GZ", "a.ndjson", "data/*", "~a.jsonl", "a~/$b.json", "/a/b.csv"])
def test_a_path_that_may_be_read(path: str) -> None:
    assert list(value_mistakes(CorpusRecipe(path=path))) == []
