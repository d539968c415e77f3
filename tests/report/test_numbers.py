"""The numbers of the page against the raw tables of a made-up study, by code that shares nothing with ours: pandas."""

import json
import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import render_page
from analyses import hand_made
from helpers import REPOSITORY, recipe
from report import made_up
from scipy import stats

from distill import analyses
from distill.config import lineage

STUDENTS, DATASETS, SEEDS, SIZES, SAMPLES = 2, 4, 2, (120, 30), 3
STUDY = made_up.study(STUDENTS, DATASETS, SEEDS, len(SIZES))
BENCHMARKS = STUDY["benchmarks"]
PARAMETERS = {"student-0": 3_000_000_000, "student-1": 500_000_000}
SHARES = {"no answer": "n_no_answer", "cut off": "n_cut_off", "errors": "n_errors", "lenient": "n_lenient",
          "ungraded": "n_ungraded", "accuracy": "n_correct"}  # fmt: skip
# Whether more of a signal suits better.
SUITS = {"perplexity": False, "rank-surprisal ratio": False, "local naturalness": True, "overlap, first": True,
         "overlap, first ten": True}  # fmt: skip
Row = dict[str, str]
Path_ = tuple[str, ...]


class Tables(HTMLParser):
    """Collects the rows of a page's tables, each under the headings above it: head -> text."""

    def __init__(self, page: str):
        super().__init__()
        self.rows: list[tuple[Path_, str, Row]] = []  # headings, caption, row
        self._headings: dict[int, str] = {}
        self._into: str | None = None
        self._caption, self._heads = "", []
        self.feed(page)

    def handle_starttag(self, tag: str, *_: Any) -> None:
        if re.fullmatch("h[2-5]", tag):
            level = int(tag[1])
            self._headings = {known: text for known, text in self._headings.items() if known < level} | {level: ""}
            self._into = tag
        elif tag == "caption":
            self._caption, self._into = "", tag
        elif tag == "thead":
            self._heads: list[str] = []
        elif tag == "tr":
            self._row: list[str] = []
        elif tag == "th":
            self._heads.append("")
            self._into = tag
        elif tag == "td":
            self._row.append("")
            self._into = tag

    def handle_data(self, data: str) -> None:
        if self._into == "caption":
            self._caption += data
        elif self._into in ("td", "th"):
            (self._row if self._into == "td" else self._heads)[-1] += data
        elif self._into:
            self._headings[int(self._into[1])] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr" and self._row:
            row = dict(zip(self._heads, self._row, strict=True))
            self.rows.append((tuple(self._headings.values()), self._caption, row))
        if tag == self._into:
            self._into = None


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, pd.DataFrame]:
    """Return the page, and all items of all arms as they stand in the raw tables."""
    root = tmp_path_factory.mktemp("made")
    files = made_up.results(root, STUDY, list(SIZES), SAMPLES, updates=12)
    folder = hand_made.tabulated(root, files, PARAMETERS, **STUDY)
    files |= hand_made.csvs(folder)
    for name in analyses.names():
        needed = {kind: files[kind] for kind in analyses.load(name).NEEDS}
        hand_made.section(root, name, needed, students=sorted(PARAMETERS, key=PARAMETERS.__getitem__))
    sections = [str(root / lineage.Analysis(name).file("section.json")) for name in analyses.names()]
    output = root / lineage.Report().file("index.html")
    template = REPOSITORY / "scripts/distill/report/templates/report.html.j2"
    render_page.main(["--sections", *sections, "--contrasts", str(folder), "--template", str(template), "--recipe",
                      recipe(studies={"study": STUDY}), "--output", str(output)])  # fmt: skip
    frames = []
    for path in sorted((root / "results/scores").rglob("items.parquet")):
        benchmark, _, student, *arm = path.relative_to(root / "results/scores").parts[:-2]
        _, dataset, seed = arm if len(arm) == 3 else ("base", "base", "seed-0")
        names = {"benchmark": benchmark, "student": student, "dataset": dataset, "seed": int(seed[5:])}
        frames.append(pq.ParquetFile(path).read().to_pandas().assign(**names))
    return output.read_text(), pd.concat(frames).assign(root=str(root))


@pytest.fixture(scope="module")
def page(made: tuple[str, pd.DataFrame]) -> list[tuple[Path_, str, Row]]:
    return Tables(made[0]).rows


@pytest.fixture(scope="module")
def items(made: tuple[str, pd.DataFrame]) -> pd.DataFrame:
    return made[1].assign(share=made[1].n_correct / SAMPLES)


def of_blocks(page: list[tuple[Path_, str, Row]], caption: str) -> Iterator[tuple[str, Row]]:
    """Yield (student, row) of the tables with a caption in the blocks of students."""
    for headings, found, row in page:
        if headings[0] == "Students" and found == caption and headings[1].startswith("student-"):
            yield headings[1].split(",")[0], row


def accuracy(items: pd.DataFrame, student: str, dataset: str, benchmark: str | None = None) -> float:
    """Return an accuracy in points: over seeds and problems, and over benchmarks, which weigh the same."""
    dataset = "base" if dataset == "untouched student" else dataset
    own = items[(items.student == student) & (items.dataset == dataset)]
    means = own.groupby("benchmark").share.mean()
    return 100 * float(means.mean() if benchmark is None else means[benchmark])


def same(text: str, number: float) -> bool:
    """Whether a figure with one decimal is a number."""
    return abs(float(text) - number) <= 0.05 + 1e-9


def test_students_stand_by_size(page: list[tuple[Path_, str, Row]]) -> None:
    titles = dict.fromkeys(h[1] for h, _, _ in page if h[0] == "Students" and h[1].startswith("student-"))
    assert [*titles] == ["student-1, 500 million parameters", "student-0, 3 billion parameters"]


def test_students_stand_by_size_in_every_picture_and_table_of_their_own(
    made: tuple[str, pd.DataFrame], page: list[tuple[Path_, str, Row]]
) -> None:
    pictures = dict(zip(re.findall(r'<div class="picture"[^>]*aria-label="(.*?), picture"', made[0]),
                        re.findall(r"<svg .*?</svg>", made[0], re.DOTALL), strict=True))  # fmt: skip
    for title, picture in pictures.items():
        named = re.findall(r">(student-\d)[^<]*<", picture)
        if title not in ("Where the rows went", "Mix shares"):  # panels of datasets, and none
            assert [*dict.fromkeys(named)] == ["student-1", "student-0"], title
    for title in (
        "Lengths by correctness",
        "Where the rows went",
        "Trainings",
        "Parity",
        "Token curve",
        "Suitability",
        "Token shift",
        "Changed answers",
        "Token budgets",
        "Graders",
    ):
        rows = [row for headings, _, row in page if headings[0] == title]
        named = [row.get("student") or row["arm"].split("/")[0] for row in rows]
        assert [*dict.fromkeys(named)] == ["student-1", "student-0"], title


def test_accuracies_and_gains(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    found = [*of_blocks(page, "Arms"), *of_blocks(page, "Arms by benchmark")]
    large = "average of large"
    for student, row in found:
        name = row.get("benchmark")
        only = items[items.benchmark == BENCHMARKS[0]] if name == large else items
        where = None if name in (None, large) else name
        own, base = (accuracy(only, student, arm, where) for arm in (row["trained on"], "base"))
        assert same(row["accuracy"], own)
        if row["trained on"] != "untouched student":
            assert same(row["gain"], own - base)
            assert row["seeds (SD)"].startswith(f"{SEEDS} (SD ")
    assert len(found) == STUDENTS * (DATASETS + 1) * (1 + len(BENCHMARKS) + 1)


def test_contrasts_and_loss_tokens(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    found = [*of_blocks(page, "Contrasts"), *of_blocks(page, "Contrasts by benchmark")]
    estimated = 0
    for student, row in found:
        plus, minus = row["contrast"].split(": ")[1].split(" - ", 1)
        if minus.startswith("the best of"):
            assert (row["points"], row["loss tokens"]) == ("", "")
            continue
        name = row.get("benchmark")
        only = items[items.benchmark == BENCHMARKS[0]] if name == "average of large" else items
        where = None if name in (None, "average of large") else name
        assert same(row["points"], accuracy(only, student, plus, where) - accuracy(only, student, minus, where))
        tokens = [1 + int(arm.rsplit("-")[-1]) for arm in (plus, minus)]  # in thousands, as made up
        assert row["loss tokens"] == f"{tokens[0] / tokens[1]:.2f} : 1"
        assert row["parity"] == "equal"
        estimated += 1
    assert estimated == STUDENTS * (1 + 2 * (DATASETS - 2)) * (1 + len(BENCHMARKS) + 1)


def test_a_gap_between_gaps(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    rows = [row for headings, caption, row in page if caption == "Between students"]
    gaps = [accuracy(items, f"student-{n}", "dataset-1") - accuracy(items, f"student-{n}", "dataset-0")
            for n in (STUDENTS - 1, 0)]  # fmt: skip
    assert len(rows) == 1
    assert same(rows[0]["points"], gaps[0] - gaps[1])


def interval(items: pd.DataFrame, student: str, plus: str, minus: str) -> tuple[float, float]:
    """Return the 95 % interval of a contrast in points, from the formulas of its documentation."""
    own = items[(items.student == student) & (items.dataset != "base")]
    count = len(BENCHMARKS)
    of_problems = divisor = 0.0
    for _, part in items[items.student == student].groupby("benchmark"):
        wide = part.groupby(["dataset", "problem_id"]).share.mean().unstack(0)
        d = wide[plus] - wide[minus]
        n, seen = len(d) + 2, float((d**4).sum() / (d**2).sum())
        seeds = 1 if minus == "base" else SEEDS
        pair = max(seen, ((SAMPLES * seeds) ** (-1 / 3)) ** 2)
        variance = (((d**2).sum() + 2 * pair) / n - (d.sum() / n) ** 2) / n / count**2
        of_problems += variance
        divisor += variance**2 / (n - 1)
    squares = residuals = 0.0
    for dataset in own.dataset.unique():
        arm = own[own.dataset == dataset]
        squares += arm.groupby(["seed", "benchmark"]).share.mean().unstack().mean(axis=1).var(ddof=1)
        for _, part in arm.groupby("benchmark"):
            wide = part.pivot(index="problem_id", columns="seed", values="share")
            rest = wide.sub(wide.mean(axis=1), axis=0).sub(wide.mean(axis=0), axis=1) + wide.to_numpy().mean()
            residuals += float((rest**2).to_numpy().sum()) / (len(wide) - 1) / (SEEDS - 1) / len(wide) / count**2
    share = (1 if minus == "base" else 2) / SEEDS
    noise = share * max(squares - residuals, 0) / DATASETS
    divisor += (share * squares / DATASETS) ** 2 / DATASETS / (SEEDS - 1)
    whole = of_problems + noise
    centre = accuracy(items, student, plus) - accuracy(items, student, minus)
    reach = 100 * stats.t.ppf(0.975, whole**2 / divisor) * math.sqrt(whole)
    return centre - reach, centre + reach


def test_intervals(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    pairs = {(student, *row["contrast"].split(": ")[1].split(" - ", 1)): row["95 % interval"]
             for student, row in of_blocks(page, "Contrasts")}  # fmt: skip
    pairs |= {(student, row["trained on"], "base"): row["95 % of the gain"]
              for student, row in of_blocks(page, "Arms") if row["gain"]}  # fmt: skip
    checked = 0
    for (student, plus, minus), text in pairs.items():
        if not minus.startswith("the best of"):
            for shown, end in zip(text.split(" to "), interval(items, student, plus, minus), strict=True):
                assert same(shown, end), (student, plus, minus)
                checked += 1
    assert checked == 2 * STUDENTS * (1 + 2 * (DATASETS - 2) + DATASETS)


def test_every_seed_and_its_shares(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    found = [*of_blocks(page, "Every seed")]
    for student, row in found:
        dataset = "base" if row["trained on"] == "untouched student" else row["trained on"]
        own = items[(items.student == student) & (items.dataset == dataset) & (items.seed == int(row["seed"]))
                    & (items.benchmark == row["benchmark"])]  # fmt: skip
        assert (int(row["problems"]), int(row["samples"])) == (len(own), SAMPLES)
        for head, column in SHARES.items():
            assert same(row[head], 100 * own[column].sum() / own.n_samples.sum()), (row, head)
    assert len(found) == STUDENTS * (1 + DATASETS * SEEDS) * len(BENCHMARKS)


def test_levels_and_subjects(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    checked = 0
    for column, first in product(("level", "subject"), BENCHMARKS[:1]):
        for student, row in of_blocks(page, f"{first} by {column}"):
            dataset = "base" if row["trained on"] == "untouched student" else row["trained on"]
            own = items[(items.student == student) & (items.dataset == dataset) & (items.seed == int(row["seed"]))
                        & (items.benchmark == first)]  # fmt: skip
            for name, part in own.groupby(column):
                assert same(row[name].split(" (")[0], 100 * part.share.mean())
                checked += 1
    assert checked == STUDENTS * (1 + DATASETS * SEEDS) * (5 + 2)


def test_sentences_and_the_forest_plot_have_the_figures_of_the_tables(
    made: tuple[str, pd.DataFrame], page: list[tuple[Path_, str, Row]]
) -> None:
    rows = [row for student, row in of_blocks(page, "Contrasts")]
    drawn = re.findall(r"<text[^>]*>(.*?)</text>", made[0])
    for row in rows:
        interval = row["95 % interval"]
        assert any(text.startswith(f"{row['points']} ({interval})  {row['reading']}".strip()) for text in drawn), row
        sentences = [row["answer"] for headings, _, row in page if headings[0] == "Answers"]
        assert any(interval in text for text in sentences)
    assert len(rows) == STUDENTS * (1 + 3 * (DATASETS - 2))


def test_the_cost_is_the_sum_of_the_seconds(made: tuple[str, pd.DataFrame]) -> None:
    trained = STUDENTS * DATASETS * SEEDS * 10.2  # seconds, as made up
    assert f"trainings {trained / 60:.1f} minutes of processor" in made[0]
    assert "teachers&#39; responses 4 seconds of processor" in made[0]


def test_changed_answers(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    found = [row for headings, _, row in page if headings[0] == "Changed answers"]
    for row in found:
        of_benchmark = items[(items.benchmark == row["benchmark"]) & (items.student == row["student"])]
        own, other = (of_benchmark[(of_benchmark.dataset == arm) & of_benchmark.seed.isin((0, int(row["seed"])))]
                      for arm in (row["trained on"], row["against"].replace("untouched student", "base")))  # fmt: skip
        both = own.merge(other, on="problem_id", validate="one_to_one")
        right = pd.crosstab(2 * both.n_correct_x > SAMPLES, 2 * both.n_correct_y > SAMPLES)
        gained, lost = right.at[True, False], right.at[False, True]
        assert (int(row["turned right"]), int(row["turned wrong"])) == (gained, lost)
        assert (int(row["both right"]), int(row["neither"])) == (right.at[True, True], right.at[False, False])
        assert int(row["problems"]) == len(both) == SIZES[BENCHMARKS.index(row["benchmark"])]
        p = min(1.0, 2 * stats.binom.cdf(min(gained, lost), gained + lost, 0.5))
        assert row["p"] == ("<0.001" if p < 0.001 else f"{p:.3f}")
    assert len(found) == STUDENTS * (DATASETS + 1 + 2 * (DATASETS - 2)) * len(SIZES) * SEEDS


def test_lengths_by_correctness(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    found = [row for headings, _, row in page if headings[0] == "Lengths by correctness"]
    for row in found:
        dataset = row["trained on"].replace("untouched student", "base")
        own = items[(items.student == row["student"]) & (items.dataset == dataset) & (items.seed == int(row["seed"]))
                    & (items.benchmark == row["benchmark"])]  # fmt: skip
        own = own.assign(each=own.response_tokens / SAMPLES)
        kinds = {"right": own.query("n_correct == n_samples"), "cut off": own.query("n_cut_off == n_samples"),
                 "wrong": own.query("n_correct + n_cut_off + n_errors == 0")}  # fmt: skip
        for kind, part in kinds.items():
            assert int(row[kind]) == len(part)
            if len(part):
                low, middle, high = (round(part.each.quantile(q)) for q in (0.25, 0.5, 0.75))
                assert row[f"tokens {kind}"] == f"{middle} ({low} to {high})"
        assert int(row["mixed"]) == len(own) - sum(map(len, kinds.values()))
    assert len(found) == STUDENTS * (1 + DATASETS * SEEDS) * len(SIZES)


def raw(items: pd.DataFrame, *path: str) -> Any:
    """Return a JSON file of the results."""
    return json.loads(Path(items.root.iloc[0], "results", *path).read_text())


def test_the_funnel(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    found = [row for headings, _, row in page if headings[0] == "Where the rows went"]
    for row in found:
        student, training, dataset, _ = row["arm"].split("/")
        mixed = raw(items, "datasets", dataset, "manifest.json")
        trained = raw(items, "models", *row["arm"].split("/"), "manifest.json")
        rendered = raw(items, "rendered", student, training, dataset, "manifest.json")
        expected = {**mixed["funnel"][row["teacher"]], "in dataset": mixed["teachers"][row["teacher"]],
                    "within cutoff": rendered["teachers"][row["teacher"]],
                    "trained on": trained["trained_on"][row["teacher"]]}  # fmt: skip
        assert {name: int(row[name]) for name in expected} == expected
    assert len(found) == STUDENTS * DATASETS * SEEDS * 2
    assert len({(row["problems"], row["in dataset"], row["trained on"]) for row in found}) == DATASETS * 2 * SEEDS


def test_the_token_curve(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    found = [row for headings, _, row in page if headings[0] == "Token curve"]
    for row in found:
        arm = row["student"], row["training"], row["dataset"]
        tokens = [raw(items, "models", *arm, f"seed-{seed}", "manifest.json")["loss_tokens"]
                  for seed in range(1, SEEDS + 1)]  # fmt: skip
        assert int(row["loss tokens"]) == round(sum(tokens) / SEEDS)
        assert same(row["accuracy"], accuracy(items, row["student"], row["dataset"]))
        assert row["seeds"] == str(SEEDS)
        assert row["curve"] == "dataset-0, dataset-1, dataset-2"  # the fourth differs in more than its budget
    assert [row["dataset"] for row in found] == STUDENTS * ["dataset-0", "dataset-1", "dataset-2"]


def rated(items: pd.DataFrame, student: str, dataset: str) -> pd.DataFrame:
    """Return the rows of suitability of what a dataset took and a student was shown."""
    root = Path(items.root.iloc[0], "results")
    tables = [pq.ParquetFile(path).read().to_pandas().assign(teacher=path.parts[path.parts.index("teachers") + 1])
              for path in root.rglob("suitability.parquet") if student in path.parts]  # fmt: skip
    train = pq.ParquetFile(root / "datasets" / dataset / "train.parquet").read(["problem_id", "teacher", "draw"])
    lost = pq.ParquetFile(root / "rendered" / student / "sft" / dataset / "ledger.parquet").read().to_pandas()
    own = train.to_pandas().merge(pd.concat(tables), on=["problem_id", "teacher", "draw"], validate="one_to_one")
    return own[~own.problem_id.isin(lost.problem_id)]


def signals(own: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """Return signal -> estimate and ends of its interval; each row counts alike."""
    nats, ranks = -own.loglikelihood / own.tokens, own.ranks / own.tokens
    ratio = ranks.mean() / nats.mean()
    errors = {"ratio": ((ranks - ratio * nats) / nats.mean()).std()}

    def around(middle: float, spread: float) -> tuple[float, float, float]:
        reach = stats.t.ppf(0.975, len(own) - 1) * spread / math.sqrt(len(own))
        return middle, middle - reach, middle + reach

    means = {"local naturalness": own.local, "overlap, first": own.top_1 / own.tokens,
             "overlap, first ten": own.top_10 / own.tokens}  # fmt: skip
    return {
        "perplexity": tuple(math.exp(end) for end in around(nats.mean(), nats.std())),
        "rank-surprisal ratio": around(ratio, errors["ratio"]),
        **{name: around(each.mean(), each.std()) for name, each in means.items()},
    }  # type: ignore[return-value]


def test_suitability(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    found = [(headings[-1], row) for headings, _, row in page if headings[0] == "Suitability"]
    before = [row for title, row in found if title == "Signals before training"]
    values: dict[tuple[str, str], dict[str, float]] = {}
    for row in before:
        own = rated(items, row["student"], row["dataset"])
        assert int(row["rows"]) == len(own) == made_up.TRAINED_ROWS - 1
        for name, figures in signals(own).items():
            shown = [100 * figure for figure in figures] if name.startswith("overlap") else figures
            form = "{:.1f} ({:.1f} to {:.1f})" if name.startswith("overlap") else "{:.3f} ({:.3f} to {:.3f})"
            assert row[name] == form.format(*shown)
            values.setdefault((row["student"], name), {})[row["dataset"]] = figures[0]
    assert len(before) == STUDENTS * DATASETS
    orders = [row for title, row in found if title == "The order of each signal, and the gains"]
    for row in orders:
        base = accuracy(items, row["student"], "base")
        assert same(row["gain, accuracy"].split(" (")[0], accuracy(items, row["student"], row["dataset"]) - base)
        for name in SUITS:
            own = pd.Series(values[row["student"], name]).rank(ascending=not SUITS[name])
            assert int(row[name]) == own[row["dataset"]], (row, name)
    assert len(orders) == len(before)
    correlated = [row for title, row in found if title == "Does what suits better gain more?"]
    for row in correlated:
        own = values[row["student"], row["signal"]]
        gains = [accuracy(items, row["student"], dataset) for dataset in own]
        sign = 1 if SUITS[row["signal"]] else -1
        rho = stats.spearmanr([sign * value for value in own.values()], gains).statistic
        assert abs(float(row["Spearman"]) - rho) < 0.0051
        every = [abs(stats.spearmanr(range(DATASETS), order).statistic) for order in permutations(range(DATASETS))]
        assert abs(float(row["p"]) - sum(each >= abs(rho) - 1e-9 for each in every) / len(every)) < 0.00051
    assert len(correlated) == STUDENTS * len(SUITS)


def looked_up(items: pd.DataFrame) -> pd.DataFrame:
    """Return every type of token of every response in the tables of token shift, with who wrote it and who read it."""
    root = Path(items.root.iloc[0], "results/token_shift")
    frames = []
    for path in root.rglob("token_shift.parquet"):
        corpus, kind, *names = path.relative_to(root).parts
        who = names[0] if kind == "teachers" else names[2] if names[1] == "sft" else "untouched student"
        own = pq.ParquetFile(path).read().to_pandas()
        nats = own.set_index("problem_id").loglikelihood
        own = own[["problem_id", "types"]].explode("types", ignore_index=True)
        own = own[["problem_id"]].join(pd.DataFrame(own.types.tolist()))
        # Each type bears an equal part of its response's nats, so that sums are those of responses.
        own["nats"] = own.problem_id.map(-nats / own.groupby("problem_id").token.count())
        frames.append(own.assign(corpus=corpus, writer=kind, who=who, student=path.parent.name, file=str(path)))
    return pd.concat(frames)


def test_token_shift(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    every = looked_up(items)
    found = [(headings[-1], row) for headings, _, row in page if headings[0] == "Token shift"]
    counted = 0
    for title, row in found:
        of_arm = "trained on" in row
        own = every[(every.student == row["student"]) & (every.who == row["trained on" if of_arm else "teacher"])
                    & (every.writer == ("students" if of_arm else "teachers"))]  # fmt: skip
        if title == "The tokens that are shifted most often":
            sums = own.groupby(["kind", "token"])[["count", "shifted", "ranks"]].sum().reset_index()
            for kind in ("style", "words", "mathematics", "layout", "stop"):
                of_kind = sums[(sums.kind == kind) & (sums.shifted >= 3) & (sums.shifted >= sums["count"] / 10)]
                most = of_kind.sort_values(["shifted", "count", "token"], ascending=[False, True, True]).head(8)
                assert row[kind].replace("\u00a0", " ") == "; ".join(
                    f"“{t.token}” {t.shifted} of {t['count']}, rank {t.ranks / t['count']:.1f}"
                    for _, t in most.iterrows()
                )
            counted += 1
            continue
        total = own["count"].sum()
        assert int(row["tokens"]) == total
        assert int(row["responses"]) == own.groupby(["file", "problem_id"]).ngroups
        assert same(row["unshifted"], 100 * (total - own.marginal.sum() - own.shifted.sum()) / total)
        assert same(row["marginal"], 100 * own.marginal.sum() / total)
        assert abs(float(row["nats"]) - own.nats.sum() / total) < 0.00051
        for kind, part in own.groupby("kind"):
            share, of = row[f"of {kind}"].split(" of ")
            assert same(share, 100 * part.shifted.sum() / part["count"].sum())
            assert int(of) == part["count"].sum()
        problems = own.groupby(["corpus", "problem_id"])[["count", "shifted"]].sum()
        share = problems.shifted.sum() / total
        spread = ((problems.shifted - share * problems["count"]) / problems["count"].mean()).std()
        reach = stats.t.ppf(0.975, len(problems) - 1) * spread / math.sqrt(len(problems))
        figures = [100 * each for each in (share, share - reach, share + reach)]
        for text, figure in zip(re.fullmatch(r"(.*) \((.*) to (.*)\)", row["shifted"]).groups(), figures, strict=True):
            assert same(text, figure)
        counted += 1
    assert counted == 2 * STUDENTS * (1 + DATASETS) + STUDENTS * len(made_up.TEACHERS)


def test_graders(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    found = [row for headings, _, row in page if headings[0] == "Graders"]
    for row in found:
        student, *arm = row["arm"].split("/")
        dataset, seed = ("base", 0) if arm == ["untouched student"] else (arm[1], int(arm[2].removeprefix("seed-")))
        own = items[(items.student == student) & (items.dataset == dataset) & (items.seed == seed)
                    & (items.benchmark == row["benchmark"])]  # fmt: skip
        accuracy_ = 100 * own.n_correct.sum() / own.n_samples.sum()
        assert same(row["rule"], accuracy_)
        assert row["matcher"] == "50.0"  # as made up
        assert same(row["matcher against rule"], 50 - accuracy_)
    assert len(found) == STUDENTS * (1 + DATASETS * SEEDS) * len(BENCHMARKS)


def test_agreement_of_graders(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    (row,) = [row for headings, _, row in page if headings[0] == "Agreement of graders"]
    paths = Path(items.root.iloc[0], "results/verdicts").rglob("draw-*/*/manifest.json")
    found = [json.loads(path.read_text())["agreement"]["rule, matcher"] for path in paths]
    sums = {name: sum(each[name] for each in found) for name in found[0]}
    assert int(row["responses"]) == sums["rows"]
    assert row["agree"] == f"{100 * sums['agree'] / sums['rows']:.1f} %"
    assert (int(row["only the first"]), int(row["only the second"])) == (sums["rule_only"], sums["matcher_only"])


def test_shares_are_points_or_percent_with_one_decimal(made: tuple[str, pd.DataFrame]) -> None:
    words = re.sub("(?s)<style>.*?</style>|<svg.*?</svg>|<[^>]*>", " ", made[0])
    assert set(re.findall(r"([\d.]+) ?%", words)) <= {"95", "90", "10", *re.findall(r"\d+\.\d(?= ?%)", words)}
    for headings, _, row in Tables(made[0]).rows:
        if headings[0] in ("Lengths by correctness", "Verdicts"):
            continue  # counts have the same names there
        for head, text in row.items():
            is_share = head in ("rule", "matcher", "judge", "agree", "busy share", *SHARES)
            if is_share or (head.startswith("overlap") and "The order" not in headings[-1]):
                assert re.match(r"-?\d+\.\d( |$)", text) or text == "", (headings, head, text)


def test_teachers(page: list[tuple[Path_, str, Row]], items: pd.DataFrame) -> None:
    root = Path(items.root.iloc[0], "results")
    (row,) = [row for headings, _, row in page if headings[0] == "Teachers"]
    responses, verdicts = (
        [json.loads(path.read_text()) for path in (root / kind).rglob("draw-*/*/manifest.json")]
        for kind in ("responses", "verdicts")
    )
    assert row["teacher"] == "teacher"
    assert int(row["responses"]) == sum(each["rows"] for each in responses) == 8
    assert same(row["tokens"], sum(each["response_tokens"] for each in responses) / 8)
    graded = [sum(each["verdicts"].values()) for each in verdicts]
    assert row["right"] == f"{100 * sum(each['verdicts']['correct'] for each in verdicts) / sum(graded):.1f} %"
