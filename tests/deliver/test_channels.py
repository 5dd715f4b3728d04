"""Mail, webhook, metrics and lock against real servers of their kind on this machine."""

from __future__ import annotations

import json
import multiprocessing
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from prometheus_client.parser import text_string_to_metric_families

from advisor.deliver.lock import Busy, target_lock
from advisor.deliver.mail import mail_settings, make_message, send_mail
from advisor.deliver.outcome import Outcome, Step, headline, outcome_of, speaks
from advisor.deliver.secrets import from_command
from advisor.deliver.textfile import read_before, run_families, write_textfile
from advisor.deliver.webhook import body_of, post, webhook_from
from advisor.errors import DeliveryFailed, UsageError
from advisor.model.history import Changes
from advisor.render.prometheus import report_families
from tests.render.samples import rich_report

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
OUTCOME = Outcome(
    target="db1/shop", at=NOW, exit_code=1, seconds=12.5, database="shop", version="17.10",
    counts=(("critical", 0), ("high", 2), ("medium", 1), ("low", 0)), worst="high",
    steps=(Step(key="index/create:x", severity="high", title='Create index on "Ä" (a)'),), steps_total=3,
)  # fmt: skip


class _Mailbox(Sink):
    """Keeps what it is given; refuses one address."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Any] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.messages.append(message_from_bytes(envelope.content or b"", policy=default))
        return "250 OK"


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.login == b"ann" and data.password == b"s3cret", handled=False)


@pytest.fixture
def mailbox() -> Iterator[tuple[_Mailbox, int]]:
    box = _Mailbox()
    controller = Controller(
        box, hostname="127.0.0.1", port=0, authenticator=_authenticate, auth_require_tls=False, auth_required=False
    )
    # Port 0 needs its number before the controller looks at itself.
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        controller.port = probe.getsockname()[1]
    controller.start()
    yield box, controller.port
    controller.stop()


def test_a_mail_arrives_as_it_should_be_read(mailbox: tuple[_Mailbox, int]) -> None:
    box, port = mailbox
    settings = mail_settings(
        ("dba@example.com", "ops@example.com"), {"host": "127.0.0.1", "port": port, "from": "pgadvise@example.com"}
    )
    send_mail(settings, make_message(settings, OUTCOME, "WHAT TO DO FIRST ───\n“Grüße”\n", "<p>report</p>"))
    (mail,) = box.messages
    assert mail["Subject"] == "pgadvise db1/shop: 2 high, 1 medium"
    assert mail["To"] == "dba@example.com, ops@example.com"
    assert mail["Auto-Submitted"] == "auto-generated"
    body = mail.get_body(("plain",))
    assert "“Grüße”" in body.get_content()
    (attached,) = mail.iter_attachments()
    assert (attached.get_content_type(), attached.get_filename()) == ("text/html", "report.html")


def test_mail_logs_in_with_a_password_from_outside(
    mailbox: tuple[_Mailbox, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, port = mailbox
    table = {"host": "127.0.0.1", "port": port, "from": "p@example.com", "user": "ann"}
    with pytest.raises(UsageError, match="no password"):
        mail_settings(("dba@example.com",), table)
    good = mail_settings(("dba@example.com",), table | {"password_command": "printf s3cret"})
    send_mail(good, make_message(good, OUTCOME, "text\n"))
    assert len(box.messages) == 1
    monkeypatch.setenv("SHOP_MAIL", "wrong")
    bad = mail_settings(("dba@example.com",), table | {"password_env": "SHOP_MAIL"})
    with pytest.raises(DeliveryFailed, match="not accepted") as caught:
        send_mail(bad, make_message(bad, OUTCOME, "text\n"))
    assert "wrong" not in str(caught.value)


def test_mail_that_cannot_go_is_one_sentence(mailbox: tuple[_Mailbox, int]) -> None:
    box, port = mailbox
    table = {"host": "127.0.0.1", "port": port, "from": "p@example.com"}
    refused = mail_settings(("nobody@example.com",), table)
    with pytest.raises(DeliveryFailed, match="could not be handed"):
        send_mail(refused, make_message(refused, OUTCOME, "text\n"))
    away = mail_settings(("dba@example.com",), table | {"port": 1})
    with pytest.raises(DeliveryFailed, match=r"127\.0\.0\.1:1"):
        send_mail(away, make_message(away, OUTCOME, "text\n"))
    half = mail_settings(("dba@example.com", "nobody@example.com"), table)
    with pytest.raises(DeliveryFailed, match="refused for nobody"):
        send_mail(half, make_message(half, OUTCOME, "text\n"))
    assert len(box.messages) == 1, "the other address got its mail"


@pytest.mark.parametrize("address", ["", "dba", "a@b\nBcc: c@d", "Ann <ann@example.com>", "a b@example.com"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="mail address"):
        mail_settings((address,), {"from": "p@example.com"})


@pytest.mark.parametrize(
    "table",
    [
        {"password": "x"},
        {"tls": "yes"},
        {"port": 0},
        {"user": "ann", "host": "mail.example", "password_command": "true"},
    ],
)
def test_wrong_mail_settings_are_refused(table: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        mail_settings(("dba@example.com",), {"from": "p@example.com"} | table)


def test_the_command_of_a_password_never_shows_its_output() -> None:
    assert from_command(["printf", "two words\nmore"], "password") == "two words"
    for command in ("false", "true", "/no/such/program", "", "sh -c 'echo s3cret; exit 3'"):
        with pytest.raises(UsageError) as caught:
            from_command(command, "password")
        assert "s3cret" not in str(caught.value)


class _Hook(BaseHTTPRequestHandler):
    answers: list[int]
    seen: list[tuple[str, dict[str, str], Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen.append((self.path, headers, json.loads(body)))
        code = self.answers.pop(0) if self.answers else 200
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "/elsewhere")
        if code == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Tests print nothing."""


@pytest.fixture
def hook() -> Iterator[tuple[str, type[_Hook]]]:
    handler = type("Handler", (_Hook,), {"answers": [], "seen": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_gets_the_summary(hook: tuple[str, type[_Hook]], monkeypatch: pytest.MonkeyPatch) -> None:
    url, handler = hook
    monkeypatch.setenv("PGADVISE_WEBHOOK_TOKEN", "t0ken")
    post(webhook_from(f"{url}/in?key=1", {}), body_of(OUTCOME))
    ((path, headers, body),) = handler.seen
    assert path == "/in?key=1"
    assert headers["authorization"] == "Bearer t0ken"
    assert body["text"] == "pgadvise db1/shop: 2 high, 1 medium"
    assert body["status"] == "findings"
    assert body["counts"] == {"critical": 0, "high": 2, "medium": 1, "low": 0}
    assert body["steps"][0]["title"] == 'Create index on "Ä" (a)'


def test_a_webhook_is_tried_again_when_busy(hook: tuple[str, type[_Hook]]) -> None:
    url, handler = hook
    handler.answers += [503, 429]
    post(webhook_from(url, {}), body_of(OUTCOME))
    assert len(handler.seen) == 3


@pytest.mark.parametrize(("answer", "posts"), [(404, 1), (302, 1)])
def test_a_webhook_that_refuses_is_one_sentence_without_its_secrets(
    hook: tuple[str, type[_Hook]], answer: int, posts: int
) -> None:
    url, handler = hook
    handler.answers += [answer] * 5
    secret = url.replace("http://", "http://ann:s3cret@") + "/T0KEN/path?key=hidden"
    with pytest.raises(DeliveryFailed) as caught:
        post(webhook_from(secret, {}), body_of(OUTCOME))
    said = str(caught.value)
    assert str(answer) in said and "127.0.0.1" in said
    assert not any(word in said for word in ("s3cret", "T0KEN", "hidden"))
    assert len(handler.seen) == posts
    assert handler.seen[0][1]["authorization"].startswith("Basic ")


def test_a_webhook_that_is_away_is_one_sentence() -> None:
    with pytest.raises(DeliveryFailed, match=r"http://127\.0\.0\.1:1 could not be reached") as caught:
        post(webhook_from("http://ann:s3cret@127.0.0.1:1/T0KEN", {}), body_of(OUTCOME))
    assert "T0KEN" not in str(caught.value) and "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://hooks.example/x", "ftp://x/y", "hooks.example", "https://", "http://[::1", "env:NO"]
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(UsageError):
        webhook_from(url, {})


def test_an_address_from_the_environment_and_plain_http_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "https://hooks.example/secret")
    assert webhook_from("env:HOOK", {}).place == "https://hooks.example"
    assert webhook_from("http://hooks.example/x", {"allow_http": True}).url == "http://hooks.example/x"


def _samples(path: Path) -> dict[tuple[str, str], float]:
    families = list(text_string_to_metric_families(path.read_text()))
    names = [family.name for family in families]
    assert len(names) == len(set(names)), "each metric has one HELP and TYPE"
    return {(s.name, s.labels.get("target", "")): s.value for family in families for s in family.samples}


def test_metrics_are_what_the_official_parser_reads(tmp_path: Path) -> None:
    path = tmp_path / "pgadvise.prom"
    odd = 'a "quoted" \\ name\nand more'
    reports = [
        family
        for name in ("db1/shop", odd)
        for family in report_families(rich_report(), (("target", name), ("database", "shop")))
    ]
    outcomes = [OUTCOME, replace(OUTCOME, target=odd, exit_code=0)]
    write_textfile(path, [*run_families(outcomes), *reports])
    found = _samples(path)
    assert found["pgadvise_run_success", "db1/shop"] == 1
    assert found["pgadvise_run_exit_code", "db1/shop"] == 1
    assert found["pgadvise_run_last_success_timestamp_seconds", "db1/shop"] == NOW.timestamp()
    assert {target for name, target in found if name == "pgadvise_steps"} == {"db1/shop", odd}
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path], "nothing half is left"


def test_a_failed_run_keeps_the_time_of_the_last_success(tmp_path: Path) -> None:
    path = tmp_path / "pgadvise.prom"
    write_textfile(path, run_families([OUTCOME, replace(OUTCOME, target='x "y"')]))
    later = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
    failed = Outcome(target='x "y"', at=later, exit_code=3, seconds=1.0, error="The host is not known.")
    write_textfile(path, run_families([failed], read_before(path)))
    found = _samples(path)
    assert found["pgadvise_run_success", 'x "y"'] == 0
    assert found["pgadvise_run_exit_code", 'x "y"'] == 3
    assert found["pgadvise_run_timestamp_seconds", 'x "y"'] == later.timestamp()
    assert found["pgadvise_run_last_success_timestamp_seconds", 'x "y"'] == NOW.timestamp()


def test_metrics_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DeliveryFailed, match="cannot be written"):
        write_textfile(tmp_path / "missing" / "x.prom", run_families([OUTCOME]))
    (tmp_path / "folder.prom").mkdir()
    with pytest.raises(DeliveryFailed):
        write_textfile(tmp_path / "folder.prom", run_families([OUTCOME]))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def _hold(folder: str, ready: Any, end: Any) -> None:
    with target_lock("host=db1 dbname=shop", "db1/shop", Path(folder)):
        ready.set()
        end.wait(30)


def test_a_lock_keeps_a_second_run_out_until_the_first_is_gone(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(str(tmp_path), ready, end))
    holder.start()
    try:
        assert ready.wait(30)
        with pytest.raises(Busy, match="db1/shop") as caught, target_lock("host=db1 dbname=shop", "db1/shop", tmp_path):
            pass
        assert caught.value.exit_code == 3
        with target_lock("host=db1 dbname=other", "db1/other", tmp_path):
            pass  # another target is free
    finally:
        holder.kill()
        holder.join()
    with target_lock("host=db1 dbname=shop", "db1/shop", tmp_path):
        pass  # a killed run leaves no lock behind


def test_words_for_every_case() -> None:
    calm = replace(OUTCOME, exit_code=0, counts=(("high", 0),))
    assert headline(calm) == "pgadvise db1/shop: nothing to do"
    assert headline(replace(OUTCOME, changes=(("new", 2), ("overdue", 1)))).endswith("; 2 new, 1 overdue")
    assert headline(replace(OUTCOME, changes=())).endswith("; nothing new")
    assert "could not look" in headline(replace(OUTCOME, error="The host is not known."))
    report = rich_report()
    assert outcome_of(report, "x", 0, 1.0).steps_total >= len(outcome_of(report, "x", 0, 1.0).steps) > 0


def test_when_a_quiet_run_speaks() -> None:
    report = rich_report()
    unchanged = replace(report, changes=Changes(previous=NOW, runs=2))
    changed = replace(report, changes=Changes(previous=NOW, runs=2, counts={"new": 1}))
    first = replace(report, changes=Changes(previous=None))
    assert speaks(report, 0, "never"), "nothing to judge by: every report is wanted"
    assert not speaks(report, 0, "high")
    assert speaks(report, 1, "high")
    assert not speaks(unchanged, 0, "never")
    assert speaks(changed, 0, "never")
    assert speaks(first, 0, "never")
