"""`askwell serve`: the report site on this machine. Reads only, lists no folder, follows no path out of the site."""

from __future__ import annotations

import ipaddress
import socket
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

import typer

from analysis.errors import AskwellError, NothingToReport
from analysis.settings import read_settings

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'",
    "Cache-Control": "no-cache",
}


#: Seconds in which a request must have come whole; a browser needs none of them.
_PATIENCE = 20


class PortTaken(AskwellError):
    """The address cannot be listened on."""


class SiteHandler(SimpleHTTPRequestHandler):
    """Files of the site by GET and HEAD, with headers that let a browser do little."""

    server_version = "askwell"
    sys_version = ""
    timeout = _PATIENCE

    def end_headers(self) -> None:
        """Add the security headers to every answer."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def send_head(self) -> IO[bytes] | None:  # type: ignore[override]
        """Answer only for files inside the site; a link that leads out of it is not found."""
        translated, root = self.translate_path(self.path), Path(self.directory).resolve()
        if "\0" not in translated:  # no file has such a name, and Python refuses to look for one
            path = Path(translated).resolve()
            if path == root or root in path.parents:
                return super().send_head()  # type: ignore[return-value]
        self.send_error(HTTPStatus.NOT_FOUND)
        return None

    def list_directory(self, path: object) -> None:  # type: ignore[override]
        """Refuse to list a folder."""
        del path
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:
        """Keep addresses of readers of the report out of every log."""


class SiteServer(ThreadingHTTPServer):
    """Answers requests side by side; one that breaks off is no event, and any other failure is told without an address."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say what failed, where it is ours."""
        problem = sys.exc_info()[1]
        if not isinstance(problem, ConnectionError | TimeoutError):
            typer.echo(f"A request could not be answered: {problem!r}", err=True)


class SiteServer6(SiteServer):
    """The same on an address of IPv6."""

    address_family = socket.AF_INET6


def serve_site(settings_file: Path, host: str, port: int) -> None:
    """Serve the site until interrupted.

    Raises:
        NothingToReport: there is no site yet.
        PortTaken: the address is in use or not this machine's.
    """
    site = read_settings(settings_file).folders.site
    if not (site / "index.html").exists():
        raise NothingToReport(f"{site} holds no site yet: run `askwell run` (or `make demo`) first.")
    try:
        kind = SiteServer6 if ":" in host else SiteServer
        server = kind((host, port), partial(SiteHandler, directory=str(site)))
    except OSError as problem:
        raise PortTaken(f"Cannot listen on {host}:{port} ({problem.strerror}); choose another --port.") from None
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"http://{shown}:{server.server_port}/  (Ctrl-C ends it)")
    if not _is_loopback(host):
        typer.echo(
            "There is no log-in: everybody who reaches this address can read the reports. docs/reports.md says how to "
            "put single sign-on before it.",
            err=True,
        )
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
