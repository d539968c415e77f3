"""The code hash sees what can change a row, definition by definition, and nothing else.

The first half edits a little tree made for the purpose, the second a copy of the real programs.
"""

import ast
import io
import shutil
import sys
import tokenize
from pathlib import Path

import pytest

from distill import analyses
from distill.runtime.codehash import ROOT, code_hash, code_hashes, reached

# --- a little tree --------------------------------------------------------------------------------------------

PROGRAM = '''"""A program."""
import argparse
import logging

import lib.chained.far
import lib.deep as below
from lib import tools
from lib.tools import shadow
from lib.maths import add, two
from lib.shop import Bought, Plain
from distill.runtime.files import save


def main():
    """Add."""
    from lib.heavy import load

    parser = argparse.ArgumentParser(description=tools.words())
    parser.add_argument("--one", help="one", metavar="N", type=tools.kind)
    if not parser:
        raise ValueError(f"no parser: {tools.told()}")
    logging.info("adding %s", tools.said())
    assert parser, tools.claimed()
    save(Bought, Plain)
    shadow = [two for two in (1, 2)]
    return add(tools.one(), load()) + below.carry(lib.chained.far.away()) + len(shadow)


if __name__ == "__main__":
    main()
'''
FILES = {
    "program.py": PROGRAM,
    "lib/__init__.py": "",
    "lib/tools.py": "from lib.maths import two\nBASE = 1\n\n\ndef one():\n    return BASE\n\n\n"
    "def kind():\n    return 2\n\n\n"
    + "\n\n".join(f"def {name}():\n    return '{name}'\n" for name in ("words", "told", "said", "claimed", "shadow")),
    "lib/maths.py": "from lib.deep import carry\n\n\ndef add(a, b):\n    return carry(a) + b\n\n\n"
    "def two(a, b):\n    return a - b\n",
    "lib/deep.py": "def carry(a):\n    return a\n",
    "lib/heavy.py": "import lib.started\nfrom lib.named import X as Y\nfrom lib.outer.inner.leaf import LEAF\n\n\n"
    "def load():\n    global TOTAL\n    TOTAL += three(3)\n    return [three for three in (1, LEAF)]\n\n\n"
    "def three(n, /, four=1):\n    try:\n        return n + four\n    except ValueError as five:\n"
    "        log((six := n) and five, six)\n        logging.info(seven := n)\n"
    "        if n: raise OSError(28)\n        return seven\n\n\n"
    "def four():\n    return 4\n\n\ndef five():\n    return 5\n\n\nTOTAL = 0\n\nlog = lambda four: OSError(four)\n"
    "if TYPE_CHECKING:\n    import torch\n",
    "lib/outer/inner/leaf.py": "LEAF = 1\n",
    "lib/outer/inner/__init__.py": "",
    "lib/outer/__init__.py": "",
    "lib/started.py": "import os\n\nos.environ['A'] = 'B'\nUNUSED = 1\n",
    "lib/named.py": "X = 1\n",
    "lib/chained/__init__.py": "",
    "lib/chained/far.py": "try:\n    from lib.quick import FAST\nexcept ImportError:\n    SLOW = 1\n\n\n"
    "def away():\n    return FAST or SLOW\n",
    "lib/quick.py": "FAST = 1\n",
    "lib/shop/__init__.py": '"""Goods."""\n\nfrom .goods import Bought\nfrom lib.shop.goods import Plain\n\n'
    '__all__ = ["Bought", "Plain"]\n',
    "lib/shop/goods.py": "import logging\n\nfrom .. import marks\nfrom lib.shop import kinds\n\n\n@marks.sold\n"
    "class Bought(marks.Base):\n"
    '    """Bought."""\n\n    kept: kinds.Kind\n'
    '    other: "Later" = marks.Field(description=1, default=marks.TEN)\n\n\n'
    "class Later:\n    z = 5\n\n\nclass Plain:\n    log: list\n\n    def note(self):\n"
    "        log = []\n        log.append(marks.noted())\n        raise marks.OwnError(7)\n",
    "lib/shop/kinds.py": "Kind = int\n",
    "lib/marks.py": "TEN = 10\n\n\ndef sold(c):\n    return c\n\n\nclass Base:\n    x = 1\n\n\ndef Field(**k):\n"
    "    return k\n\n\ndef noted():\n    return 8\n\n\nclass OwnError(Exception):\n    y = 2\n",
    "distill/runtime/files.py": "from distill.runtime.rows import keep\nFORMAT = 1\nMODE = 2\n\n\n"
    "def save(*a):\n    keep(a)\n",
    "distill/runtime/rows.py": "def keep(a):\n    return a\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def changed(root: Path, file: str, old: str, new: str, *also: str) -> bool:
    before = code_hash(root / "program.py", also, root)
    text = (root / file).read_text()
    assert text.count(old) == 1
    (root / file).write_text(text.replace(old, new))
    ast.parse(text.replace(old, new))
    return code_hash(root / "program.py", also, root) != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("program.py", "tools.one()", "tools.two()"),
        ("program.py", "raise ValueError", "raise TypeError"),
        ("program.py", "assert parser", "assert not parser"),
        ("program.py", '"--one"', '"--two"'),
        ("lib/tools.py", "return BASE", "return BASE + 0"),
        ("lib/tools.py", "BASE = 1", "BASE = 2"),
        ("lib/tools.py", "return 2", "return 3"),
        ("lib/deep.py", "return a", "return -a"),
        ("lib/deep.py", "def carry", "print(1)\n\n\ndef carry"),
        ("lib/heavy.py", "three(3)", "three(4)"),
        ("lib/heavy.py", "return n + four", "return n - four"),
        ("lib/heavy.py", "seven := n", "seven := -n"),
        ("lib/heavy.py", "raise OSError(28)", "raise OSError(122)"),
        ("lib/heavy.py", "TOTAL = 0", "TOTAL = 1"),
        ("lib/outer/__init__.py", "", "print(1)\n"),
        ("lib/outer/inner/leaf.py", "LEAF = 1", "LEAF = 2"),
        ("lib/maths.py", "(a, b):\n    return carry", "(a, b=0):\n    return carry"),
        ("lib/started.py", "= 'B'", "= 'C'"),
        ("lib/chained/far.py", "or SLOW", "or -SLOW"),
        ("lib/chained/far.py", "SLOW = 1", "SLOW = 2"),
        ("lib/quick.py", "FAST = 1", "FAST = 2"),
        ("lib/chained/__init__.py", "", "print(1)\n"),
        ("lib/shop/__init__.py", "from .goods import Bought\n", "from .goods import Later as Bought\n"),
        ("lib/shop/goods.py", "kept: kinds.Kind", "kept: list[kinds.Kind]"),
        ("lib/shop/goods.py", "z = 5", "z = 6"),
        ("lib/shop/goods.py", "log = []", "log = [0]"),
        ("lib/shop/goods.py", "OwnError(7)", "OwnError(8)"),
        ("lib/shop/kinds.py", "Kind = int", "Kind = str"),
        ("lib/marks.py", "return c", "return lambda: c"),
        ("lib/marks.py", "x = 1", "x = 2"),
        ("lib/marks.py", "TEN = 10", "TEN = 11"),
        ("lib/marks.py", "return k", "return dict(k)"),
        ("lib/marks.py", "return 8", "return 9"),
        ("lib/marks.py", "y = 2", "y = 3"),
        ("distill/runtime/files.py", "FORMAT = 1", "FORMAT = 2"),
    ],
)
def test_an_edit_that_reaches_the_program_is_seen(root: Path, file: str, old: str, new: str) -> None:
    assert changed(root, file, old, new)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("program.py", '"""Add."""', '"""Add two numbers."""'),
        ("program.py", 'help="one"', 'help="another"'),
        ("program.py", 'metavar="N"', 'metavar="M"'),
        ("program.py", "description=tools.words()", "description=tools.one()"),
        ("program.py", "no parser: ", "lacks: "),
        ("program.py", '"adding %s"', '"now %s"'),
        ("program.py", "    save(Bought", "    busy.note(tools.said())\n    save(Bought"),
        ("program.py", "    save(Bought", "    execution.note(n=tools.said())\n    execution.tell()\n    save(Bought"),
        ("program.py", "assert parser, tools.claimed()", "assert parser"),
        ("program.py", "import logging\n", "import logging\nimport os\n"),
        ("lib/tools.py", "return 'words'", "return 'more words'"),
        ("lib/tools.py", "return 'told'", "return 'told otherwise'"),
        ("lib/tools.py", "return 'said'", "return 'said otherwise'"),
        ("lib/tools.py", "return 'claimed'", "return 'claimed otherwise'"),
        ("lib/tools.py", "return 'shadow'", "return 'a local name of the program'"),
        ("lib/tools.py", "def one():", "def one():  # the first"),
        ("lib/maths.py", "return a - b", "return b - a"),
        ("lib/deep.py", "def carry", "\n\n# moved down\n\ndef carry"),
        ("lib/heavy.py", "return 4", "return -4"),
        ("lib/heavy.py", "return 5", "return -5"),
        ("lib/heavy.py", "import torch", "import numpy"),
        ("lib/named.py", "X = 1", "X = 2"),
        ("lib/started.py", "UNUSED = 1", "UNUSED = 2"),
        ("lib/shop/__init__.py", '__all__ = ["Bought", "Plain"]', '__all__ = ["Bought"]'),
        ("lib/shop/__init__.py", "Goods", "Wares"),
        ("lib/shop/goods.py", "description=1", "description=2"),
        ("distill/runtime/files.py", "MODE = 2", "MODE = 3"),
        ("distill/runtime/files.py", "keep(a)", "print(a)"),
        ("distill/runtime/rows.py", "return a", "return None"),
    ],
)
def test_an_edit_that_cannot_change_a_row_is_not(root: Path, file: str, old: str, new: str) -> None:
    assert not changed(root, file, old, new)


def test_a_module_loaded_by_name_counts_when_named(root: Path) -> None:
    assert changed(root, "lib/named.py", "X = 1", "X = 2", "lib.named")


def test_the_list_of_public_names_of_a_module_loaded_by_name_does_not_count(root: Path) -> None:
    assert not changed(root, "lib/shop/__init__.py", '["Bought", "Plain"]', '["Bought"]', "lib.shop")


def test_a_keyword_that_is_data_counts(root: Path) -> None:
    assert changed(root, "program.py", "add(tools.one()", "add(dict(description=1)")
    assert changed(root, "program.py", "dict(description=1)", "dict(description=2)")


def test_a_star_import_counts_whole(root: Path) -> None:
    before = code_hash(root / "program.py", (), root)
    (root / "lib/shop/__init__.py").write_text("from lib.shop.goods import *\n")
    (root / "lib/shop/goods.py").write_text((root / "lib/shop/goods.py").read_text() + "\n\nWARES = 1\n")
    first = code_hash(root / "program.py", (), root)
    assert first != before
    assert changed(root, "lib/shop/goods.py", "WARES = 1", "WARES = 2")


def test_two_modules_that_take_from_each_other_end(root: Path) -> None:
    (root / "lib/maths.py").write_text("from lib.deep import carry, add\n")
    (root / "lib/deep.py").write_text("from lib.maths import carry, add\n")
    assert (root / "lib/tools.py", "one") in reached(root / "program.py", (), root)


def test_touching_a_file_changes_nothing(root: Path) -> None:
    before = code_hash(root / "program.py", (), root)
    (root / "lib/deep.py").touch()
    assert code_hash(root / "program.py", (), root) == before


# --- the real programs ----------------------------------------------------------------------------------------

ENGINES = ("openai", "transformers", "vllm")
ENGINE_PROGRAMS = ("generate", "judge")
# program -> package and names of the modules that it loads by name
LOADED = dict.fromkeys(ENGINE_PROGRAMS, ("distill.responses.engines", ENGINES))
LOADED |= {"analyse": ("distill.analyses", tuple(analyses.names()))}


def programs(root: Path) -> dict[str, tuple[Path, tuple[str, ...]]]:
    """Return name -> (script, modules loaded by name); a program that loads some once per module."""
    found: dict[str, tuple[Path, tuple[str, ...]]] = {}
    for path in root.glob("*.py"):
        # They make no artefact, so none depends on their code.
        if path.stem in ("check", "compare_runs", "plan", "power", "publish", "serve"):
            continue
        package, modules = LOADED.get(path.stem, ("", ("",)))
        for module in modules:
            found[f"{path.stem}/{module}".rstrip("/")] = path, (f"{package}.{module}",) if module else ()
    return found


def each(*names: str) -> set[str]:
    """Return the names of programs, those that load modules with all of them."""
    return {p for name in names for p in ([f"{name}/{m}" for m in LOADED[name][1]] if name in LOADED else [name])}


def analysis(*names: str) -> set[str]:
    return {f"analyse/{name}" for name in names}


def engine(name: str) -> set[str]:
    return {f"{program}/{name}" for program in ENGINE_PROGRAMS}


ALL = set(programs(ROOT))
NONE: set[str] = set()
RUNTIME, RECIPES, ENGINE = "distill/runtime", "distill/config/recipes", "distill/responses/engines"

# file, old text, new text, the programs whose hash changes
EDITS = [
    # What cannot change a row.
    (f"{RUNTIME}/record.py", '"cores": len(', '"usable": 1, "cores": len(', NONE),
    (f"{RUNTIME}/record.py", '"started":', '"began":', NONE),
    (f"{RUNTIME}/files.py", "waiting for it", "it is waited for", NONE),
    (f"{RUNTIME}/files.py", "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_EX", NONE),
    (f"{RUNTIME}/progress.py", "FILE_SECONDS = 2.0", "FILE_SECONDS = 3.0", NONE),
    (f"{RUNTIME}/progress.py", "LINE_SECONDS = 5.0", "LINE_SECONDS = 6.0", NONE),
    (f"{RUNTIME}/run.py", "no space left on the device", "the disk is full", NONE),
    (f"{RUNTIME}/journal.py", "_BUFFER_BYTES = 1 << 20", "_BUFFER_BYTES = 1 << 21", NONE),
    (f"{RUNTIME}/codehash.py", "[:12]", "[:11]", NONE),
    (f"{RUNTIME}/supervisor.py", "CHECK_SECONDS = 5.0", "CHECK_SECONDS = 6.0", NONE),
    ("distill/responses/served.py", "NOTICE_SECONDS = 5.0", "NOTICE_SECONDS = 6.0", NONE),
    ("distill/responses/launching.py", '"--generation-config", "vllm"', '"--generation-config", "auto"', NONE),
    ("distill/tables/parquet.py", "holds null", "holds nothing", NONE),
    ("distill/tables/parquet.py", "is missing; it has", "lacks; it has", NONE),
    ("distill/tables/__init__.py", '    "ROW_GROUP",\n', "", NONE),
    ("distill/models/prompts.py", "InputError(f", 'InputError("prompt: " + f', NONE),
    (f"{RECIPES}/trainings.py", "say the same; give one", "are the same; choose one", NONE),
    (f"{RECIPES}/trainings.py", "Peak learning rate.", "Highest learning rate.", NONE),
    (f"{RECIPES}/trainings.py", "Fine-tuning. What the arms", "Training. What the arms", NONE),
    ("generate.py", 'help="model folder with a manifest.json"', 'help="a model folder"', NONE),
    ("generate.py", '"%d errors: %s"', '"%d times: %s"', NONE),
    ("generate.py", "Return the counts of a responses table;", "Count the rows;", NONE),
    ("distill/tables/graded.py", 'f" and {len(', 'f", {len(', NONE),  # its helper serves errors only
    ("distill/problems/fingerprint.py", "unreadable", "not to be read", NONE),  # the rules' business
    ("distill/config/plan.py", "return unique(", "return list(", NONE),
    ("distill/config/references.py", "is a benchmark", "is for measuring", NONE),
    ("distill/config/load.py", "mistakes += References", "mistakes[:0] += References", NONE),
    ("tools/toy/problems.py", "import", "import os\nimport", NONE),
    # What can, and for whom.
    (f"{RUNTIME}/journal.py", "FORMAT = 1", "FORMAT = 2", each("generate", "judge")),
    ("distill/tables/parquet.py", "ROW_GROUP = 2000", "ROW_GROUP = 1000",
     ALL - {"fetch_model", "initialise", "render_page", "contrast", "compare_plans"} - each("analyse")),
    ("distill/tables/parquet.py", "except FileNotFoundError:\n        raise InputError", "except FileNotFoundError:\n"
     "        raise ValueError",
     ALL - {"fetch_model", "fetch_problems", "fetch_statements", "render_page"} - each("analyse")
     | analysis("changes", "curves", "lengths", "suitability", "token_shift")),
    ("distill/tables/schemas.py", 'LEDGER = _contract("ledger", "problem_id teacher"',
     'LEDGER = _contract("ledger", "teacher problem_id"',
     {"mix", "mix_suited", "render", "train", "train_on_policy"} | analysis("suitability")),
    ("distill/tables/schemas.py", "subject=_TEXT, level=_TEXT,\n)", "subject=_TEXT, level=_INT,\n)",
     each("check_golds", "fetch_problems", "find_agreement", "initialise", "judge", "mix", "mix_suited",
          "render_browser", "score",
          "verify", "write_solutions")),
    ("distill/config/shards.py", "def stable_hash(*parts: object) -> int:\n",
     "def stable_hash(*parts: object) -> int:\n    parts += (1,)\n",
     each("generate", "fetch_problems", "fetch_responses", "mix", "mix_suited", "fetch_statements")),
    (f"{RECIPES}/base.py", "ensure_ascii=False", "ensure_ascii=True",
     ALL - {"count_repeats"}),
    (f"{RECIPES}/trainings.py", "warmup: Share = Field(0.0", "warmup: Share = Field(0.1",
     {"train", "train_on_policy", "compare_plans", "contrast", "render_browser", "render_page"} | analysis("parity")),
    (f"{RECIPES}/trainings.py", "cutoff: Positive = Field(...", "cutoff: Positive = Field(9", NONE),
    (f"{RECIPES}/corpora.py", "class Rewrite(Recipe):", "class Rewrite(Recipe, frozen=True):",
     each("fetch_problems", "fetch_statements", "fetch_responses")),
    (f"{RECIPES}/answering.py", "class DecodingRecipe(Recipe):", "class DecodingRecipe(Recipe, frozen=True):",
     each("generate", "judge")),
    ("distill/tables/statements.py", "def statements(*paths: Path)", "def statements(*paths: Path | str)",
     each("compute_loglikelihood", "compute_suitability", "compute_token_shift", "fetch_responses",
          "find_contamination", "find_duplicates",
          "generate")),
    ("distill/models/hub.py", "repo_type=kind", "repo_type=str(kind)",
     {"fetch_model", "fetch_problems", "fetch_statements",
                                                                         "fetch_responses"}),
    ("distill/models/rendering.py", "ids = prompt + self._ids", "ids = [] + prompt + self._ids",
     {"compute_loglikelihood", "compute_suitability", "compute_token_shift", "render"}),
    ("distill/models/loglikelihood.py", "WINDOW = ", "WINDOW = 1 + ",
     {"compute_loglikelihood", "compute_suitability", "compute_teacher_logprobs", "compute_token_shift"}),
    # What came later re-makes nothing that was there.
    ("distill/models/suitability.py", "MAX_RANK = 100", "MAX_RANK = 10",
     {"compute_suitability", "compute_token_shift"}),
    ("distill/config/lineage.py", "LATER = (Suitability, TokenShift)", "LATER = ()",
     each("compute_suitability", "compute_token_shift") | analysis("funnel", "ledger", "parity")),
    ("distill/tables/schemas.py", "pieces=_INT", "pieces=_LONG",
     {"compute_suitability", "mix_suited"} | analysis("suitability")),
    ("distill/models/token_shift.py", "MARGINAL = 3", "MARGINAL = 4", {"compute_token_shift"}),
    ("distill/responses/ratings.py", "PIECE = 1024", "PIECE = 512",
     {"compute_loglikelihood", "compute_suitability", "compute_token_shift"}),
    ("distill/tables/schemas.py", "types=pa.list_(_TYPE)", "types=pa.large_list(_TYPE)",
     {"compute_token_shift"} | analysis("token_shift")),
    (f"{RECIPES}/entries.py", "token_shift: bool", "shift: bool", NONE),
    (f"{RECIPES}/entries.py", "suitability: bool", "suitable: bool", NONE),
    (f"{RECIPES}/entries.py", '"choose": "first"', '"choose": "longest"', {"mix_suited"}),
    ("distill/datasets/suited.py", "inf if", "-inf if", {"mix_suited"}),
    ("distill/datasets/suitability.py", "_LEAST = 1e-12", "_LEAST = 1e-9", {"mix_suited"} | analysis("suitability")),
    ("distill/scores/suitability.py", "EXACT = 9", "EXACT = 8", analysis("suitability")),
    ("distill/models/teaching.py", "/ self._temperature", "* self._temperature", {"compute_teacher_logprobs"}),
    ("distill/training/distillation.py", "self.temperature**2", "self.temperature**3", {"train"}),
    ("distill/training/kept.py", 'rendered["input_ids"], rendered["loss_mask"])', 'rendered["loss_mask"],)',
     {"compute_teacher_logprobs", "train", "train_on_policy"}),
    ("distill/training/prompts.py", "end / size", "end // size", {"compare_plans", "train_on_policy"}),
    ("distill/training/on_policy.py", '"top_k": 0', '"top_k": 9', {"train_on_policy"}),
    ("distill/training/sft.py", '"adafactor": "adafactor"', '"adafactor": "adam"', {"train", "train_on_policy"}),
    (f"{ENGINE}/__init__.py", "default=len(text)", "default=0", each("generate", "judge")),
    (f"{ENGINE}/vllm.py", "AHEAD = 4096", "AHEAD = 4097", engine("vllm")),
    (f"{ENGINE}/openai.py", "cut(answer.text", "cut(str(answer.text)", engine("openai")),
    ("distill/responses/endpoint.py", "no answer within", "nothing within", engine("openai")),  # stands in the row
    ("distill/responses/batch.py", "class Batch:", "class Batch(object):", engine("transformers")),
    ("distill/responses/repeats.py", "digest_size=12", "digest_size=13", {"count_repeats"}),
    ("distill/verdicts/matcher.py", 'if text == "0.5"', 'if text == ".5"', {"score", "verify"}),
    ("distill/verdicts/lenient.py", "_FEW = 4", "_FEW = 5", {"verify"}),
    ("distill/verdicts/grading.py", "class Comparison(NamedTuple):", "class Comparison(NamedTuple):\n    more: int",
     {"check_golds", "find_agreement", "score", "verify"}),
    ("distill/verdicts/answers.py", '_BOX_WORDS = (', '_BOX_WORDS = ("",',
     {"check_golds", "fetch_problems", "fetch_statements", "find_agreement", "score", "verify", "write_solutions"}),
    ("distill/verdicts/agreement.py", "(True, False)", "(False, True)", {"find_agreement", "score"}),
    ("distill/tables/words.py", "Verdict.TIMEOUT, Verdict.ERROR)", "Verdict.ERROR)",
     each("generate", "judge", "mix", "mix_suited", "render_browser", "score", "write_solutions")),
    ("distill/datasets/similarity.py", "PERMUTATIONS = 128", "PERMUTATIONS = 64", {"find_duplicates"}),
    ("distill/datasets/similarity.py", '_WORD = re.compile(r"', '_WORD = re.compile(r"-?',
     {"find_contamination", "find_duplicates"}),
    ("distill/datasets/mixing.py", 'stable_hash("mix"', 'stable_hash("mixed"', {"mix", "mix_suited"}),
    ("distill/datasets/budgets.py", "Fraction(1, 2)", "Fraction(1, 3)", {"mix", "mix_suited"}),
    ("distill/scores/accuracy.py", "centre = share + z", "centre = z + share", {"score", "contrast"}),
    ("distill/scores/accuracy.py", "class Interval:", "class Interval(object):",
     {"score", "contrast"} | analysis("suitability", "token_shift")),
    ("distill/scores/contrasts.py", "TAIL = 0.025", "TAIL = 0.05",
     {"contrast", "score"} | analysis("suitability", "token_shift")),
    ("distill/scores/contrasts.py", "SHRINKAGE = 1 / 3", "SHRINKAGE = 1 / 2", {"contrast"}),
    ("distill/scores/arms.py", "found[Arm.of(", "found[Arm.of(1 and ", {"contrast"}),
    ("distill/scores/measures.py", "NATS = (", "NATS = 1 and (",
     {"contrast", "render_page"} | analysis("answers", "likelihoods", "students", "suitability")),
    ("distill/verdicts/tolerance.py", "Fraction(101, 100)", "Fraction(102, 100)", {"verify"}),
    ("distill/scores/solutions.py", "or published or", "or", {"write_solutions"}),
    ("distill/models/spans.py", "- 1, bisect_left", "- 2, bisect_left", {"compute_loglikelihood"}),
    ("distill/scores/readings.py", 'ALPHA = 0.05', 'ALPHA = 0.1', {"contrast"}),
    ("distill/config/contrasts.py", "(1.0, -1.0, -1.0, 1.0)", "(1.0, -1.0, 1.0, -1.0)", {"contrast"}),
    (f"{RECIPES}/studies.py", '("updates", "epochs"', '("epochs", "updates"',
     {"compare_plans", "contrast", "render_browser", "render_page"} | analysis("parity")),
    ("distill/report/browsing.py", "chr(92)", "chr(93)", {"render_browser"}),
    ("distill/report/links.py", '"points"', '"score"', {"render_page"}),
    ("distill/training/loss.py", "IGNORED = -100", "IGNORED = -101", {"train"}),
    ("distill/training/trainer.py", "GPU_TOKENS = 32768", "GPU_TOKENS = 32767", {"train"}),
    ("distill/scores/voting.py", "other in others:", "other in [*others]:", {"score"}),
    ("distill/scores/means.py", "seeds, shares = len", "shares, seeds = 1, len", {"contrast"}),
    ("score.py", "if recipe.policy == PAPER else {}", "if recipe.policy != PAPER else {}", {"score"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("code") / "scripts"
    return shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture(autouse=True)
def unkept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes are computed, and none is kept for later ones (test_hashed.py)."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def hashes(root: Path) -> dict[str, str]:
    hash_of = code_hashes(root)
    return {name: hash_of(script.stem, also) for name, (script, also) in programs(root).items()}


@pytest.fixture(scope="module")
def before(copy: Path) -> dict[str, str]:
    return hashes(copy)


@pytest.mark.parametrize(("file", "old", "new", "expected"), EDITS, ids=[f"{e[0]}: {e[2][:30]}" for e in EDITS])
def test_an_edit_changes_the_hash_of_just_these_programs(
    copy: Path, before: dict[str, str], file: str, old: str, new: str, expected: set[str]
) -> None:
    text = (copy / file).read_text()
    assert old in text, "the text of this edit is no longer there; write another one that says the same"
    try:
        (copy / file).write_text(text.replace(old, new, 1))
        after = hashes(copy)
    finally:
        (copy / file).write_text(text)
    assert {name for name in before if after[name] != before[name]} == expected


def test_one_program_by_itself_and_among_all_has_the_same_hash(copy: Path, before: dict[str, str]) -> None:
    assert {name: code_hash(script, also, copy) for name, (script, also) in programs(copy).items()} == before


def test_comments_in_every_line_of_every_file_change_nothing(copy: Path, before: dict[str, str]) -> None:
    texts = {path: path.read_text() for path in copy.rglob("*.py")}
    try:
        for path, text in texts.items():
            lines = text.splitlines(keepends=True)
            tokens = tokenize.generate_tokens(io.StringIO(text).readline)
            ends = {token.start[0] for token in tokens if token.type in (tokenize.NEWLINE, tokenize.NL)}
            path.write_text("".join(f"{line}# note\n" if n in ends else line for n, line in enumerate(lines, 1)))
        assert hashes(copy) == before
    finally:
        for path, text in texts.items():
            path.write_text(text)


def test_what_is_below_runtime_reaches_no_program() -> None:
    for script, also in programs(ROOT).values():
        found = reached(script, also)
        below = {(path.name, name) for path, name in found if path.is_relative_to(ROOT / RUNTIME)}
        assert below == ({("journal.py", "FORMAT")} if script.stem in ENGINE_PROGRAMS else set())
        assert any(path == script for path, _ in found)


def test_runtime_imports_nothing_of_the_project_but_itself() -> None:
    for path in (ROOT / RUNTIME).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module]
            ours = [name for name in names if name.split(".")[0] in ("distill", "tools")]
            assert all(f"{name}.".startswith("distill.runtime.") for name in ours), path
