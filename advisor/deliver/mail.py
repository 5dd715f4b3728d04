"""A report by mail: plain text that reads well, HTML beside it where wanted; smtplib from the standard library."""

from __future__ import annotations

import os
import smtplib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid, parseaddr
from typing import Any

from advisor.deliver.outcome import Outcome, headline
from advisor.deliver.secrets import from_command, from_environment
from advisor.errors import DeliveryFailed, UsageError
from advisor.render.clean import one_line

KEYS = ("host", "port", "user", "from", "tls", "password_env", "password_command", "attach_html")
_PORTS = {"none": 25, "starttls": 587, "ssl": 465}
_SECONDS = 30.0
_SUBJECT = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """The server that takes the mail. `tls`: none, starttls or ssl."""

    to: tuple[str, ...]
    sender: str
    host: str = "localhost"
    port: int = 25
    tls: str = "none"
    user: str | None = None
    password: str | None = None
    attach_html: bool = False


def mail_settings(to: tuple[str, ...], table: Mapping[str, Any]) -> MailSettings:
    """Return the settings from [mail] of the configuration, with PGADVISE_SMTP_* of the environment before it.

    The password comes from PGADVISE_SMTP_PASSWORD, from the variable `password_env` names, or from
    `password_command`. Raises UsageError.
    """
    unknown = sorted(set(table) - set(KEYS))
    if unknown:
        raise UsageError(f"[mail] has an unknown key '{unknown[0]}'.", f"Known keys: {', '.join(KEYS)}.")

    def value(name: str, default: Any = None) -> Any:
        return os.environ.get(f"PGADVISE_SMTP_{name.upper()}") or table.get(name, default)

    tls = str(value("tls", "none"))
    if tls not in _PORTS:
        raise UsageError(f"[mail] tls is '{tls}'.", "Choose one of: none, starttls, ssl.")
    port = str(value("port", _PORTS[tls]))
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"[mail] port is '{port}', which is no port.")
    user = value("user")
    host = str(value("host", "localhost"))
    if user and tls == "none" and host not in ("localhost", "127.0.0.1", "::1"):
        raise UsageError(
            "[mail] would send the password without encryption.", 'Set tls = "starttls" or "ssl" (PGADVISE_SMTP_TLS).'
        )
    return MailSettings(
        to=tuple(_address(address) for address in to),
        sender=_address(str(value("from") or f"pgadvise@{socket.getfqdn()}")),
        host=host,
        port=int(port),
        tls=tls,
        user=str(user) if user else None,
        password=_password(table) if user else None,
        attach_html=bool(table.get("attach_html", False)),
    )


def _password(table: Mapping[str, Any]) -> str:
    if os.environ.get("PGADVISE_SMTP_PASSWORD"):
        return os.environ["PGADVISE_SMTP_PASSWORD"]
    if "password_env" in table:
        return from_environment(str(table["password_env"]), "mail server's password")
    if "password_command" in table:
        return from_command(table["password_command"], "mail server's password")
    raise UsageError(
        "[mail] names a user and no password.", "Set PGADVISE_SMTP_PASSWORD, or password_env or password_command there."
    )


def _address(text: str) -> str:
    """Return a bare address. Raises UsageError for what is none: a line break in it would be a header."""
    name, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    try:
        known = bool(local and domain and not name) and bool(Address(addr_spec=address))
    except (ValueError, IndexError):
        known = False
    if not known or address != text.strip():
        raise UsageError(f"'{one_line(text)}' is not a mail address.", "Write it as dba@example.com.")
    return address


def make_message(settings: MailSettings, outcome: Outcome, text: str, html: str | None = None) -> EmailMessage:
    """Return the mail about one run: counts in the subject, the report as text, HTML as an attachment."""
    message = EmailMessage(policy=SMTP)
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    subject = one_line(headline(outcome))
    message["Subject"] = subject if len(subject) <= _SUBJECT else subject[: _SUBJECT - 1] + "…"
    message["Date"] = format_datetime(localtime(outcome.at))
    message["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2])
    # RFC 3834: nobody's vacation answer comes back.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    if html is not None:
        message.add_attachment(html.encode(), maintype="text", subtype="html", filename="report.html")
    return message


def send_mail(settings: MailSettings, message: EmailMessage) -> None:
    """Hand the mail to its server. Raises DeliveryFailed with one sentence; the report is not lost by it."""
    where = f"The mail to {', '.join(settings.to)} could not be handed to {settings.host}:{settings.port}"
    try:
        with _session(settings) as server:
            if settings.user is not None and settings.password is not None:
                server.login(settings.user, settings.password)
            refused = server.send_message(message)
    except smtplib.SMTPAuthenticationError as error:
        raise DeliveryFailed(f"{where}: user or password was not accepted.") from error
    except smtplib.SMTPResponseException as error:
        reply = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        raise DeliveryFailed(f"{where}: {error.smtp_code} {one_line(str(reply))}.") from error
    except (smtplib.SMTPException, OSError, ssl.SSLError) as error:
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
        raise DeliveryFailed(f"{where}: {one_line(reason)}.") from error
    if refused:
        raise DeliveryFailed(f"{where}: refused for {', '.join(sorted(refused))}.")


def _session(settings: MailSettings) -> smtplib.SMTP:
    if settings.tls == "ssl":
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=_SECONDS, context=ssl.create_default_context())
    server = smtplib.SMTP(settings.host, settings.port, timeout=_SECONDS)
    if settings.tls == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server
