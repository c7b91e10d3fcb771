"""A standalone Spark cluster from the pip-installed PySpark: a master and workers as processes of this machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

_START_SECONDS = 180


class Cluster:
    """Started by making it; `stop` ends it.

    Attributes:
        url: Address of the master.
    """

    def __init__(self, folder: Path, *, workers: int, cores: int = 1, memory: str = "700M") -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        master = self._start("master", "org.apache.spark.deploy.master.Master", "--port", "0")
        self.url = self._until(master, r"spark://[^\s,]+:\d+")
        logs = [
            self._start(
                f"worker{number}",
                "org.apache.spark.deploy.worker.Worker",
                *("--cores", str(cores), "--memory", memory, self.url),
            )
            for number in range(workers)
        ]
        for log in logs:
            self._until(log, "Successfully registered")

    def _start(self, name: str, role: str, *more: str) -> Path:
        import pyspark

        home = Path(str(pyspark.__file__)).parent
        environment = {
            **os.environ,
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_WORKER_DIR": str(self._folder / "work"),
            "SPARK_DAEMON_MEMORY": "256m",
        }
        log = self._folder / f"{name}.log"
        command = [str(home / "bin" / "spark-class"), role, "--host", "127.0.0.1", "--webui-port", "0", *more]
        with log.open("wb") as file:
            self._processes.append(
                subprocess.Popen(
                    command, stdout=file, stderr=subprocess.STDOUT, env=environment, start_new_session=True
                )
            )
        return log

    def _until(self, log: Path, pattern: str) -> str:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if found := re.search(pattern, log.read_text(errors="replace")):
                return found.group(0)
            time.sleep(0.1)
        raise TimeoutError(f"{log.name} did not say {pattern!r}:\n{log.read_text(errors='replace')[-2000:]}")

    def cpu_seconds(self) -> float:
        """User and system time of the daemons and their executors so far."""
        return sum(_cpu_seconds(stat) for stat in _stats() if int(stat[5]) in {one.pid for one in self._processes})

    def kill_a_worker(self) -> None:
        """End the first worker and its executors at once, as a machine does that loses power."""
        os.killpg(self._processes[1].pid, signal.SIGKILL)

    def stop(self) -> None:
        """End all of it."""
        for process in reversed(self._processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=20)


def driver_cpu_seconds() -> float:
    """User and system time of this process's Java so far."""
    return sum(_cpu_seconds(stat) for stat in _stats() if int(stat[3]) == os.getpid() and stat[1] == "(java)")


def _stats() -> list[list[str]]:
    """The fields of /proc/PID/stat of every process."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, _, rest = path.read_text(encoding="ascii", errors="replace").partition(" (")
        except OSError:
            continue  # it ended meanwhile
        name, _, fields = rest.rpartition(") ")
        found.append([number, f"({name})", *fields.split()])
    return found


def _cpu_seconds(stat: list[str]) -> float:
    return sum(int(ticks) for ticks in stat[13:17]) / os.sysconf("SC_CLK_TCK")
