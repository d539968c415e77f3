"""How a program laid its work out: what its provenance says, also of processes that it has started."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch.distributed import TCPStore

from distill.runtime import execution
from distill.runtime.record import Record


def provenance(folder: Path) -> dict[str, object]:
    return json.loads((folder / "provenance.json").read_text())


def test_the_last_value_counts_and_the_next_program_knows_nothing(tmp_path: Path) -> None:
    record = Record(__file__, "{}", {}, tmp_path / "one", {})
    execution.note(step_tokens=512, halved=0)
    execution.note(step_tokens=256)
    execution.count("halved")
    execution.count("restarts")
    record.write({})
    assert provenance(tmp_path / "one")["execution"] == {"step_tokens": 256, "halved": 1, "restarts": 1}
    assert "execution" not in json.loads((tmp_path / "one/manifest.json").read_text())
    Record(__file__, "{}", {}, tmp_path / "two", {}).write({})
    assert "execution" not in provenance(tmp_path / "two")


@pytest.mark.parametrize(("rank", "heard"), [("0", {"execution": {"step_tokens": 7}}), ("1", {})])
def test_the_first_process_of_a_group_is_heard(rank: str, heard: dict[str, object]) -> None:
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    program = "from distill.runtime import execution; execution.note(step_tokens=7); execution.tell()"
    group = {"RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port)}
    folder = Path(execution.__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], env={**os.environ, **group}, cwd=folder, check=True, timeout=60)
    execution.begin()
    execution.hear(store)
    assert execution.reading() == heard
