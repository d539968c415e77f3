"""A real SLURM in a folder, from Debian's packages, of one node with two GPUs that are none, or of several with one.

It has ports of its own, and nothing in /etc. Several nodes are as many daemons on this machine.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from distill.runtime.ports import claimed

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "srun")
CLIENTS = ("sbatch", "squeue", "scontrol", "scancel", "sacct", "sinfo", "srun", "sacctmgr", "sshare")
START_SECONDS = 60
# `proctrack/linuxproc` lets a cancelled program live on. The node claims more cores and memory than the machine may
# have; a job that passes its own limit is killed by what watches it every second. A requeued job waits until its
# credential has expired.
CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
ReturnToService=2
SelectType=select/cons_tres
SchedulerParameters=bf_interval=1,sched_interval=1
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
MpiDefault=none
MinJobAge=86400
KillWait=30
MailProg=/bin/true
PartitionName=cpu Nodes=ALL Default=YES MaxTime=2880 State=UP
PartitionName=gpu Nodes=ALL MaxTime=2880 State=UP
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 SocketsPerBoard=1 CoresPerSocket=8"
    " RealMemory=64000 Gres=gpu:h200:{gpus}\n"
)


def why_not() -> str | None:
    """Return why no SLURM can be started here, None where one can."""
    if missing := [name for name in NEEDED if shutil.which(name, path=_path()) is None]:
        return (
            f"no SLURM here: {', '.join(missing)} missing (apt-get install slurm-wlm munge, as `make test-slurm` does)"
        )
    if os.getuid() != 0:
        return "SLURM's daemons are started by root alone"
    return None


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


class Cluster:
    """Daemons in a folder, and the commands that speak to them; to be closed."""

    def __init__(self, folder: Path, nodes: int = 1):
        self.folder, self.host = folder, socket.gethostname()
        self.nodes = [self.host] if nodes == 1 else [f"node{i}" for i in range(nodes)]
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("state", "munge", "bin", *(f"spool-{node}" for node in self.nodes)):
            (folder / name).mkdir()
        self._ports = [claimed(0, "127.0.0.1") for _ in range(1 + nodes)]  # as long as the daemons run
        port, *ports = (each.number for each in self._ports)
        gpus = 2 if nodes == 1 else 1
        lines, devices = [], []
        for i, (node, own) in enumerate(zip(self.nodes, ports, strict=True)):
            lines.append(NODE.format(name=node, host=self.host, port=own, gpus=gpus))
            for gpu in range(gpus):
                device = folder / f"gpu{i + gpu}"
                subprocess.run(["mknod", str(device), "c", "1", "3"], check=True)
                devices.append(f"NodeName={node} Name=gpu Type=h200 File={device}\n")
        self.config = folder / "slurm.conf"
        self.config.write_text(CONFIG.format(folder=folder, host=self.host, port=port) + "".join(lines))
        (folder / "gres.conf").write_text("".join(devices))
        for name in CLIENTS:
            self._wrap(name)

    def _wrap(self, name: str) -> None:
        """Put a client first on PATH that knows this SLURM: the plugin's jobs lose SLURM_CONF."""
        wrapper = self.folder / "bin" / name
        wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={self.config} exec {shutil.which(name)} "$@"\n')
        wrapper.chmod(0o755)

    @property
    def path(self) -> str:
        """Return the PATH with its clients first."""
        return f"{self.folder}/bin:{os.environ['PATH']}"

    def start(self) -> None:
        """Start all daemons, and wait until the node is idle."""
        munge = self.folder / "munge"
        (munge / "key").write_bytes(os.urandom(128))
        munge.chmod(0o700)
        (munge / "key").chmod(0o400)
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={munge / file}" for option, file in files.items()]
        self._start("munged", ["munged", "--force", "--foreground", *options])
        wait_until(lambda: (munge / "socket").exists(), "munged has no socket")
        self.start_controller()
        for node in self.nodes:
            self._start(f"slurmd-{node}", ["slurmd", "-D", "-f", str(self.config), "-N", node])
        wait_until(
            lambda: set(self.ask("sinfo", "-h", "-N", "-o", "%T").splitlines()) == {"idle"}, "a node is not idle"
        )

    def start_controller(self) -> None:
        """Start the controller, again with all that it knew."""
        self._start("slurmctld", ["slurmctld", "-D", "-f", str(self.config)])

    def stop_controller(self) -> None:
        """Kill the controller."""
        process = self._running.pop("slurmctld")
        process.kill()
        process.wait()

    def _start(self, name: str, command: list[str]) -> None:
        with open(self.folder / f"{name}.out", "ab") as out:
            env = {**os.environ, "PATH": _path(), "SLURM_CONF": str(self.config)}
            self._running[name] = subprocess.Popen(command, stdout=out, stderr=out, env=env, start_new_session=True)

    def ask(self, *command: str) -> str:
        """Run a client; return what it says, nothing where it fails."""
        done = self._run(*command)
        return done.stdout.strip() if done.returncode == 0 else ""

    def tell(self, *command: str) -> None:
        """Run a client that must succeed."""
        done = self._run(*command)
        assert done.returncode == 0, done.stdout + done.stderr

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PATH": self.path}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)

    def jobs(self, comment: str) -> list[tuple[str, str]]:
        """Return number and state of the jobs whose comment begins so, ended ones too, in the order they were sent."""
        asked = self.ask("squeue", "-h", "-t", "all", "-S", "i", "-o", "%i %T %k")
        lines = [line.split(maxsplit=2) for line in asked.splitlines()]
        return [(number, state) for number, state, said in lines if said.startswith(comment)]

    def comments(self, partition: str) -> list[str]:
        """Return the comments on all jobs of a partition."""
        return self.ask("squeue", "-h", "-t", "all", "-p", partition, "-o", "%k").splitlines()

    def close(self) -> None:
        """End all jobs and daemons."""
        self.ask("scancel", "--signal=KILL", "--me")
        self.ask("scancel", "--me")
        for process in reversed(self._running.values()):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for port in self._ports:
            port.give_back()


def wait_until(holds: Callable[[], object], complaint: str, seconds: float = START_SECONDS) -> None:
    """Wait until something holds; it must not take for ever."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.1)
