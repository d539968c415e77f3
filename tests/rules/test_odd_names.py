"""Folders, files and prompts whose names a shell would take for commands: real jobs run, no stray file arises."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from helpers import REPOSITORY, TOY, jsonl
from study import Study

# An executor of a cluster that starts nothing.
CLUSTER = """
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings
common_settings = CommonSettings(non_local_exec=True, implies_no_shared_fs=False, job_deploy_sources=False)
class Executor(RemoteExecutor):
    def run_job(self, job): raise AssertionError("a job was started")
    async def check_active_jobs(self, active_jobs): yield
    def cancel_jobs(self, active_jobs): pass
"""
# Signs of the shell, of Snakemake's and Python's formats, of globs; what is not ASCII; spaces and a dash at the ends.
ODD = "-a b$(touch X)'c\"; touch Y;*?[z]`touch Z`&|<>é数%s #\\n!~ "
DASH = "-x"  # argparse takes it for an option, as it does nothing that holds a space
STRAY = ("X", "Y", "Z")


class OddStudy(Study):
    """A study of six problems whose configuration, data, models, templates and prompts have odd names."""

    @classmethod
    def make(cls, folder: Path, odd: str = ODD, config: str = DASH) -> "OddStudy":
        study = cls.whole(folder)
        study.config = config
        (folder / "config").rename(folder / config)
        (folder / odd).mkdir()
        rows = [json.loads(line) for line in (TOY / "train.jsonl").read_text().splitlines()[:6]]
        for name in (odd + ".jsonl", "*.jsonl"):
            jsonl(folder / odd / name, rows)
        shutil.copytree(TOY / "base-xs", folder / odd / "model")
        shutil.copy(TOY / "base-xs/chat_template.jinja", folder / odd / odd)
        for name in (DASH, odd):
            shutil.copy(folder / config / "prompts/plain.jinja", folder / config / f"prompts/{name}.jinja")
        shutil.copy(folder / config / "prompts/judges/equal.jinja", folder / config / f"prompts/judges/{odd}.jinja")
        model = {"path": f"{odd}/model", "chat_template": f"{odd}/{odd}"}
        study.add("corpora", own={"path": f"{odd}/{odd}.jsonl", "columns": {"problem_id": "id"}})
        study.add("decodings", short={"max_new_tokens": 4})
        published = {"path": f"{odd}/*.jsonl", "columns": {"problem_id": "id", "response": "problem"}}
        study.add("teachers", run={"model": model, "prompt": odd, "decoding": "short"}, told={"published": published})
        study.add("datasets", own={"corpus": "own", "teachers": ["run", "told"], "alpha": 0.5,
                                   "pairing": "unfiltered"})  # fmt: skip
        study.add("students", small={"model": model, "prompt": DASH})
        path = folder / config / "studies/toy.yaml"
        arms = [{"students": ["small"], "datasets": ["own"], "training": "toy-sft"}]
        study.write(path, {**yaml.safe_load(path.read_text()), "arms": arms, "gaps": {},
                             "contrasts": {}})  # fmt: skip
        study.write(folder / config / "own.yaml", {"studies": ["toy"], "folder": config})
        return study

    def write(self, path: Path, content: dict) -> None:
        path.write_text(yaml.safe_dump(content, allow_unicode=True))

    def add(self, kind: str, **entries: dict) -> None:
        self.edit(f"{self.config}/catalogue/{kind}.yaml", **entries)

    def environment(self) -> dict[str, str]:
        plugin = self.folder / "envs/snakemake_executor_plugin_nowhere"
        plugin.mkdir(exist_ok=True)
        (plugin / "__init__.py").write_text(CLUSTER)
        return {**super().environment(), "PYTHONPATH": str(self.folder / "envs")}

    def command(self, *options: str) -> list[str]:
        return super().command(*options, "--configfile", str(self.folder / self.config / "own.yaml"))


def names(folder: Path) -> set[str]:
    """The names that stand in the folder of a study, and those that lie beside it."""
    return {path.name for path in folder.iterdir()} | {path.name for path in folder.parent.iterdir()}


def test_jobs_run_in_odd_folders_with_odd_files(tmp_path: Path) -> None:
    study = OddStudy.make(tmp_path / ODD)
    before = names(study.folder)
    study.run("datasets", "rendered")
    assert names(study.folder) - before == {".snakemake", "results", "logs"}
    rendered = json.loads((study.folder / "results/rendered/small/toy-sft/own/manifest.json").read_text())
    assert rendered["ledger"] == {"rows_in": 6, "rows_out": 6, "lost": {}}
    model = json.loads((study.folder / "results/models/small/base/manifest.json").read_text())
    assert model["chat_template"] == (TOY / "base-xs/chat_template.jinja").read_text()
    assert study.planned("datasets", "rendered") == set()
    assert not [path for path in tmp_path.rglob("*") if path.name in STRAY]


def test_a_shell_that_snakemake_itself_starts_sees_no_odd_folder(tmp_path: Path) -> None:
    study = OddStudy.make(tmp_path / ODD)
    before = names(study.folder)
    for options in (["check"], ["datasets", "--executor", "nowhere", "--jobs", "1"]):
        done = study.snakemake(*options)
        assert done.returncode != 0
        assert "Snakemake cannot start jobs of a cluster, nor `check`" in done.stdout + done.stderr
    assert names(study.folder) - before == {".snakemake"}


def test_every_rules_shell_line_carries_odd_names_whole(tmp_path: Path) -> None:
    """Each word of a shell line is plain, a name of the user as a whole, or JSON: no shell reads a part of one."""
    study = OddStudy.make(tmp_path / ODD)
    study.add("corpora", **{"gsm8k-benchmark": {"benchmark": False}})  # its file is not here
    study.add("students", scratch={"model": {"scratch": {"tokenizer_corpora": ["own"]}}, "prompt": ODD})
    curation = {"decontaminate": True, "deduplicate": True, "choose": "student_likely", "student": "small"}
    study.add("datasets", own={"curation": curation})
    path = study.folder / DASH / "studies/toy.yaml"
    content = yaml.safe_load(path.read_text())
    content["arms"][0]["students"].append("scratch")
    # A corpus without golds and a training from a teacher's probabilities, for the rules that only those need.
    columns = {"problem_id": "id", "answer": None}
    agreement = {"teachers": ["run", "told"]}
    study.add("corpora", open={"path": f"{ODD}/{ODD}.jsonl", "columns": columns, "agreement": agreement})
    study.add("datasets", agreed={"corpus": "open", "teachers": ["run"], "pairing": "unfiltered"})
    distil = {"teacher": "run", "top_k": 8}
    study.add("trainings", distilled={"lr": 1e-3, "cutoff": 64, "max_updates": 1, "distil": distil})
    followed = {"teacher": "run", "start": "distilled", "max_updates": 1, "max_new_tokens": 4, "lr": 1e-4}
    study.add("trainings", followed={"on_policy": followed})
    arms = {"students": ["small"], "datasets": ["agreed"]}
    content["arms"] += [{**arms, "training": training} for training in ("distilled", "followed")]
    study.add("corpora", **{"toy-test": {"solutions_from": "told"}})
    content |= {"likelihoods": ["solution", "answer"], "suitability": True, "token_shift": True}
    study.write(path, content)
    study.write(study.folder / DASH / "own.yaml", {"studies": ["toy"], "folder": DASH,
                                                   "judge": {"teacher": "run", "prompt": ODD}})  # fmt: skip
    done = study.snakemake("--dry-run", "--printshellcmds")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = re.findall(r"^Shell command: exec (python .*)$", done.stdout + done.stderr, re.MULTILINE)
    whole = {f"--prompt={DASH}/prompts/{name}.jinja" for name in (ODD, DASH, f"judges/{ODD}")}
    seen, met = set(), set()
    for words in map(shlex.split, lines):
        seen.add("rate_solutions" if "--solutions" in words else Path(words[1]).stem)  # another rule's program
        odd = [word for word in words if not re.fullmatch(r"[\w/.=<>-]+", word) and not word.startswith(("{", "["))]
        own = {word for word in odd if word.startswith(f"{study.folder}/scripts/") and Path(word).exists()}
        assert set(odd) - own <= whole
        met |= whole & set(words)
        for word in words:
            if word.startswith(("{", "[")):
                json.loads(word)
    assert seen == rules_with_shells()
    assert met == whole


def rules_with_shells() -> set[str]:
    text = "\n".join(path.read_text() for path in (REPOSITORY / "workflow/rules").glob("*.smk"))
    blocks = re.split(r"^rule (\w+):$", text, flags=re.MULTILINE)[1:]
    return {name for name, block in zip(blocks[::2], blocks[1::2], strict=True) if "shell:" in block}


@pytest.mark.parametrize("odd", [ODD, DASH, "{corpus}"], ids=["shell", "dash", "braces"])
def test_another_directory_may_have_any_name(tmp_path: Path, odd: str) -> None:
    folder = tmp_path / odd
    folder.mkdir()
    shutil.copytree(REPOSITORY / "config", folder / "config")
    (folder / "resources").mkdir()
    (folder / "resources/toy").symlink_to(TOY)
    target = "results/models/toy-xs/base/manifest.json"
    here = Study(tmp_path)
    here.run("--snakefile", str(REPOSITORY / "workflow/Snakefile"), "--directory=" + odd, "--", target)
    assert (folder / target).exists()
    assert {path.name for path in tmp_path.iterdir()} == {odd}


def test_what_a_rule_cannot_name_is_refused_in_a_line(tmp_path: Path) -> None:
    study = OddStudy.make(tmp_path / "study")
    (study.folder / ODD / "model/{note}.txt").write_text("x")
    said = refused(study)
    assert len(said) == 2  # of the teacher and of the student
    assert all("model/{note}.txt' is no path that a rule can name: no braces" in line for line in said)
    study.folder.rename(tmp_path / "{study}")
    study.folder = tmp_path / "{study}"
    assert refused(study) == [f"{study.folder}: Snakemake takes the braces for a wildcard; rename the folder"]


@pytest.mark.parametrize("name", ["results", "logs"])
def test_a_disk_that_is_not_there_is_a_line(tmp_path: Path, name: str) -> None:
    study = Study.small(tmp_path / "study")
    place = study.folder / name
    place.symlink_to("/scratch/away")
    assert refused(study, name) == [
        f"{name} is a link to /scratch/away, which is not there: mount its disk, or make it"
    ]
    place.unlink()
    place.write_text("")
    assert refused(study, name) == [f"{name} is a file, where the workflow wants a folder: rename it"]


def refused(study: Study, word: str = "braces") -> list[str]:
    """The lines about a word of a dry run, which must end without a traceback."""
    done = study.snakemake("--dry-run", "datasets")
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    return [line for line in (done.stdout + done.stderr).splitlines() if word in line]
