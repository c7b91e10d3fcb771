"""Messages to people, against a real SMTP server and a real HTTP server on this machine."""

from __future__ import annotations

import email
import json
import socket
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from analysis.delivery import WAITS, Letter, Picture, Receipt, complaints, deliver
from analysis.settings import Delivery

controller = pytest.importorskip("aiosmtpd.controller")

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
LETTER = Letter(
    key="brief-41",
    subject="Appeals: “Because of you” proven",
    text="Use “Because of you” for everyone.\n",
    short="Use “Because of you” for everyone.",
    html='<p>Use it.</p><img src="cid:hero" alt="A bar">',
    pictures=(Picture("hero", PNG),),
)


class Postbox:
    """What the server does with each message in turn: an answer, or `drop` to break the connection after it came."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.answers: list[str] = []

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer == "drop":
            server.transport.close()  # type: ignore[attr-defined]
            return "250 never heard"
        if answer.startswith("2"):
            self.messages.append(email.message_from_bytes(envelope.content, policy=default))  # type: ignore[attr-defined, arg-type]
            self.recipients += envelope.rcpt_tos  # type: ignore[attr-defined]
        return answer


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, int]]:
    box = Postbox()
    with socket.socket() as free:  # the server wants to know its port before it has one
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = controller.Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box, port
    server.stop()


def settings(folder: Path, port: int, *to: str) -> Delivery:
    return Delivery(
        folder=folder, mail_to=to or ("growth@ledger.example",), mail_from="Askwell <askwell@ledger.example>",
        smtp_host="127.0.0.1", smtp_port=port, channels_env="TEST_CHANNELS",
    )  # fmt: skip


def outcomes(receipts: tuple[Receipt, ...]) -> list[str]:
    return [receipt.outcome for receipt in receipts]


def test_a_letter_arrives_with_text_page_and_picture_by_content_id(
    tmp_path: Path, postbox: tuple[Postbox, int]
) -> None:
    box, port = postbox
    assert outcomes(deliver(LETTER, settings(tmp_path, port))) == ["sent"]
    (message,) = box.messages
    assert message["Subject"] == LETTER.subject
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n") == LETTER.text  # type: ignore[union-attr]
    page = message.get_body(("related", "html"))
    html = next(part for part in message.walk() if part.get_content_type() == "text/html").get_content()
    picture = next(part for part in message.walk() if part.get_content_type() == "image/png")
    assert page is not None
    assert f"cid:{picture['Content-ID'][1:-1]}" in html
    assert picture.get_content() == PNG


def test_a_letter_is_always_written_as_files_also_where_nobody_is_named(tmp_path: Path) -> None:
    nobody = Delivery(folder=tmp_path, channels_env="TEST_CHANNELS")
    assert deliver(LETTER, nobody) == ()
    assert {path.suffix for path in tmp_path.glob("brief-41.*")} == {".eml", ".html", ".txt"}
    assert "data:image/png;base64," in (tmp_path / "brief-41.html").read_text(encoding="utf-8")


def test_nothing_is_sent_twice_unless_asked_for_and_each_recipient_counts_alone(
    tmp_path: Path, postbox: tuple[Postbox, int]
) -> None:
    box, port = postbox
    deliver(LETTER, settings(tmp_path, port, "a@ledger.example"))
    again = deliver(LETTER, settings(tmp_path, port, "a@ledger.example", "b@ledger.example"))
    assert outcomes(again) == ["already_sent", "sent"]
    assert box.recipients == ["a@ledger.example", "b@ledger.example"]
    assert outcomes(deliver(LETTER, settings(tmp_path, port, "a@ledger.example"), again=True)) == ["sent"]


def test_a_passing_fault_is_tried_again(tmp_path: Path, postbox: tuple[Postbox, int]) -> None:
    box, port = postbox
    box.answers = ["451 try later", "250 taken"]
    waited: list[float] = []
    assert outcomes(deliver(LETTER, settings(tmp_path, port), wait=waited.append)) == ["sent"]
    assert waited == [WAITS[0]]


def test_a_lasting_fault_is_said_at_once_and_the_next_call_tries_again(
    tmp_path: Path, postbox: tuple[Postbox, int]
) -> None:
    box, port = postbox
    box.answers = ["554 no thanks"]
    waited: list[float] = []
    (receipt,) = deliver(LETTER, settings(tmp_path, port), wait=waited.append)
    assert (receipt.outcome, waited) == ("failed", [])
    assert complaints((receipt,)) == ("growth@ledger.example: the mail server answered 554 no thanks.",)
    assert outcomes(deliver(LETTER, settings(tmp_path, port))) == ["sent"]


def test_a_server_that_is_not_there_is_said_after_every_attempt(tmp_path: Path) -> None:
    waited: list[float] = []
    (receipt,) = deliver(LETTER, settings(tmp_path, 1), wait=waited.append)
    assert receipt.outcome == "failed"
    assert "refused" in receipt.reason
    assert waited == list(WAITS)


def test_what_may_have_arrived_is_not_sent_again_unasked(tmp_path: Path, postbox: tuple[Postbox, int]) -> None:
    box, port = postbox
    box.answers = ["drop"]
    assert outcomes(deliver(LETTER, settings(tmp_path, port), wait=lambda _: None)) == ["unknown"]
    assert outcomes(deliver(LETTER, settings(tmp_path, port))) == ["unknown"]
    assert box.messages == []
    assert outcomes(deliver(LETTER, settings(tmp_path, port), again=True)) == ["sent"]


def test_a_process_killed_while_sending_leaves_a_letter_that_is_not_sent_again(
    tmp_path: Path, postbox: tuple[Postbox, int]
) -> None:
    box, port = postbox
    deliver(LETTER, settings(tmp_path, port))
    (state,) = (tmp_path / "sent").glob("*.json")
    state.write_text(json.dumps({"state": "sending"}), encoding="utf-8")
    assert outcomes(deliver(LETTER, settings(tmp_path, port))) == ["unknown"]
    assert len(box.messages) == 1


def test_a_subject_cannot_add_a_header(tmp_path: Path, postbox: tuple[Postbox, int]) -> None:
    box, port = postbox
    hostile = Letter("k", "Hello\r\nBcc: victim@example.org", "text", "short")
    deliver(hostile, settings(tmp_path, port))
    assert box.messages[0]["Bcc"] is None
    assert box.messages[0]["Subject"] == "Hello Bcc: victim@example.org"


@pytest.fixture
def webhook() -> Iterator[tuple[list[dict[str, object]], str]]:
    taken: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            taken.append(json.loads(self.rfile.read(length)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield taken, f"json://127.0.0.1:{server.server_port}/secret"
    server.shutdown()
    server.server_close()


def test_other_channels_get_the_short_form_once_and_their_address_is_not_named(
    tmp_path: Path, webhook: tuple[list[dict[str, object]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("apprise")
    taken, url = webhook
    monkeypatch.setenv("TEST_CHANNELS", f"{url} nonsense://x")
    nobody = Delivery(folder=tmp_path, channels_env="TEST_CHANNELS")
    first = deliver(LETTER, nobody, wait=lambda _: None)
    assert outcomes(first) == ["sent", "failed"]
    assert taken[0]["message"] == LETTER.short
    assert taken[0]["title"] == LETTER.subject
    assert outcomes(deliver(LETTER, nobody, wait=lambda _: None)) == ["already_sent", "failed"]
    assert "secret" not in " ".join(complaints(first)) + first[0].recipient
