"""Ports that servers listen at.

A server binds its port seconds after the port was found free, so it may be another's by then. Ports that the kernel
gives to any connection (`/proc/sys/net/ipv4/ip_local_port_range`, ip(7)) are therefore not chosen; a port is claimed
on its machine before its server is started, so that no two of ours take the same; and a server that lost its port all
the same is told by what it said.
"""

import random
import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from distill.runtime.errors import InputError

LOWEST = 10_000  # below it stand ports of known services
TRIES = 100
KERNELS = Path("/proc/sys/net/ipv4/ip_local_port_range")
# Python and uvicorn, the stores of torch and NCCL, ZeroMQ, llama.cpp.
TAKEN = re.compile(r"address (?:is )?already in use|EADDRINUSE|couldn't bind", re.IGNORECASE)


@dataclass(frozen=True)
class Port:
    """A port that is claimed on this machine until it is given back, or this process ends."""

    number: int
    claim: socket.socket

    def give_back(self) -> None:
        """Let others claim it."""
        self.claim.close()


def claimed(port: int, listen: str) -> Port:
    """Claim the port asked for, or any for 0, that nobody listens at. Raises InputError where it is in use."""
    if port:
        return _claimed(port, listen)
    for number in random.SystemRandom().sample(_numbers(), TRIES):
        with suppress(InputError):
            return _claimed(number, listen)
    raise InputError(f"no port of {socket.gethostname()} between {_numbers()[0]} and {_numbers()[-1]} is free")


def _numbers() -> range:
    with suppress(OSError, ValueError, IndexError):
        kernels = int(KERNELS.read_text(encoding="utf-8").split()[0])
        if kernels > LOWEST + TRIES:
            return range(LOWEST, kernels)
    return range(LOWEST, 32_768)


def _claimed(number: int, listen: str) -> Port:
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0mixdistill-port-{number}")  # a name without a file: the kernel forgets it with its owner
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((listen, number))
    except OSError as error:
        claim.close()
        raise InputError(
            f"port {number} (`serve.port`) of {socket.gethostname()} cannot be had: {error.strerror}; leave it out, "
            "and a free one is taken"
        ) from None
    return Port(number, claim)


def lost_its_port(said: str) -> bool:
    """Return whether a server's words say that another had a port that it wanted, for itself or one of its parts."""
    return TAKEN.search(said) is not None
