"""The files of deploy/ are right for the tools that read them: systemd's own check, nginx itself, real start lines."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from base64 import b64encode
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed on this machine")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    copies = []
    for unit in UNITS:
        copy = tmp_path / unit.name
        # Programs must exist for the check: those of this checkout stand in for those of /srv/askwell.
        copy.write_text(unit.read_text(encoding="utf-8").replace("/srv/askwell", str(ROOT)), encoding="utf-8")
        copies.append(str(copy))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *copies],
        capture_output=True, text=True, check=False, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if "askwell" in line]
    assert (said, done.returncode) == ([], 0), done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed on this machine")
def test_the_check_of_the_units_sees_a_mistake(tmp_path: Path) -> None:
    broken = tmp_path / "askwell-broken.service"
    broken.write_text("[Service]\nExecStart=/nowhere/askwell\nRestrat=always\n", encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(broken)], capture_output=True, text=True, check=False
    )
    assert "Restrat" in done.stderr
    assert done.returncode != 0


def test_every_start_line_names_a_program_of_the_environment() -> None:
    for unit in UNITS:
        for program in re.findall(
            r"^ExecStart(?:Pre)?=/srv/askwell/(\S+)", unit.read_text(encoding="utf-8"), re.MULTILINE
        ):
            assert (ROOT / program).exists(), f"{unit.name} starts {program}"


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed on this machine")
def test_nginx_serves_the_site_to_those_who_may(tmp_path: Path) -> None:
    build = tmp_path / "build"
    build.mkdir()
    (build / "index.html").write_text("<p>edition 1", encoding="utf-8")
    (build / ".secret").write_text("no", encoding="utf-8")
    (tmp_path / "site").symlink_to(build)
    (tmp_path / "htpasswd").write_text("growth:{PLAIN}words\n", encoding="utf-8")
    port = free_port()
    server = (ROOT / "deploy" / "nginx" / "askwell.conf").read_text(encoding="utf-8")
    server = server.replace("listen 8080", f"listen 127.0.0.1:{port}").replace(
        "/srv/askwell/site", str(tmp_path / "site")
    )
    server = server.replace("/etc/nginx/askwell.htpasswd", str(tmp_path / "htpasswd"))
    (tmp_path / "nginx.conf").write_text(
        f"{'user root;' if os.geteuid() == 0 else ''} daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ include /etc/nginx/mime.types; access_log off;\n{server}\n}}\n",
        encoding="utf-8",
    )
    command = ["nginx", "-e", str(tmp_path / "error.log"), "-c", str(tmp_path / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    running = subprocess.Popen(command)
    try:
        password = f"Basic {b64encode(b'growth:words').decode()}"
        assert status(port, "/", password) == (200, "<p>edition 1")
        assert status(port, "/")[0] == 401
        assert status(port, "/.secret", password)[0] == 403
        assert status(port, "/../askwell.toml", password)[0] in (400, 404)
        assert status(port, "/", password, "POST")[0] == 403
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(10)


def status(port: int, path: str, password: str = "", method: str = "GET") -> tuple[int, str]:
    for _ in range(100):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request(method, path, headers={"Authorization": password} if password else {})
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, text if answer.status == 200 else ""
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise AssertionError("nginx did not answer")
