"""Processes that tests start for real, in a session of their own, and end with everything that they started."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import dagster as dg

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent

T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def eventually(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """What a look finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


class Service:
    """A process, its output in a file, and its end."""

    def __init__(
        self, command: Sequence[str | Path], log: Path, *, cwd: Path, env: Mapping[str, str], user: str | None = None
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                **({} if user is None else {"user": user, "group": group_of(user), "extra_groups": []}),
            )  # fmt: skip

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def end(self, how: signal.Signals = signal.SIGTERM, seconds: float = 30) -> None:
        """Send a signal to the whole session, and SIGKILL to what is left of it."""
        for number in (how, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
        self.process.wait(10)


def group_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def programs_of_postgres() -> Path | None:
    """Folder of Debian's PostgreSQL programs, the newest; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def postgres() -> Iterator[int]:
    """A PostgreSQL of its own with a database and a role `askwell`, without a password; its port.

    It refuses to run as root, and its user sees nothing of the tests' own folders.
    """
    programs = programs_of_postgres()
    assert programs is not None
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="askwell-postgres-"))
    if user is not None:
        shutil.chown(folder, user)
    as_user = {} if user is None else {"user": user, "group": group_of(user), "extra_groups": []}
    data, port = folder / "data", free_port()
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "askwell", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"],
        cwd=folder, check=True, capture_output=True, **as_user,
    )  # fmt: skip
    command = [programs / "postgres", "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1", "-F"]
    server = Service(command, folder / "log", cwd=folder, env=dict(os.environ), user=user)
    ready = [str(programs / "pg_isready"), *at_port(port)]
    try:
        eventually(lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0, 30, "PostgreSQL")
        subprocess.run([programs / "createdb", *at_port(port), "askwell"], check=True)
        yield port
    finally:
        server.end(signal.SIGINT)
        shutil.rmtree(folder)


def at_port(port: int) -> list[str]:
    """How a client of PostgreSQL finds it."""
    return ["-h", "127.0.0.1", "-p", str(port), "-U", "askwell"]


def run_states(instance: dg.DagsterInstance) -> list[tuple[str, str]]:
    """Job and status of every run, oldest first."""
    return [(run.job_name, run.status.value) for run in reversed(instance.get_runs())]
