"""A server that is started, watched, started again when it dies, and ended when nobody needs it any more.

Its folder says how it stands, for those that ask it on this machine or another:
    keeper.json   who watches it (`distill.runtime.presence`)
    address.json  {"url", "start"} while it is well
    failed.json   {"error", "run"}: one line that says why it was given up
    clients/      one file for each program that asks it
    starts.txt    a line for each start: time, machine, port, process
    server.log    what it said
Beside the folder stands `wanted.json`, of the Snakemake whose jobs may need it (`Wanted`).
"""

import fcntl
import logging
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill.runtime.errors import InputError
from distill.runtime.files import write_json
from distill.runtime.ports import Port, claimed, lost_its_port
from distill.runtime.presence import Presence, facts_of, is_there

POLL_SECONDS = 0.5
CHECK_SECONDS = 5.0  # between two questions whether it is well
ANSWER_SECONDS = 10.0  # that it has for saying so
TERM_SECONDS = 20.0  # that it has to end by itself
WORDS = 300  # signs of its reason in an error
MOVES = 5  # starts at other ports, before what it says of a port in use is believed
# An error's line, whatever its log writes before it; vLLM's last ones only say that another process has failed.
FAULT = re.compile(r"(?:^|\s)((?:\w+\.)*\w*(?:Error|Exception): (?!.*\broot cause\b).+)")

# Kills a group of processes when this one is gone, however it ended: its input ends then.
WATCH = 'read -r _; kill -KILL -"$1" 2>/dev/null'


@dataclass(frozen=True)
class Limits:
    """Seconds to get ready, to stand idle, to be unwell; how often a dead one is started again; the port, 0 for any."""

    start: float
    idle: float
    unhealthy: float
    restarts: int
    port: int = 0


class Supervisor:
    """Keeps a server in a folder. `command` returns its words for a machine's name to listen at, and a port.

    `host` is the name that others find it by, `listen` the address that it listens at.
    """

    def __init__(
        self, folder: Path, command: Callable[[str, int], Sequence[str]], limits: Limits, host: str, listen: str
    ):
        self._folder, self._command, self._limits = folder, command, limits
        self._host, self._listen = host, listen
        self._server: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._port: Port | None = None
        self._starts, self._needed_at = 0, time.monotonic()
        self._said = 0  # bytes of the log before this start

    def run(self, prepare: Callable[[], None]) -> None:
        """Serve until nobody needs it, or a SIGTERM. Raises InputError, which stands in `failed.json` too.

        `prepare` is called first, and may raise InputError. Where another supervisor has the folder it returns at once.
        """
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            logging.info("%s: another keeps this server", self._folder)
            return
        _end_on_signals()
        with Presence(self._folder / "keeper.json"):
            try:
                if self._is_needed():  # its job may have waited in a queue for longer than those that wanted it
                    prepare()
                    self._serve()
            except InputError as error:
                run = facts_of(self._folder.parent / "wanted.json").get("run")
                write_json(self._folder / "failed.json", {"error": str(error), "run": run})
                raise
            finally:
                self._end()

    def _serve(self) -> None:
        deaths = moves = 0
        while True:
            self._start()
            ended = self._await_ready()
            if ended is None:
                self._say_where()
                ended = self._attend()
                if ended is None:
                    return
            elif not ended:
                return
            elif moves < MOVES and lost_its_port(self._said_now()):
                moves += 1
                self._end()
                logging.info("the server %s; it is started at another port", ended)
                continue
            elif self._starts == 1 + moves or self._limits.restarts == 0:
                raise InputError(f"the server {ended}")
            deaths += 1
            self._end()
            if deaths > self._limits.restarts:
                raise InputError(f"the server {ended}, after {deaths - 1} restarts (`restarts`)")
            logging.info("the server %s; it is started again", ended)

    def _say_where(self) -> None:
        url = f"http://{self._host}:{self._port.number}/v1"
        write_json(self._folder / "address.json", {"url": url, "start": self._starts})
        logging.info("ready at %s", url)

    def _start(self) -> None:
        """Start the server. Raises InputError for a port in use, or a program that is not there."""
        self._port = claimed(self._limits.port, self._listen)
        words = list(self._command(self._listen, self._port.number))
        self._starts += 1
        try:
            with open(self._folder / "server.log", "ab") as log:
                self._said = log.tell()
                self._server = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
        except OSError as error:
            raise InputError(f"the server cannot be started: {words[0]}: {error.strerror}") from None
        watch = ["sh", "-c", WATCH, "watch", str(self._server.pid)]
        self._watch = subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True)
        with open(self._folder / "starts.txt", "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {self._host} {self._port.number} {self._server.pid}\n")

    def _await_ready(self) -> str | None:
        """Wait until it is well; return how it ended instead, an empty text where nobody waits any more."""
        deadline = time.monotonic() + self._limits.start
        while not self._is_well():
            if (ended := self._ended(" before it was ready")) is not None:
                return ended
            if time.monotonic() > deadline:
                return f"was not ready after {self._limits.start / 60:g} minutes (`start_minutes`){self._last_words()}"
            if not self._is_needed():
                return ""
            time.sleep(POLL_SECONDS)
        return None

    def _attend(self) -> str | None:
        """Watch it; return how it ended or failed, None where nobody needs it any more."""
        well = checked = time.monotonic()
        while self._is_needed():
            if (ended := self._ended()) is not None:
                return ended
            now = time.monotonic()
            if now - checked > CHECK_SECONDS:
                well = time.monotonic() if self._is_well() else well
                checked = time.monotonic()
                if checked - well > self._limits.unhealthy:
                    return f"did not answer at /health for {self._limits.unhealthy:g} s (`unhealthy_seconds`)"
            time.sleep(POLL_SECONDS)
        logging.info("nobody needs it any more")
        return None

    def _is_needed(self) -> bool:
        """Whether anybody asks it, or may soon: a Snakemake that has jobs left, or nobody knows."""
        clients = list((self._folder / "clients").glob("*.json"))
        here = [path for path in clients if is_there(path)]
        for path in set(clients) - set(here):
            path.unlink(missing_ok=True)
        now = time.monotonic()
        if here:
            self._needed_at = now
            return True
        wanted = self._folder.parent / "wanted.json"
        if wanted.exists() and not (is_there(wanted) and facts_of(wanted).get("left")):
            return False
        return now - self._needed_at < self._limits.idle

    def _is_well(self) -> bool:
        where = "127.0.0.1" if self._listen == "0.0.0.0" else self._listen
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with suppress(OSError, ValueError):
            return opener.open(f"http://{where}:{self._port.number}/health", timeout=ANSWER_SECONDS).status == 200
        return False

    def _ended(self, when: str = "") -> str | None:
        """Return how the server's process has ended, and `when`; None while it runs."""
        code = self._server.poll() if self._server else None
        if code is None:
            return None
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return how + when + self._last_words()

    def _said_now(self) -> str:
        with open(self._folder / "server.log", encoding="utf-8", errors="replace") as file:
            file.seek(self._said)
            return file.read()

    def _last_words(self) -> str:
        log = self._folder / "server.log"
        lines = [line.strip() for line in self._said_now().splitlines() if line.strip()]
        faults = [found[1] for line in lines if (found := FAULT.search(line))]
        said = (faults or lines)[-1:]
        return f": {said[0][:WORDS]} (more in {log})" if said else f" (it said nothing in {log})"

    def _end(self) -> None:
        """End the server and all that it has started."""
        (self._folder / "address.json").unlink(missing_ok=True)
        if self._server is not None:
            for number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, TERM_SECONDS)):
                with suppress(ProcessLookupError):
                    os.killpg(self._server.pid, number)
                    _await_end(self._server, seconds)
            self._server = None
        if self._watch is not None:
            self._watch.kill()
            self._watch.wait()
            self._watch = None
        if self._port is not None:
            self._port.give_back()
            self._port = None


def _await_end(leader: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Wait until no process of a group is left; raises ProcessLookupError then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        leader.poll()
        os.killpg(leader.pid, 0)
        time.sleep(0.1)


def _end_on_signals() -> None:
    """Let SIGTERM and SIGINT end the program in order."""

    def leave(number: int, _frame: Any) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
