"""A report to a web service: one JSON body by POST, retried, timed out, over TLS."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from advisor import __version__
from advisor.deliver.outcome import Outcome, headline
from advisor.errors import DeliveryFailed, UsageError

KEYS = ("allow_http", "token_env")
SCHEMA_VERSION = 1
_LOCAL = ("localhost", "127.0.0.1", "::1")
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 15.0
_ATTEMPTS = 3  # after the first
_LONGEST_PAUSE = 20.0  # however long a server asks us to wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where to post. The whole URL may be a secret: only `place` is ever shown."""

    url: str
    place: str  # https://hooks.example
    token: str | None = None


def webhook_from(text: str, table: Mapping[str, Any]) -> Webhook:
    """Return the webhook for a URL, or for `env:NAME` the URL in that variable. Raises UsageError.

    Only https, unless the host is this machine or [webhook] allow_http is true.
    """
    unknown = sorted(set(table) - set(KEYS))
    if unknown:
        raise UsageError(f"[webhook] has an unknown key '{unknown[0]}'.", f"Known keys: {', '.join(KEYS)}.")
    url = text
    if text.startswith("env:"):
        url = os.environ.get(text[4:], "")
        if not url:
            raise UsageError(f"The webhook's URL should be in the environment variable {text[4:]}, which is not set.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("https", "http"):
        raise UsageError("The webhook's address is not a URL.", "Write it as https://host/path.")
    if parts.scheme == "http" and host not in _LOCAL and not table.get("allow_http", False):
        raise UsageError(
            f"The webhook at {host} would be posted to without encryption.",
            "Use https, or set allow_http = true in [webhook] of pgadvise.toml.",
        )
    place = f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")
    variable = str(table.get("token_env", "PGADVISE_WEBHOOK_TOKEN"))
    return Webhook(url=url, place=place, token=os.environ.get(variable) or None)


def body_of(outcome: Outcome, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what is posted. `text` alone is a message that chat services show."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "pgadvise", "version": __version__},
        "text": headline(outcome),
        "status": outcome.status,
        "target": outcome.target,
        "database": outcome.database,
        "at": outcome.at.isoformat(),
        "exit_code": outcome.exit_code,
        "seconds": round(outcome.seconds, 3),
        "error": outcome.error,
        "hint": outcome.hint,
        "worst": outcome.worst,
        "counts": dict(outcome.counts),
        "changes": dict(outcome.changes) if outcome.changes is not None else None,
        "steps": [asdict(step) for step in outcome.steps],
        "steps_total": outcome.steps_total,
        "gaps": outcome.gaps,
        **(more or {}),
    }


def post(webhook: Webhook, body: Mapping[str, Any]) -> None:
    """Post the body; tried again when the service is busy or away. Raises DeliveryFailed with one sentence."""
    # Half of what the network needs is only needed here.
    import urllib3

    parts = urlsplit(webhook.url)
    headers = {"Content-Type": "application/json", "User-Agent": f"pgadvise/{__version__}"}
    if webhook.token is not None:
        headers["Authorization"] = f"Bearer {webhook.token}"
    elif parts.username is not None:
        headers |= urllib3.make_headers(basic_auth=f"{unquote(parts.username)}:{unquote(parts.password or '')}")
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    retries = urllib3.Retry(
        total=_ATTEMPTS, backoff_factor=0.5, backoff_max=5, status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods={"POST"}, raise_on_status=False, retry_after_max=int(_LONGEST_PAUSE),
        # A redirected POST loses its body or its encryption.
        redirect=False,
    )  # fmt: skip
    try:
        with urllib3.PoolManager(timeout=urllib3.Timeout(_CONNECT_SECONDS, _READ_SECONDS)) as pool:
            answer = pool.request(
                "POST", bare, body=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"), headers=headers,
                retries=retries, redirect=False,
            )  # fmt: skip
    except urllib3.exceptions.HTTPError as error:
        raise DeliveryFailed(f"The webhook {webhook.place} could not be reached: {_reason(error)}.") from None
    if not 200 <= answer.status < 300:
        raise DeliveryFailed(
            f"The webhook {webhook.place} answered {answer.status} {answer.reason or ''}".strip() + "."
        )


def _reason(error: Exception) -> str:
    """Return why in words without the URL, which urllib3 puts into its messages."""
    inner = getattr(error, "reason", None)
    error = inner if isinstance(inner, Exception) else error
    words = {
        "ConnectTimeoutError": "it did not answer in time",
        "ReadTimeoutError": "it did not answer in time",
        "NameResolutionError": "its name is not known",
        "SSLError": "its certificate was not accepted",
        "NewConnectionError": "nothing accepts connections there",
    }
    return words.get(type(error).__name__, f"the connection failed ({type(error).__name__})")
