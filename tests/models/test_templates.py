"""Chat templates: the texts of transformers, in a sandbox with limits, with a pinned clock and opened thinks."""

import resource
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import REPOSITORY, TOY

from distill.models import sandbox
from distill.models.sandbox import Sandbox
from distill.models.templates import ChatTemplate
from distill.runtime.errors import InputError

TURN = "{% for m in messages %}<|user|>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|assistant|>"
TALK = [{"role": "user", "content": "What is 2 < 3 & é数?\n"}]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(TOY / "base-xs")


def with_template(tokenizer: Any, source: str) -> Any:
    return SimpleNamespace(
        get_chat_template=lambda: source, special_tokens_map=tokenizer.special_tokens_map, name_or_path="some/model",
        added_tokens_decoder=tokenizer.added_tokens_decoder, decode=tokenizer.decode,
    )  # fmt: skip


@pytest.mark.parametrize(
    "source",
    [
        None,
        "{%- for m in messages %}\n  {{- m['role'] | upper }}: {{ m.content | trim | tojson }}\n{%- endfor %}\n",
        "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ m }}{% endfor %}{{ eos_token }}",
        "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ m }}{% endfor %}{{ ns.n }}",
        "{% generation %}\n  {{ messages[0].content }}{% set x = 1 %}\n{% endgeneration %}{{ x }}!{{ absent }}",
        "{% for m in messages %}\n  {% if true %}\n{{ m }}{% endif %}\n{% endfor %}",
        "{{ messages }}{{ documents is none }}{{ tools is none }}{{ documents is defined }}",
    ],
)
def test_texts_and_tokens_are_those_of_transformers(tokenizer: Any, source: str | None) -> None:
    from copy import deepcopy

    own = deepcopy(tokenizer)
    own.chat_template = source or own.chat_template
    template = ChatTemplate(own)
    answer = [*TALK, {"role": "assistant", "content": " It is so.\n"}]
    asked = own.apply_chat_template(TALK, add_generation_prompt=True, tokenize=False)
    assert template.prompt_text(TALK) == asked
    assert template.prompt_ids(TALK) == own.apply_chat_template(TALK, add_generation_prompt=True, return_dict=False)
    assert template.conversation_text(TALK, " It is so.\n") == own.apply_chat_template(answer, tokenize=False)


def test_named_templates(tokenizer: Any) -> None:
    from copy import deepcopy

    own = deepcopy(tokenizer)
    own.chat_template = {"default": own.chat_template, "tool_use": "{{ tools }}"}
    assert ChatTemplate(own).prompt_text(TALK) == ChatTemplate(tokenizer).prompt_text(TALK)
    del own.chat_template["default"]
    with pytest.raises(InputError, match=r"no chat template to take .*name one under `model\.chat_template`"):
        ChatTemplate(own)


LOOP = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("{{ range(10**9)|list }}", "Range too big"),
        ("{{ 'a' * 10**10 }}", "memory"),
        ("{{ '%20000000d'|format(1) }}", "writes more"),
        ("{% for i in range(9999) %}{{ 'a' * 9999 }}{% endfor %}", "writes more than"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "calls itself without end"),
        ("{{" + "(" * 5000 + "1" + ")" * 5000 + "}}", "without end"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ nothing.at.all }}", "is undefined"),
        ("{{ raise_exception('only\nsystem') }}", "only$"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ messages.append(1) }}", "safe"),
        ("{{ [1, 2]|random }}", "random"),
        ("{{ lipsum() }}", "undefined"),
        ("{% include 'other' %}", "loader"),
        ("{{ strftime_now('%d') }}", "date: 2026-01-31"),
        ("{% for m in %}", "Expected"),
        ("{% for m in messages %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endfor %}",
         "leaves out what the user says .*name one that writes `message.content` under `model.chat_template`"),
    ],
)  # fmt: skip
def test_a_template_that_goes_wrong_costs_one_line(tokenizer: Any, source: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault) as raised:
        ChatTemplate(with_template(tokenizer, source))
    assert str(raised.value).startswith("some/model: ")
    assert "\n" not in str(raised.value)
    assert ChatTemplate(tokenizer).prompt_text(TALK)  # the next one runs


def test_an_endless_template_is_stopped_even_in_a_thread(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SECONDS", 1)
    errors: list[str] = []

    def run() -> None:
        try:
            ChatTemplate(with_template(tokenizer, LOOP))
        except InputError as error:
            errors.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    (error,) = errors
    assert error.startswith("some/model: ")
    assert error.endswith(" it does not end: stopped after 1 seconds of CPU time")
    assert ChatTemplate(tokenizer).prompt_text(TALK)  # the next one runs


def test_threads_and_forked_processes_get_their_own_texts() -> None:
    own = Sandbox()

    def pairs(name: str) -> bool:
        texts = [f"{name}-{n} " for n in range(40)]
        return [own.render("x", "chat", "{{ a * 99 }}", {"a": text})[0] for text in texts] == [t * 99 for t in texts]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(pairs, "abcdefgh"))
    mine = own._process.pid

    def fork() -> None:
        assert pairs("child")
        assert own._process.pid != mine

    for target in (own.close, fork):
        child = get_context("fork").Process(target=target)
        child.start()
        child.join(60)
        assert child.exitcode == 0
    assert pairs("parent")
    assert own._process.pid == mine
    own.close()


def test_a_sandbox_that_died_is_started_again() -> None:
    own = Sandbox()
    own.render("x", "chat", "1", {})
    own._process.kill()
    own._process.wait()
    assert own.render("x", "chat", "{{ 1 + 1 }}", {})[0] == "2"
    # Too little memory to read the request: it dies while it is written to.
    resource.prlimit(own._process.pid, resource.RLIMIT_AS, (1 << 26, 1 << 26))
    with pytest.raises(InputError, match=r"^x: its process died \(exit code 1\)$"):
        own.render("x", "chat", "{{ a }}", {"a": "a" * (1 << 27)})
    assert own.render("x", "chat", "{{ 2 + 1 }}", {})[0] == "3"
    own.close()


def test_a_cluster_s_own_limits_and_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hard limits may be below ours, and its Python may need folders of libraries to start."""
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/some/lib")
    own = Sandbox()
    assert own.render("x", "chat", "{{ 1 + 1 }}", {})[0] == "2"
    environment = Path(f"/proc/{own._process.pid}/environ").read_bytes()
    assert b"LD_LIBRARY_PATH=/opt/some/lib\0" in environment
    own.close()
    code = (
        "import resource, subprocess, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (900 << 20, 900 << 20))\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (3, 3))\n"
        "sys.path.insert(0, 'scripts')\n"
        "from distill.models.sandbox import SANDBOX\n"
        "print(SANDBOX.render('x', 'chat', '{{ 1 + 1 }}', {})[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.stdout == "2\n", done.stderr


def test_the_clock_is_the_recipe_s(tokenizer: Any) -> None:
    source = with_template(tokenizer, "{{ messages[0].content }}{{ strftime_now('%d %b %Y %H:%M %s') }}")
    days = [ChatTemplate(source, date=day).prompt_text(TALK) for day in ("2026-01-31", "1999-12-01", "2026-01-31")]
    said = TALK[0]["content"]
    assert days == [said + "31 Jan 2026 00:00 1769817600", said + "01 Dec 1999 00:00 944006400", days[0]]
    with pytest.raises(InputError, match="never asks for the time, so `date` has no effect"):
        ChatTemplate(tokenizer, date="2026-01-31")


def test_arguments_reach_the_template_or_are_refused(tokenizer: Any) -> None:
    source = with_template(tokenizer, "{{ enable_thinking|default(true) }}{{ eos_token }}{{ messages[0].content }}")
    said = "False<|end|>" + TALK[0]["content"]
    assert ChatTemplate(source, {"enable_thinking": False}).prompt_text(TALK) == said
    with pytest.raises(InputError, match=r"never reads `template_args\.enable_thinkin`"):
        ChatTemplate(source, {"enable_thinkin": False})
    with pytest.raises(InputError, match="has eos_token from the tokenizer"):
        ChatTemplate(source, {"eos_token": "x"})


@pytest.mark.parametrize(
    ("end", "opened"),
    [
        ("<think>\n", "<think>\n"),
        ("<think>", "<think>"),
        ("[THINK]", "[THINK]"),
        ("<seed:think>", "<seed:think>"),
        ("◁think▷", "◁think▷"),
        ("<think>\n\n</think>\n\n", ""),
        ("<think>\n\n</think>\n\n<think>\n", "<think>\n"),
        ("", ""),
    ],
)
def test_an_opened_think_is_seen(tokenizer: Any, end: str, opened: str) -> None:
    template = ChatTemplate(with_template(tokenizer, TURN + end + "{% endif %}"))
    assert template.opened == template.prefix(None) == opened
    if opened:
        assert template.prefix(opened.strip()) == opened.strip()
        with pytest.raises(InputError, match="leave the key out"):
            template.prefix("")


def test_words_about_thinking_that_a_template_adds_to_the_user_s_turn_open_none(tokenizer: Any) -> None:
    told = TURN.replace("{{ m.content }}", "{{ m.content }} Begin with <think>.<|end|>")
    assert ChatTemplate(with_template(tokenizer, told + "{% endif %}")).opened == ""
    assert ChatTemplate(with_template(tokenizer, told + "<think>\n{% endif %}")).opened == "<think>\n"


def test_an_opened_think_in_the_recipe_s_own_tags(tokenizer: Any) -> None:
    source = with_template(tokenizer, TURN + "<begin>{% endif %}")
    assert ChatTemplate(source, think_tags=("<begin>", "<end>")).opened == "<begin>"
    assert ChatTemplate(source).opened == ""


def test_special_tokens_that_mark_thinking_are_read(tokenizer: Any) -> None:
    from copy import deepcopy

    own = deepcopy(tokenizer)
    own.add_special_tokens({"additional_special_tokens": ["[THINK]", "[/THINK]", "<|other|>"]})
    ids = own("[THINK]3[/THINK]<|other|>4<|pad|>", add_special_tokens=False)["input_ids"]
    assert ChatTemplate(own).response_text(ids).replace(" ", "") == "[THINK]3[/THINK]4"
    assert ChatTemplate(tokenizer).response_text(ids[1:2]) == tokenizer.decode(ids[1:2])


def test_a_response_keeps_its_spaces_where_a_tokenizer_would_tidy_them_up() -> None:
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"7": 0, " ,": 1, " n't": 2, " .": 3}, unk_token="7"))
    words.decoder = decoders.Fuse()
    tidy = PreTrainedTokenizerFast(tokenizer_object=words, clean_up_tokenization_spaces=True)
    tidy.chat_template = "{{ messages[0].content }}"
    assert tidy.decode([0, 1, 2, 3]) == "7,n't."
    assert ChatTemplate(tidy).response_text([0, 1, 2, 3]) == "7 , n't ."
    tidy.add_special_tokens({"additional_special_tokens": ["[THINK]"]})
    assert ChatTemplate(tidy).response_text([4, 0, 1]) == "[THINK]7 ,"
