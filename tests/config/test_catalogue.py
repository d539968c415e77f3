"""Every mistake in `config/` is one line with file, key, what was expected and the nearest name; no traceback."""

import shutil
from pathlib import Path

import pytest
import yaml
from helpers import REPOSITORY

from distill.config.catalogue import Catalogue
from distill.config.lineage import Arm
from distill.config.load import load
from distill.runtime.errors import InputError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    return tmp_path


def edited(project: Path, file: str, old: str, new: str, settings: dict | None = None) -> Catalogue:
    path = project / "config" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return load(project / "config", settings or {"studies": ["toy", "published"]})


def test_the_shipped_configuration_is_right(project: Path) -> None:
    catalogue = load(project / "config", {"studies": "toy,published"})
    assert list(catalogue.studies) == ["toy", "published"]


SERVED = """
served: {model: {served: m}, engine: openai, server: {url: "http://localhost/v1"}, decoding: toy-sampled}
"""


FURTHER = """
further:
  on_policy: {teacher: toy-long, start: toy-sft, max_updates: 2, max_new_tokens: 9, lr: 0.1}
gsm8k-few-updates:"""


def test_an_on_policy_training_is_one_that_goes_on_from_another(project: Path) -> None:
    catalogue = edited(project, "catalogue/trainings.yaml", "gsm8k-few-updates:", FURTHER)
    assert "further" not in catalogue.trainings
    assert catalogue.on_policy["further"].max_updates == 2
    assert (catalogue.start_of("further"), catalogue.start_of("toy-sft")) == ("toy-sft", "toy-sft")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("catalogue/teachers.yaml", "decoding: toy-sampled", "decoding: toy-sampeld",
         "teachers.yaml: toy-long.decoding: 'toy-sampeld' is no known decoding; did you mean 'toy-sampled'?"),
        ("catalogue/teachers.yaml", "prompt: plain", "prompt: plane", "did you mean 'plain'?"),
        ("catalogue/teachers.yaml", "A: \\\\boxed", "A: \\boxed", "has no meaning in a replacement; a backslash is"),
        ("catalogue/teachers.yaml", "batch_size: 256", "batchsize: 256",
         "toy-long.batchsize: 'batchsize' is no known key; did you mean 'batch_size'?"),
        ("catalogue/teachers.yaml", "batch_size: 256", "batch_size: lots",
         "toy-long.batch_size: a whole number is wanted, not the text 'lots'"),
        ("catalogue/teachers.yaml", "path: resources/toy/teacher-long", "pth: x",
         "toy-long.model.pth: 'pth' is no known key; did you mean 'path'?"),
        ("catalogue/datasets.yaml", "[toy-long, toy-short]", "[toy-lnog, toy-short]",
         "datasets.yaml: toy-long-arm.teachers: 'toy-lnog' is no known teacher; did you mean 'toy-long'?"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.2",
         "datasets.yaml: toy-long-arm.alpha: input should be less than or equal to 1, not 1.2"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: -0.1", "alpha: input should be greater than or equal to 0"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "shares: [0.5, 0.6]", "sum to 1"),
        ("catalogue/datasets.yaml", "corpus: toy-train", "corpus: toy-trian", "did you mean 'toy-train'?"),
        ("catalogue/datasets.yaml", "toy-short-arm:", "base:", "'base' is reserved"),
        ("catalogue/datasets.yaml", "toy-short-arm:", "Toy_Short:", "'Toy_Short' is no name"),
        ("catalogue/datasets.yaml", "toy-short-arm:", "toy-long-arm:", "line 8: key 'toy-long-arm' stands"),
        ("catalogue/trainings.yaml", "cutoff: 320", "cutoff: 320\n  warmup_updates: 3", "say the same"),
        ("catalogue/trainings.yaml", "lr: 2.0e-3", "rate: 2.0e-3", "toy-sft.lr: is missing"),
        ("catalogue/decodings.yaml", "temperature: 0.7", "temperature: 0", "would repeat one response"),
        ("catalogue/decodings.yaml", "max_new_tokens: 160", "max_new_tokens: 160\n  until_correct: true",
         "gsm8k-greedy: `until_correct` needs `draws` of 2 or more"),
        ("studies/toy.yaml", "decoding: toy-greedy", "decoding: again",
         "toy.yaml: decoding: 'again' is `until_correct`, which is for teachers; a student must answer every"),
        ("catalogue/corpora.yaml", "stop: 300", "stop: [", "corpora.yaml: line"),
        ("studies/toy.yaml", "toy-xs, toy-m", "toy-xs, toy-mm", "students: 'toy-mm' is no known student"),
        ("studies/toy.yaml", "benchmarks: [toy-test]", "benchmarks: [toy-train]", "'toy-train' must be marked"),
        ("catalogue/corpora.yaml", "toy-train:\n", "toy-train:\n  benchmark: true\n",
         "datasets.yaml: toy-long-arm.corpus: 'toy-train' is a benchmark, which is never trained on"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.0\n  curation: {student: toy-xs}",
         "toy-long-arm.curation: `student` goes with `choose: student_likely`"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.0\n  curation: {choose: student_overlap_1}",
         "toy-long-arm.curation: `student` goes with `choose: student_likely` or another `student_...`"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.0\n  curation: {choose: student_overlap, student: toy-xs}",
         "toy-long-arm.curation.choose: "),
        ("studies/toy.yaml", "decoding: toy-greedy", "decoding: toy-greedy\nsuitability: some",
         "toy.yaml: suitability: true or false is wanted, not the text 'some'"),
        ("studies/toy.yaml", "decoding: toy-greedy", "decoding: toy-greedy\nsuitable: true",
         "toy.yaml: suitable: 'suitable' is no known key; did you mean 'suitability'?"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.0\n  curation: {choose: student_likely, student: toy-x}",
         "toy-long-arm.curation.student: 'toy-x' is no known student; did you mean 'toy-xs'?"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.0\n  curation: {pass_rate: {teacher: toy-lang}}",
         "toy-long-arm.curation.pass_rate.teacher: 'toy-lang' is no known teacher; did you mean 'toy-long'?"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.0\n  curation: {length: {at_least: 9, at_most: 3}}",
         "toy-long-arm.curation.length: `at_least` 9 is above `at_most` 3"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.0\n  curation: {dedupe: true}",
         "toy-long-arm.curation.dedupe: 'dedupe' is no known key; did you mean 'deduplicate'?"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.0\n  rows: 9\n  tokens: 90",
         "datasets.yaml: toy-long-arm: `rows` and `tokens` are several budgets; keep one"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.0\n  rows: 9\n  tokens: 90\n  characters: 1",
         "datasets.yaml: toy-long-arm: `rows` and `tokens` and `characters` are several budgets; keep one"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.0\n  tokens: 0",
         "toy-long-arm.tokens: input should be greater than or equal to 1, not 0"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.0\n  tokens: 1.5", "toy-long-arm.tokens: "),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.0\n  share_of: tokens\n  characters: 90",
         "toy-long-arm: `share_of: tokens` does not go with a budget in `characters`; use one unit for both"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.0\n  share_of: token", "toy-long-arm.share_of: "),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 1.0\n  assignment: by_level",
         "datasets.yaml: toy-long-arm: `assignment: by_level` needs two teachers with a share, and `pairing: both_"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 0.5\n  assignment: by_level\n  pairing: own_correct",
         "toy-long-arm: `assignment: by_level` needs two teachers with a share, and `pairing: both_correct`"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 0.5\n  assignment: by_level\n  rows: 9",
         "toy-long-arm: `assignment: by_level` goes with no budget and with shares of rows"),
        ("catalogue/datasets.yaml", "alpha: 1.0", "alpha: 0.5\n  assignment: by_level\n  share_of: tokens",
         "toy-long-arm: `assignment: by_level` goes with no budget and with shares of rows"),
        ("catalogue/datasets.yaml", "teachers: [toy-long, toy-short]\n  alpha: 1.0",
         "teachers: [toy-long]\n  share_of: tokens", "toy-long-arm: `share_of: tokens` belongs to several teachers"),
        ("catalogue/datasets.yaml", "0.25, 0.25]", "0.25, 0.25]\n  share_of: characters",
         "gsm8k-four: `share_of: characters` of more than two teachers needs the budget `characters`"),
        ("catalogue/datasets.yaml", "gsm8k-6b-finetuned]\n", "gsm8k-6b-finetuned]\n  tokens: 90\n",
         "gsm8k-large.tokens: 'gsm8k-175b-verified' has published its responses, which have no token counts; use"),
        ("catalogue/datasets.yaml", "gsm8k-6b-finetuned]\n", "gsm8k-6b-finetuned]\n  share_of: tokens\n",
         "gsm8k-large.share_of: 'gsm8k-175b-verified' has published its responses, which have no token counts; use"),
        ("catalogue/datasets.yaml", "length: {unit: characters, at_least: 60", "length: {at_least: 60",
         "gsm8k-curated.curation.length.unit: 'gsm8k-175b-verified' has published its responses"),
        ("catalogue/trainings.yaml", "cutoff: 320", "cutoff: 320\n  distil: {teacher: toy-lang}",
         "trainings.yaml: toy-sft.distil.teacher: 'toy-lang' is no known teacher; did you mean 'toy-long'?"),
        ("catalogue/trainings.yaml", "cutoff: 320", "cutoff: 320\n  distil: {teacher: gsm8k-6b-verified}",
         "toy-sft.distil.teacher: 'gsm8k-6b-verified' has published its responses; its probabilities need weights"),
        ("catalogue/trainings.yaml", "cutoff: 320", "cutoff: 320\n  distil: {teacher: served}",
         "toy-sft.distil.teacher: 'served' is behind a server; its probabilities need weights here"),
        ("catalogue/trainings.yaml", "cutoff: 320", "cutoff: 320\n  distil: {teacher: toy-long, weight: 1.5}",
         "toy-sft.distil.weight: input should be less than or equal to 1, not 1.5"),
        ("catalogue/trainings.yaml", "cutoff: 320", "cutoff: 320\n  distil: {teacher: toy-long, temperature: 0}",
         "toy-sft.distil.temperature: input should be greater than or equal to 0.01, not 0"),
        ("catalogue/trainings.yaml", "gsm8k-few-updates:", FURTHER.replace("toy-long", "toy-lang"),
         "trainings.yaml: further.on_policy.teacher: 'toy-lang' is no known teacher; did you mean 'toy-long'?"),
        ("catalogue/trainings.yaml", "gsm8k-few-updates:", FURTHER.replace("toy-long", "gsm8k-6b-verified"),
         "further.on_policy.teacher: 'gsm8k-6b-verified' has published its responses; its probabilities need weights"),
        ("catalogue/trainings.yaml", "gsm8k-few-updates:", FURTHER.replace("toy-sft", "toy-stf"),
         "trainings.yaml: further.on_policy.start: 'toy-stf' is no known training; did you mean 'toy-sft'?"),
        ("catalogue/trainings.yaml", "gsm8k-few-updates:", FURTHER.replace("toy-sft", "further"),
         "trainings.yaml: further.on_policy.start: 'further' is on-policy itself; name one that is trained on a"),
        ("catalogue/trainings.yaml", "gsm8k-few-updates:", FURTHER.replace("  on_policy", "  cutoff: 9\n  on_policy"),
         "trainings.yaml: further: `cutoff` beside `on_policy` would do nothing: rows and prompts are those of its"),
        ("catalogue/trainings.yaml", "gsm8k-few-updates:", FURTHER.replace("  on_policy", "  cutof: 9\n  on_policy"),
         "trainings.yaml: further.cutof: 'cutof' is no known key; known are label, on_policy"),
        ("catalogue/trainings.yaml", "gsm8k-few-updates:", FURTHER.replace("lr:", "lmbda: 0.5, lr:"),
         "trainings.yaml: further.on_policy.lmbda: 'lmbda' is no known key"),
        ("catalogue/trainings.yaml", "gsm8k-few-updates:", FURTHER.replace("lr:", "beta: 1.5, lr:"),
         "further.on_policy.beta: input should be less than or equal to 1, not 1.5"),
        ("catalogue/trainings.yaml", "gsm8k-few-updates:", FURTHER.replace(", lr: 0.1", ""),
         "further.on_policy.lr: is missing"),
        ("studies/toy.yaml", "decoding: toy-greedy", "decoding: toy-greedy\nlikelihoods: [answer, solution]",
         "toy.yaml: likelihoods: no benchmark of it has solutions (`columns.solution` or `solutions_from` of the"),
        ("studies/toy.yaml", "decoding: toy-greedy", "decoding: toy-greedy\nlikelihoods: [answers]",
         "toy.yaml: likelihoods.0: "),
        ("catalogue/corpora.yaml", "benchmark: true", "benchmark: true\n  solutions_from: toy-long",
         "corpora.yaml: toy-test.solutions_from: 'toy-long' has published no responses; name a teacher that has"),
        ("catalogue/corpora.yaml", "benchmark: true", "benchmark: true\n  solutions_from: toy-lang",
         "corpora.yaml: toy-test.solutions_from: 'toy-lang' is no known teacher; did you mean 'toy-long'?"),
        ("catalogue/corpora.yaml", "shards: 2", "solutions_from: gsm8k-6b-verified",
         "toy-train: `solutions_from` is for a `benchmark` that has no `columns.solution`"),
        ("catalogue/corpora.yaml", "stop: 300", "stop: 300\n  solutions_from: gsm8k-6b-verified",
         "gsm8k-benchmark: `solutions_from` is for a `benchmark` that has no `columns.solution`"),
        ("studies/toy.yaml", "plus: toy-large-arm", "plus: gsm8k-large",
         "toy.yaml: gaps.large_teacher_gap: 'gsm8k-large' is no known dataset of this study"),
        ("studies/toy.yaml", "decoding: toy-greedy", "decoding: greedy", "did you mean 'toy-greedy'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_clear_line(project: Path, file: str, old: str, new: str, message: str) -> None:
    again = "\nagain: {temperature: 0.7, max_new_tokens: 9, draws: 2, until_correct: true}\n"
    with open(project / "config/catalogue/decodings.yaml", "a") as decodings:
        decodings.write(again)
    with open(project / "config/catalogue/teachers.yaml", "a") as teachers:
        teachers.write(SERVED)
    with pytest.raises(InputError) as error:
        edited(project, file, old, new)
    assert message in str(error.value)
    assert str(project / "config") in str(error.value)


def test_one_mistake_is_told_once(project: Path) -> None:
    with pytest.raises(InputError) as error:
        edited(project, "catalogue/datasets.yaml", "alpha: 0.0", "alpha: 7")
    assert len(str(error.value).splitlines()) == 1


def test_all_mistakes_are_told_at_once(project: Path) -> None:
    text = (project / "config/catalogue/trainings.yaml").read_text()
    (project / "config/catalogue/trainings.yaml").write_text(text.replace("lr: 1.0e-3", "rate: 1.0e-3", 1))
    with pytest.raises(InputError) as error:
        load(project / "config", {"studies": ["toi"]})
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert any("'toi' is no known study; did you mean 'toy'?" in line for line in lines)


def test_base_students_are_in_every_study(project: Path) -> None:
    catalogue = load(project / "config", {"studies": ["toy"]})
    arms = catalogue.arms("toy")
    assert Arm.base("toy-xs") in arms
    assert len(arms) == 2 * (1 + 6 + 2) + 2 * 2


def test_a_recipe_text_ignores_order_and_execution_and_notices_swapped_values(project: Path) -> None:
    path = project / "config/catalogue/corpora.yaml"
    before = load(project / "config", {"studies": ["toy"]}).corpora["toy-train"].canonical()
    data = yaml.safe_load(path.read_text())
    data["toy-train"] = {"shards": 5, **dict(reversed(data["toy-train"].items()))} | {"shards": 5}
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    assert load(project / "config", {"studies": ["toy"]}).corpora["toy-train"].canonical() == before
    data["toy-train"]["columns"] = {"problem_id": "level", "level": "id"}
    path.write_text(yaml.safe_dump(data))
    assert load(project / "config", {"studies": ["toy"]}).corpora["toy-train"].canonical() != before


FURTHER_ENTRY = {"further": {"max_new_tokens": 9}}


def test_entries_stand_in_files_of_folders_below_too(project: Path) -> None:
    folder = project / "config/catalogue/mine/deep"
    folder.mkdir(parents=True)
    (folder / "decodings.yaml").write_text(yaml.safe_dump(FURTHER_ENTRY))
    catalogue = load(project / "config", {"studies": ["toy"]})
    assert catalogue.decodings["further"].max_new_tokens == 9
    assert catalogue.decodings.keys() > {"further", "toy-greedy"}
    assert catalogue.files["decodings", "further"] == Path("catalogue/mine/deep/decodings.yaml")
    assert catalogue.files["decodings", "toy-greedy"] == Path("catalogue/decodings.yaml")


def test_a_mistake_names_the_file_that_the_entry_stands_in(project: Path) -> None:
    (project / "config/catalogue/mine").mkdir()
    path = project / "config/catalogue/mine/students.yaml"
    path.write_text(yaml.safe_dump({"mine": {"model": {"path": "x"}, "prompt": "plane"}}))
    with pytest.raises(InputError, match=f"^{path}: mine.prompt: 'plane' is no known prompt"):
        load(project / "config", {"studies": ["toy"]})


def test_a_name_has_one_recipe(project: Path) -> None:
    (project / "config/catalogue/mine").mkdir()
    path = project / "config/catalogue/mine/decodings.yaml"
    path.write_text(yaml.safe_dump({"toy-greedy": {"max_new_tokens": 0}}))  # a mistake of its own, which nobody meets
    first = project / "config/catalogue/decodings.yaml"
    with pytest.raises(InputError) as error:
        load(project / "config", {"studies": ["toy"]})
    assert str(error.value) == f"{path}: toy-greedy: stands in {first} too; a name has one recipe"


@pytest.mark.parametrize("name", ["decoding.yaml", "mine/decodings.yml", "mine/decoding.yaml"])
def test_a_file_of_the_catalogue_that_nothing_reads_is_told(project: Path, name: str) -> None:
    path = project / "config/catalogue" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(FURTHER_ENTRY))
    with pytest.raises(InputError) as error:
        load(project / "config", {"studies": ["toy"]})
    told = f"{path}: {path.name!r} is no known file of the catalogue; did you mean 'decodings.yaml'?"
    assert str(error.value) == told


def test_the_examples_are_not_read(project: Path) -> None:
    path = project / "config/catalogue/examples/decodings.yaml"
    path.write_text(yaml.safe_dump(FURTHER_ENTRY))
    assert "further" not in load(project / "config", {"studies": ["toy"]}).decodings


@pytest.mark.parametrize(
    ("key", "why"), [("suitability", "there is nothing to rate"), ("token_shift", "nothing can have shifted")]
)
def test_a_study_that_trains_nothing_has_nothing_to_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, why: str
) -> None:
    monkeypatch.chdir(REPOSITORY)
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    path = tmp_path / "config/studies/untouched.yaml"
    path.write_text(path.read_text() + f"{key}: true\n")
    with pytest.raises(InputError) as raised:
        load(tmp_path / "config", {"studies": ["untouched"]})
    assert str(raised.value).endswith(f"untouched.yaml: {key}: no student of it is trained on a dataset, so {why}")
