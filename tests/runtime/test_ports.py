"""Ports that servers listen at: none that another has, none that the kernel gives away, none twice."""

import socket
from pathlib import Path

import pytest

from distill.runtime import ports
from distill.runtime.errors import InputError

HERE = "127.0.0.1"


def test_a_port_is_free_and_none_that_the_kernel_gives_to_connections() -> None:
    port = ports.claimed(0, HERE)
    with socket.create_server((HERE, port.number)):
        assert ports.LOWEST <= port.number < int(ports.KERNELS.read_text().split()[0])
    port.give_back()


@pytest.mark.parametrize("content", [None, "", "x y", "1024 65535", "10050 65535"])
def test_odd_ranges_of_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None) -> None:
    monkeypatch.setattr(ports, "KERNELS", tmp_path / "range")
    if content is not None:
        (tmp_path / "range").write_text(content)
    port = ports.claimed(0, HERE)
    assert ports.LOWEST <= port.number < 32_768
    port.give_back()


def test_a_port_is_claimed_once_until_it_is_given_back() -> None:
    """Though nobody listens at it yet."""
    port = ports.claimed(0, HERE)
    with pytest.raises(InputError, match=f"port {port.number} .* cannot be had: Address already in use"):
        ports.claimed(port.number, HERE)
    port.give_back()
    ports.claimed(port.number, HERE).give_back()


def test_any_port_passes_by_those_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_numbers", lambda: range(20_000, 20_100))
    held = []
    with pytest.raises(InputError, match=r"no port of .* between 20000 and 20099 is free"):
        held.extend(ports.claimed(0, HERE) for _ in range(101))
    assert len({port.number for port in held}) == len(held) > 50
    for port in held:
        port.give_back()


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ("OSError: [Errno 98] Address already in use", True),
        ("ERROR: [Errno 98] error while attempting to bind on address ('127.0.0.1', 9): address already in use", True),
        (
            "The server socket cannot be bound to localhost. port: 29500, useIpv6: false, code: -98, name: EADDRINUSE",
            True,
        ),
        ("zmq.error.ZMQError: Address already in use (addr='tcp://127.0.0.1:9')", True),
        ("srv start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 9", True),
        ("ValueError: the address is in the book", False),
        ("", False),
    ],
)
def test_a_lost_port_is_told_by_words(said: str, lost: bool) -> None:
    assert ports.lost_its_port(said) is lost
