"""`askwell serve`: the report site on this machine. Reads only, lists no folder, follows no path out of the site."""

from __future__ import annotations

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


class PortTaken(AskwellError):
    """The address cannot be listened on."""


class SiteHandler(SimpleHTTPRequestHandler):
    """Files of the site by GET and HEAD, with headers that let a browser do little."""

    server_version = "askwell"
    sys_version = ""

    def end_headers(self) -> None:
        """Add the security headers to every answer."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def send_head(self) -> IO[bytes] | None:  # type: ignore[override]
        """Answer only for files inside the site; a link that leads out of it is not found."""
        path = Path(self.translate_path(self.path)).resolve()
        root = Path(self.directory).resolve()
        if path != root and root not in path.parents:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()  # type: ignore[return-value]

    def list_directory(self, path: object) -> None:  # type: ignore[override]
        """Refuse to list a folder."""
        del path
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:
        """Keep addresses of readers of the report out of every log."""


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
        server = ThreadingHTTPServer((host, port), partial(SiteHandler, directory=str(site)))
    except OSError as problem:
        raise PortTaken(f"Cannot listen on {host}:{port} ({problem.strerror}); choose another --port.") from None
    typer.echo(f"http://{host}:{server.server_port}/  (Ctrl-C ends it)")
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("")
