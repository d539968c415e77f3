"""What may be passed on: by the table of licences, and never by one that nobody gave."""

from pathlib import Path

import pytest
from helpers import REPOSITORY
from huggingface_hub import RepoCard

from distill.config.load import load
from distill.publishing.licences import Part, head, prefix, refusal, refusals
from distill.publishing.markdown import fenced, plain, table


def part(licence: str | None, name: str = "x") -> Part:
    return Part("teachers", name, licence, None, "config/catalogue/teachers.yaml", "a/b")


@pytest.mark.parametrize(
    ("licence", "texts", "weights"),
    [("Apache-2.0", True, True), ("mit", True, True), ("cc-by-nc-4.0", True, True), ("cc-by-nc-nd-4.0", False, False),
     ("none", False, False), ("llama3", True, False), ("llama3.1", True, True), (None, False, False),
     ("home-made", False, False)],
)  # fmt: skip
def test_a_licence_allows_or_forbids(licence: str | None, texts: bool, weights: bool) -> None:
    assert (refusal(part(licence), "texts") is None) == texts
    assert (refusal(part(licence), "weights") is None) == weights


def test_a_refusal_names_all_who_forbid_it_and_where_to_say_otherwise() -> None:
    parts = [part(None, "a"), part("none", "b"), part("mit", "c"), part("cc-by-nd-4.0", "d")]
    reasons = refusals(parts, "texts", ["d"])
    assert [reason.split(": ")[1] for reason in reasons] == ["a", "b"]
    assert "config/catalogue/teachers.yaml: a: no `licence`" in reasons[0]


def test_the_head_carries_what_binds_on() -> None:
    assert head([part("mit"), part("MIT")]) == {"license": "mit"}
    assert head([part("mit"), part("cc-by-nc-4.0")]) == {"license": "cc-by-nc-4.0"}
    assert head([part("mit"), part("apache-2.0")]) == {"license": "other", "license_name": "several"}
    assert head([part("mit"), part("qwen-research")]) == {"license": "other", "license_name": "qwen-research"}
    assert head([part("mit"), part(None)]) == {"license": "unknown"}
    assert (prefix([part("mit"), part("llama3.2")]), prefix([part("mit")])) == ("Llama-", "")


def test_shipped_models_have_the_licence_of_their_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    catalogue = load(Path("config"), {"studies": ["toy"]})
    families = {"meta-llama/Llama-3.1": "llama3.1", "meta-llama/Llama-3.2": "llama3.2", "google/": "gemma",
                "meta-llama/Llama-3.3": "llama3.3", "Qwen/Qwen2.5-3B": "qwen-research", "Qwen/Qwen2.5-72B": "qwen",
                "deepseek-ai/DeepSeek-R1-Distill": "mit", "Qwen/QwQ-32B-Preview": "apache-2.0", "UWNSL/": None,
                "Qwen/Qwen2.5-Math": None, "Qwen/Qwen2.5-": "apache-2.0"}  # fmt: skip
    models = [e for e in [*catalogue.teachers.values(), *catalogue.students.values()] if e.model and e.model.hub]
    assert len(models) > 20
    for entry in models:
        family = next(name for name in families if entry.model.hub.startswith(name))
        assert entry.licence == families[family], entry.model.hub


def test_text_from_elsewhere_breaks_no_card() -> None:
    odd = "a | b\n---\n# no *heading* <b> `x` [l](u)"
    assert "\n" not in plain(odd)
    assert table(("h",), [[odd]]).count("\n") == 2
    assert "\\|" in plain(odd)
    assert plain("1. one").startswith("1\\.")
    assert (plain("-40.0"), plain("2.19"), plain("- x")) == ("-40.0", "2.19", "\\- x")
    text = fenced({"x": "```\n---\n````"})
    assert text.startswith("`````yaml\n")
    assert RepoCard(f"---\nlicense: mit\n---\n\n{text}\n").data.license == "mit"
