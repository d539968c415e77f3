"""Programs that ask a server which the workflow starts: they find it, start it where there is none, and wait for it."""

import fcntl
import logging
import os
import re
import shlex
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from distill.runtime.errors import InputError
from distill.runtime.files import write_text
from distill.runtime.presence import Presence, facts_of, is_there

POLL_SECONDS = 0.5
QUEUE_SECONDS = 5.0  # between two looks at SLURM's queue
QUEUED = ("PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "STOPPED", "REQUEUED", "REQUEUE_HOLD")
LAUNCHES = 3  # of one program, for one wait


@dataclass(frozen=True)
class Address:
    """Where a server is, and which of its starts this is."""

    url: str
    start: tuple[str, int]


class Server:
    """A server in a folder (`distill.runtime.supervisor`), as a program that asks it sees it; to be closed.

    `launch` are the words of the program that keeps it. They are run on this machine, or sent to a cluster in the way
    that the Snakemake at work has written into `wanted.json`.
    """

    def __init__(self, folder: Path, launch: Sequence[str]):
        self._folder, self._launch = folder.absolute(), list(launch)
        (self._folder / "clients").mkdir(parents=True, exist_ok=True)
        self._me = Presence(self._folder / f"clients/{uuid.uuid4().hex}.json")
        self._since = self._me.path.stat().st_mtime
        self._keeper: subprocess.Popen[bytes] | None = None
        self._launches, self._not_before = 0, 0.0

    def close(self) -> None:
        """Ask it no more."""
        self._me.close()

    def find(self) -> Address | None:
        """Return where it is, None where it is not well, or not there."""
        facts, keeper = facts_of(self._folder / "address.json"), facts_of(self._folder / "keeper.json")
        if not facts or not is_there(self._folder / "keeper.json"):
            return None
        return Address(facts["url"], (keeper.get("born", ""), facts["start"]))

    def wait(self) -> Address:
        """Return where it is, as soon as it is well; start it if need be. Raises InputError where it was given up."""
        while (address := self.look()) is None:
            time.sleep(POLL_SECONDS)
        return address

    def look(self) -> Address | None:
        """Return where it is, None where it must be waited for; start it if need be.

        Raises InputError where it was given up, or cannot be started.
        """
        if (address := self.find()) is not None:
            self._launches = 0
            return address
        if (error := self._failure()) is not None:
            raise InputError(error)
        if not is_there(self._folder / "keeper.json") and time.monotonic() > self._not_before:
            with self._alone():
                if self._may_start():
                    if self._launches == LAUNCHES:
                        raise InputError(f"the server was started {LAUNCHES} times and left; see {self._folder}")
                    self._launches += 1
                    self._start()
        return None

    def _failure(self) -> str | None:
        """Return why it was given up, since this program began or in the run of this Snakemake."""
        path, wanted = self._folder / "failed.json", self._folder.parent / "wanted.json"
        failed = facts_of(path)
        if not failed:
            return None
        in_this_run = failed.get("run") is not None and failed["run"] == facts_of(wanted).get("run")
        if (in_this_run and is_there(wanted)) or path.stat().st_mtime >= self._since:
            return str(failed["error"])
        return None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one program at a time start it."""
        handle = os.open(self._folder / "launch", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _may_start(self) -> bool:
        """Whether no other has started it, here or in a cluster's queue."""
        if is_there(self._folder / "keeper.json") or self._failure() is not None:
            return False
        if self._keeper is not None and self._keeper.poll() is None:
            return False
        return not self._is_sent()

    def _is_sent(self) -> bool:
        """Whether a job of it waits or runs in SLURM's queue, or has just left it."""
        job = self._folder / "job.txt"
        if not job.exists():
            return False
        number = job.read_text(encoding="utf-8").strip()
        asked = _client("squeue", "--noheader", f"--jobs={number}", "--format=%T")
        if asked.returncode == 0 and asked.stdout.strip() in QUEUED:
            self._not_before = time.monotonic() + QUEUE_SECONDS
            return True
        if asked.returncode and "Invalid job id" not in asked.stderr:
            return True  # SLURM is silent for a moment
        job.unlink()
        return False

    def _start(self) -> None:
        """Start what keeps it. Raises InputError where SLURM refuses."""
        options = facts_of(self._folder.parent / "wanted.json").get("sbatch")
        if options is None:
            logging.info("starting the server; what it says stands in %s", self._folder / "server.log")
            with open(self._folder / "keeper.log", "ab") as log:
                self._keeper = subprocess.Popen(
                    self._launch, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            return
        words = ["sbatch", "--parsable", f"--output={self._folder}/keeper.log", "--open-mode=append", *options]
        sent = _client(*words, "--wrap", "exec " + shlex.join([*self._launch, "--cluster"]))
        if sent.returncode:
            lines = [line for line in sent.stderr.splitlines() if line.strip()] or ["no answer"]
            raise InputError(f"SLURM does not take the server: {re.sub(r'^sbatch: (error: )?', '', lines[-1])}")
        number = sent.stdout.strip().split(";")[0]
        logging.info("the server is job %s of SLURM; what it says stands in %s", number, self._folder / "server.log")
        write_text(self._folder / "job.txt", number + "\n")


def _client(*command: str) -> "subprocess.CompletedProcess[str]":
    """Run one of SLURM's clients. InputError where there is none, or it hangs."""
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{command[0]}: {error}") from None
