"""Messages to people: mail by SMTP, every other channel by apprise, and always as files. Briefs and alarms go this way.

A letter has a key. To each recipient a key is sent once: what has been sent is on record beside the files, and so is what
may have been. A passing fault is tried again; a lasting one is said, and the next call tries it again.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Literal

from analysis.errors import AskwellError
from analysis.settings import Delivery

#: Seconds between attempts at one recipient; one attempt more than there are waits.
WAITS = (1.0, 4.0)

#: Seconds after which a silent server counts as gone.
TIMEOUT = 20.0

#: Longest text for a chat channel, in characters: Slack folds what is longer.
SHORT = 2_000


class DeliveryError(AskwellError):
    """A message could not be brought to somebody; the sentence says to whom and why."""


@dataclass(frozen=True)
class Picture:
    """A picture of a letter: its name in `cid:<name>`, and the PNG."""

    name: str
    png: bytes


@dataclass(frozen=True)
class Letter:
    """A message in the forms that its channels need.

    Attributes:
        key: What makes it this message and no other, such as `brief-41`; letters, digits, dot and dash.
        text: The plain text; always sent.
        short: A few lines for chat channels.
        html: The mail's body with pictures as `cid:<name>`; empty for text alone.
    """

    key: str
    subject: str
    text: str
    short: str
    html: str = ""
    pictures: tuple[Picture, ...] = ()


Outcome = Literal["sent", "already_sent", "unknown", "failed"]


@dataclass(frozen=True)
class Receipt:
    """What became of a letter to one recipient; `reason` says why where it failed.

    Addresses of channels hold secrets: `recipient` names a chat channel by its kind and place in the list only.
    """

    recipient: str
    outcome: Outcome
    reason: str = ""


def deliver(
    letter: Letter, delivery: Delivery, *, again: bool = False, wait: Callable[[float], None] = time.sleep
) -> tuple[Receipt, ...]:
    """Write the letter as files and send it to everybody who has not had it.

    Args:
        letter: What is sent.
        delivery: To whom and how: the section `[delivery]` of `askwell.toml`, its folder absolute.
        again: True to send it also to those who have, or may have, had it.
        wait: Called with the seconds between attempts.

    Returns:
        One receipt for each recipient, in the order of the settings; empty where nobody is named.
    """
    folder = delivery.folder
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        write_files(letter, delivery)
        record = _Record(folder / "sent")
        receipts = []
        for address in delivery.mail_to:
            message = _mail(letter, delivery.mail_from, address)
            receipts.append(
                record.once(
                    letter.key, address, lambda message=message: _send_mail(message, delivery, wait), again=again
                )
            )
        for number, url in enumerate(delivery.channel_urls(), start=1):
            name = f"channel {number} ({url.partition(':')[0]})"
            receipts.append(
                record.once(letter.key, url, lambda url=url: _notify(letter, url, wait), again=again, name=name)
            )
    return tuple(receipts)


def write_files(letter: Letter, delivery: Delivery) -> tuple[Path, ...]:
    """Write the letter as `.eml`, `.txt` and, where it has one, `.html` with its pictures inside; return their paths."""
    to = ", ".join(delivery.mail_to) or "undisclosed-recipients:;"
    files = {".eml": _mail(letter, delivery.mail_from, to).as_bytes(policy=SMTP), ".txt": letter.text.encode()}
    if letter.html:
        page = letter.html
        for picture in letter.pictures:
            data = base64.b64encode(picture.png).decode()
            page = page.replace(f"cid:{picture.name}", f"data:image/png;base64,{data}")
        files[".html"] = page.encode()
    delivery.folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for suffix, content in files.items():
        path = delivery.folder / f"{letter.key}{suffix}"
        replace_file(path, content)
        paths.append(path)
    return tuple(paths)


# -- mail -------------------------------------------------------------------------------------------------------------


def _mail(letter: Letter, sender: str, to: str) -> EmailMessage:
    """A message with a plain text, an HTML body beside it, and the pictures of that body by content id.

    Its id follows from key and recipient: a mail program that gets it twice shows it once.
    """
    message = EmailMessage()
    message["Subject"] = " ".join(letter.subject.split())
    message["From"] = sender
    message["To"] = to
    message["Date"] = format_datetime(datetime.now(UTC))
    domain = sender.rpartition("@")[2].strip("> ") or "askwell.invalid"
    digest = hashlib.sha256(f"{letter.key}\n{to}".encode()).hexdigest()[:24]
    message["Message-ID"] = f"<{letter.key}.{digest}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    if letter.html:
        page, ids = letter.html, {}
        for picture in letter.pictures:
            ids[picture.name] = make_msgid(picture.name, domain=domain)
            page = page.replace(f"cid:{picture.name}", f"cid:{ids[picture.name][1:-1]}")
        message.add_alternative(page, subtype="html")
        body = message.get_payload()[1]  # type: ignore[index]
        for picture in letter.pictures:
            body.add_related(  # type: ignore[union-attr]
                picture.png, "image", "png", cid=ids[picture.name], filename=f"{picture.name}.png", disposition="inline"
            )
    return message


class _Lasting(Exception):
    """An attempt failed in a way that trying again now would not mend."""


class _Uncertain(Exception):
    """The connection broke after the message was handed over: it may have been sent."""


def _send_mail(message: EmailMessage, delivery: Delivery, wait: Callable[[float], None]) -> None:
    def attempt() -> None:
        with _smtp(delivery) as server:
            _accepted(server.mail(delivery.mail_from.rpartition("<")[2].strip("<> ")))
            _accepted(server.rcpt(str(message["To"]).rpartition("<")[2].strip("<> ")))
            try:
                _accepted(server.data(message.as_bytes(policy=SMTP)))
            except (smtplib.SMTPServerDisconnected, OSError) as problem:
                if isinstance(problem, smtplib.SMTPResponseException):
                    raise
                raise _Uncertain(_said(problem)) from None

    _trying(attempt, wait)


@contextmanager
def _smtp(delivery: Delivery) -> Iterator[smtplib.SMTP]:
    """A connection with the security that the settings name, closed politely where that is still possible."""
    context = ssl.create_default_context()
    if delivery.smtp_security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            delivery.smtp_host, delivery.smtp_port, timeout=TIMEOUT, context=context
        )
    else:
        server = smtplib.SMTP(delivery.smtp_host, delivery.smtp_port, timeout=TIMEOUT)
    try:
        server.ehlo_or_helo_if_needed()
        if delivery.smtp_security == "starttls":
            server.starttls(context=context)
            server.ehlo()
        password = os.environ.get(delivery.smtp_password_env, "")
        if delivery.smtp_user:
            server.login(delivery.smtp_user, password)
        yield server
        try:
            server.quit()
        except (smtplib.SMTPException, OSError):
            return  # the message was taken; that the goodbye was not heard changes nothing
    finally:
        server.close()


def _accepted(answer: tuple[int, bytes]) -> None:
    code, text = answer
    if not 200 <= code < 400:
        raise smtplib.SMTPResponseException(code, text)


def _trying(attempt: Callable[[], None], wait: Callable[[float], None]) -> None:
    """Call until it succeeds; wait between attempts at what may pass, and give up at once on what will not.

    Raises:
        _Lasting: with what was said the last time.
        _Uncertain: from the attempt.
    """
    for pause in (*WAITS, None):
        try:
            return attempt()
        except smtplib.SMTPNotSupportedError as problem:
            raise _Lasting(_said(problem)) from None
        except smtplib.SMTPResponseException as problem:  # RFC 5321, 4.2.1: 4yz may pass, 5yz will not
            if problem.smtp_code >= 500 or pause is None:
                raise _Lasting(_said(problem)) from None
        except (smtplib.SMTPException, OSError) as problem:
            if pause is None or isinstance(problem, ssl.SSLCertVerificationError):
                raise _Lasting(_said(problem)) from None
        wait(pause)
    return None


def _said(problem: Exception) -> str:
    if isinstance(problem, smtplib.SMTPResponseException):
        error = problem.smtp_error
        text = error.decode("utf-8", "replace") if isinstance(error, bytes) else str(error)
        return f"the mail server answered {problem.smtp_code} {' '.join(text.split())}"[:300]
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return (" ".join(str(problem).split()) or type(problem).__name__)[:300]


# -- other channels ---------------------------------------------------------------------------------------------------


def _notify(letter: Letter, url: str, wait: Callable[[float], None]) -> None:
    try:
        import apprise
    except ImportError:
        raise _Lasting("apprise is not installed; run: pip install 'askwell[alerts]'") from None
    channel = apprise.Apprise()
    if not channel.add(url):
        raise _Lasting("apprise does not know this kind of address")

    def attempt() -> None:
        if not channel.notify(body=letter.short[:SHORT], title=letter.subject, body_format=apprise.NotifyFormat.TEXT):
            raise OSError(None, "the channel refused the message or could not be reached")

    _trying(attempt, wait)


# -- what has been sent -----------------------------------------------------------------------------------------------


class _Record:
    """One small file for each letter and recipient: `sending` before, then `sent` or `failed`.

    A `sending` that a killed process left behind, like `unknown`, may have arrived: it is not sent again unasked.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def once(self, key: str, address: str, send: Callable[[], None], *, again: bool, name: str = "") -> Receipt:
        """Send unless that has been done, and record it before and after."""
        name = name or address
        digest = hashlib.sha256(f"{key}\n{address}".encode()).hexdigest()[:32]  # addresses of channels hold secrets
        path = self.folder / f"{digest}.json"
        before = _state(path)
        if before == "sent" and not again:
            return Receipt(name, "already_sent")
        if before in ("sending", "unknown") and not again:
            return Receipt(name, "unknown", "it may have been sent before; send it again with --again")
        self._write(path, key, "sending")
        try:
            send()
        except _Uncertain as problem:
            self._write(path, key, "unknown")
            return Receipt(name, "unknown", f"the connection broke after the message was handed over ({problem})")
        except _Lasting as problem:
            self._write(path, key, "failed")
            return Receipt(name, "failed", str(problem))
        self._write(path, key, "sent")
        return Receipt(name, "sent")

    def _write(self, path: Path, key: str, state: str) -> None:
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        replace_file(path, json.dumps({"key": key, "state": state, "at": moment}).encode())


def _state(path: Path) -> str:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(found.get("state", "")) if isinstance(found, dict) else ""


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole and durable, or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


@contextmanager
def alone(folder: Path, name: str = ".lock") -> Iterator[None]:
    """One holder at a time of a lock in a folder; the kernel frees it when its process dies."""
    with (folder / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def complaints(receipts: Sequence[Receipt]) -> tuple[str, ...]:
    """Return a sentence for each recipient who did not get the letter, or may not have."""
    return tuple(
        f"{receipt.recipient}: {receipt.reason}." for receipt in receipts if receipt.outcome in ("failed", "unknown")
    )
