"""What an unattended run needs around the report: a lock, a bound on time, and ways out, also for a failure."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import typer
from psycopg.conninfo import conninfo_to_dict

from advisor.cli.config import Config
from advisor.deadline import Deadline, OutOfTime, deadline
from advisor.dsn import choose_dsn, redact_dsn, shown_host
from advisor.errors import AdvisorError
from advisor.model.report import Report
from advisor.pipeline import ReportOptions, Source
from advisor.units import format_duration, parse_duration

if TYPE_CHECKING:
    from advisor.deliver.mail import MailSettings
    from advisor.deliver.outcome import Outcome
    from advisor.deliver.webhook import Webhook

# The index search may take this part of the whole time; the rest is for collecting, the twin and what comes after.
_SEARCH_SHARE = 0.5


@dataclass
class Channels:
    """Where results go besides standard output and files."""

    mail: MailSettings | None = None
    webhooks: tuple[Webhook, ...] = ()
    textfile: Path | None = None

    @property
    def any(self) -> bool:
        return self.mail is not None or bool(self.webhooks) or self.textfile is not None


@dataclass
class Errand:
    """One unattended run: its limit, and its ways out."""

    target: str
    channels: Channels
    limit: Deadline
    started: float = field(default_factory=time.monotonic)
    done: bool = False  # the work is over; what comes now is delivery

    def bounded(self, options: ReportOptions) -> ReportOptions:
        """Return the options with a search that leaves time for the rest."""
        left = self.limit.left
        if left is None:
            return options
        seconds = min(options.search.time_limit, _SEARCH_SHARE * left)
        return replace(options, search=replace(options.search, time_limit=seconds))

    def looked(self) -> None:
        """End the limit: deliveries have their own."""
        self.done = True
        self.limit.stop()

    def send(self, report: Report, code: int, *, speak: bool, redact: bool) -> list[AdvisorError]:
        """Hand the report to every channel; return the failures. Mail and webhook only where `speak` lets them."""
        if not self.channels.any:
            return []
        from advisor.deliver.outcome import outcome_of
        from advisor.render.prometheus import report_families
        from advisor.workload.redact import redact_report

        if redact:
            report = redact_report(report)
        outcome = outcome_of(report, self.target, code, time.monotonic() - self.started)
        labels = (("target", self.target), ("database", report.database))
        problems = send(self.channels, outcome, speak=speak, text=lambda: _text(report), html=lambda: _html(report))
        return problems + metrics(self.channels, [outcome], report_families(report, labels))

    def fail(self, error: AdvisorError) -> list[AdvisorError]:
        """Tell every channel that nothing could be looked at; return the failures."""
        if not self.channels.any:
            return []
        from advisor.deliver.outcome import Outcome

        outcome = Outcome(
            target=self.target,
            at=datetime.now(UTC),
            exit_code=error.exit_code,
            seconds=time.monotonic() - self.started,
            error=error.message,
            hint=error.hint,
        )
        said = f"{error.message}\n" + (f"{error.hint}\n" if error.hint else "")
        problems = send(self.channels, outcome, speak=True, text=lambda: said, html=None)
        return problems + metrics(self.channels, [outcome], [])


def channels_from(flags: Mapping[str, Any], config: Config) -> Channels:
    """Return where the flags and the configuration want results sent. Raises UsageError before any work is done."""
    # Flags only: a configuration found in some folder must not decide that reports are sent, or where.
    to = flags.get("mail_to") or ()
    urls = flags.get("webhook") or ()
    channels = Channels(textfile=flags.get("textfile"))
    if to:
        from advisor.deliver.mail import mail_settings

        channels.mail = mail_settings(tuple(to), config.mail)
    if urls:
        from advisor.deliver.webhook import webhook_from

        channels.webhooks = tuple(webhook_from(url, config.webhook) for url in urls)
    return channels


@contextmanager
def errand_for(
    flags: Mapping[str, Any], config: Config, source: Source, *, kept: bool, name: str | None = None
) -> Iterator[Errand]:
    """Yield the errand of one run; with a lock where the run sends, keeps or is bounded.

    A failure inside is told to every channel before it goes on; time that is over becomes one, too.
    """
    channels = channels_from(flags, config)
    given = config.get("max_time", flags.get("max_time"))
    seconds = parse_duration(given) if given is not None else None
    target = name or (target_name(source) if source.snapshot is not None or _identity(source) else "database")
    with ExitStack() as stack:
        if source.snapshot is None and not flags.get("testcontainer") and (channels.any or kept or seconds is not None):
            from advisor.deliver.lock import target_lock

            stack.enter_context(target_lock(_identity(source), target))
        limit = stack.enter_context(deadline(seconds))
        errand = Errand(target, channels, limit)
        try:
            yield errand
        except typer.Exit:
            raise
        except BaseException as error:
            failure = _failure(error, errand, seconds)
            if failure is None:
                raise
            limit.stop()
            if not errand.done:
                _complain(errand.fail(failure))
            if failure is error:
                raise
            raise failure from error


def _failure(error: BaseException, errand: Errand, seconds: float | None) -> AdvisorError | None:
    """Return the error as one sentence; None for what is none of ours (Ctrl-C, a bug)."""
    # A library may have turned the end of the time into an error of its own.
    if isinstance(error, OutOfTime) or (errand.limit.rang and not errand.done):
        return AdvisorError(
            f"The time of the run ({format_duration(seconds or 0)}) was over before anything was finished.",
            "Give it more with --max-time.",
        )
    if isinstance(error, AdvisorError):
        return error
    if isinstance(error, psycopg.OperationalError):
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        return AdvisorError(f"The server closed the connection: {reason}.", "Try again.")
    return None


def send(
    channels: Channels, outcome: Outcome, *, speak: bool, text: Any, html: Any, more: Mapping[str, Any] | None = None
) -> list[AdvisorError]:
    """Mail and post one outcome; return the failures. `text` and `html` make the mail's parts when they are wanted."""
    problems: list[AdvisorError] = []
    if channels.mail is not None and speak:
        from advisor.deliver.mail import make_message, send_mail

        attached = html() if html is not None and channels.mail.attach_html else None
        try:
            send_mail(channels.mail, make_message(channels.mail, outcome, text(), attached))
        except AdvisorError as error:
            problems.append(error)
    for webhook in channels.webhooks if speak else ():
        from advisor.deliver.webhook import body_of, post

        try:
            post(webhook, body_of(outcome, more))
        except AdvisorError as error:
            problems.append(error)
    return problems


def metrics(channels: Channels, outcomes: Sequence[Outcome], families: Sequence[Any]) -> list[AdvisorError]:
    """Write the metrics file; return the failure."""
    if channels.textfile is None:
        return []
    from advisor.deliver.textfile import read_before, run_families, write_textfile

    try:
        before = read_before(channels.textfile)
        write_textfile(channels.textfile, [*run_families(outcomes, before), *families])
    except AdvisorError as error:
        return [error]
    return []


def tell_problems(problems: Sequence[AdvisorError]) -> None:
    """Say all that could not be delivered; raise the last of them, whose exit code the run then has."""
    if problems:
        _complain(problems[:-1])
        raise problems[-1]


def _complain(problems: Sequence[AdvisorError]) -> None:
    for problem in problems:
        sys.stderr.write(f"pgadvise: {problem.message}\n")


def target_name(source: Source) -> str:
    """Return what a run's target is called: host/database of the connection, the snapshot's name.

    >>> target_name(Source(dsn="postgresql://ann:s3cret@db1:5433/shop"))
    'db1:5433/shop'
    """
    if source.snapshot is not None:
        return source.snapshot.name
    given = conninfo_to_dict(choose_dsn(source.dsn))
    defaults = {o.keyword.decode(): o.val.decode() if o.val else None for o in psycopg.pq.Conninfo.get_defaults()}
    known = {name: given.get(name) or defaults.get(name) for name in ("host", "hostaddr", "port", "dbname", "user")}
    if given.get("service"):
        return str(given["service"])
    host = shown_host(str(known["host"] or known["hostaddr"] or "localhost"))
    port = f":{known['port']}" if known["port"] not in (None, "5432") else ""
    return f"{host}{port}/{known['dbname'] or known['user'] or ''}"


def _identity(source: Source) -> str:
    """Return the connection without its secrets; empty where the string cannot be understood, which is told later."""
    try:
        return redact_dsn(choose_dsn(source.dsn)) or "defaults"
    except AdvisorError:
        return ""


def _text(report: Report) -> str:
    from advisor.render import render

    return render(report, "text", width=76)


def _html(report: Report) -> str:
    from advisor.render import render

    return render(report, "html")
