"""Recognises position, session and notification tables by name and shape, for databases without a policy.

Both must fit: a `locations` table of places, `session_types` or `notification_settings` have the name and not the
shape; a table of photos with coordinates has a part of the shape and not the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from advisor.model.catalog import Column, Table
from advisor.model.lookup import Catalog
from advisor.retention.vocabulary import words
from advisor.retention.windows import Window

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z\u00df-\uffff]+|[A-Z]+|\d+")
_PREFIXES = words("app tbl tb t django auth core dbo web my wp sys data db dim fact stg")

GEOLOCATION, SESSION, NOTIFICATION = "geolocation", "session", "notification"
DEFAULT_WINDOWS = {GEOLOCATION: Window(days=90), SESSION: Window(days=30), NOTIFICATION: Window(months=6)}

# A name ending in one of these is a table about the subject, not the stream of rows itself.
_ABOUT = words(
    "type setting preference pref config configuration template status category kind lookup option role permission rule"
    " channel subscription subscriber plan definition master version summary stat statistic hourly daily weekly monthly"
    " aggregate agg rollup zone fence geofence area region route stop site address city country branch store poi place"
    " device endpoint provider policy tag label group member map view report schedule enum attendee participant"
    " registration booking enrollment note feedback review topic job batch cache consent archive backup old tmp"
)
_TRACKING = words(
    "geolocation location position gps track tracking tracker ping coordinate trace telemetry waypoint breadcrumb"
    " movement whereabout checkin geo fix geodata"
)
_LATITUDE = words("lat latitude gps_lat geo_lat lat_deg y_coord")
_LONGITUDE = words("lon lng long longitude gps_lon gps_lng gps_long geo_lon geo_lng geo_long lon_deg x_coord")
_SPATIAL_TYPES = words("geometry geography point")
_PLACE_COLUMNS = words(
    "name title address street city postcode zip zipcode zip_code postal_code country label description"
)
_MOTION = words("speed heading bearing accuracy altitude course velocity hdop satellites battery")

_SESSION_WORDS = words("session")
_SESSION_CONTEXT = words(
    "user web http login auth authentication store storage admin api account customer client express php flask rails"
    " active record data log history laravel ci cookie browser"
)
_TOKENS = words(
    "sid session_id sessionid session_key session_token sessiontoken token token_hash session_hash jti access_token"
    " refresh_token auth_token cookie sess session_uuid key_hash"
)
_PAYLOAD = words("sess session_data payload data session_payload session")
_EXPIRY = re.compile(
    r"^(expire|expires|expired|expiry|expiration|expire_date|expires_on|valid_until|valid_to|ttl)(_?(at|date|time|on|ts|in|timestamp))?$"
)
_ACTIVITY = re.compile(
    r"^last_?(activity|seen|accessed|access|used|active|active_at|ping|heartbeat|request)(_?(at|time|on|ts))?$"
)
_CLIENT = words("ip ip_address ipaddress ip_addr user_agent useragent client_ip remote_addr")

_READ_FLAGS = re.compile(
    r"^(is_?)?(read|seen|viewed|opened|unread|acknowledged|acked|delivered|dismissed|clicked|sent)(_?(at|on|time|flag))?$"
)
_MESSAGE = words("title body message content payload data text subject msg detail details html")
_RECIPIENT = re.compile(
    r"^(user|recipient|receiver|account|student|pupil|parent|member|customer|employee|person|profile|owner|to_user"
    r"|target_user|notifiable|subscriber|teacher|client|contact|player|follower|actor)(_?(id|uuid|guid|key|ref))?$"
)
_SUBJECT_ID = re.compile(r"(_?(id|uuid|guid|key|ref|code|imei|vin|mac))$")
_LOGS = words("log audit event history trail activity journal changelog access")
_LOG_ENDINGS = words("log audit event history trail journal changelog activity")


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a table is taken for and by which signs."""

    kind: str
    why: str


# The same names stand in thousands of tables.
@lru_cache(maxsize=8192)
def name_words(name: str) -> tuple[str, ...]:
    """Return a name's words, lower case, singular, without the usual prefixes.

    >>> name_words("tbl_UserSessions"), name_words("geolocation_data")
    (('user', 'session'), ('geolocation', 'data'))
    """
    words = [_singular(m[0].lower()) for m in _WORD.finditer(name) if not m[0].isdigit()]
    while len(words) > 1 and words[0] in _PREFIXES:
        words = words[1:]
    return tuple(words)


@lru_cache(maxsize=8192)
def snake(name: str) -> str:
    """Return a column's name in snake case: 'expiresAt' is 'expires_at'.

    >>> snake("expiresAt"), snake("userID")
    ('expires_at', 'user_id')
    """
    return "_".join(m[0].lower() for m in _WORD.finditer(name))


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    if word.endswith("statuses"):
        return "status"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "gps")):
        return word[:-1]
    return word


def is_time(column: Column) -> bool:
    """Return whether the column's type is a date or a timestamp."""
    return column.base_type.name in ("timestamptz", "timestamp", "date")


def is_epoch_type(column: Column) -> bool:
    """Return whether the column's type could hold an epoch number."""
    return column.base_type.name in ("int4", "int8", "numeric", "float8")


def recognise(table: Table, catalog: Catalog) -> Recognition | None:
    """Return what the table holds, or None when name and shape do not both say so."""
    columns = catalog.columns.get(table.relation, {})
    if not columns:
        return None
    words = name_words(table.name)
    if not words or words[-1] in _ABOUT:
        return None
    shape = {snake(name): column for name, column in columns.items()}
    return _geolocation(words, shape, table, catalog) or _session(words, shape) or _notification(words, shape)


def _has_moment(shape: dict[str, Column]) -> bool:
    return any(is_time(c) for c in shape.values()) or any(
        is_epoch_type(c)
        and re.search(
            r"(_at|_time|_ts|timestamp|epoch|last_activity|expires?|^ts|^time)(_(s|ms|us|ns|sec|millis))?$", name
        )
        for name, c in shape.items()
    )


def _geolocation(
    words: tuple[str, ...], shape: dict[str, Column], table: Table, catalog: Catalog
) -> Recognition | None:
    names = set(shape)
    tracking = bool(_TRACKING & set(words))
    pair = names & _LATITUDE and names & _LONGITUDE
    spatial = [c for c in shape.values() if c.base_type.name in _SPATIAL_TYPES]
    documents = [
        n
        for n, c in shape.items()
        if c.base_type.name in ("jsonb", "json")
        and n in ("coords", "coordinates", "location", "position", "point", "geo")
    ]
    motion = names & _MOTION
    if not (pair or spatial or documents) or not _has_moment(shape):
        return None
    if names & _PLACE_COLUMNS:
        return None  # a place with a name, not where somebody was
    if not tracking and not (motion and pair):
        return None
    subjects = _subjects(shape, catalog, table)
    if not subjects:
        return None
    if any(_one_row_per(subject, table, catalog) for subject in subjects):
        return None  # the last known position of each: it does not grow
    signs = "latitude and longitude" if pair else "a spatial column" if spatial else "coordinates as JSON"
    return Recognition(GEOLOCATION, f"{signs} of {subjects[0]} over time")


def _subjects(shape: dict[str, Column], catalog: Catalog, table: Table) -> list[str]:
    """Return the columns (snake case) that say whose position it is."""
    keys = {
        c
        for constraint in catalog.constraints_by_table.get(table.relation, ())
        if constraint.type == "f"
        for c in constraint.columns
    }
    last = name_words(table.name)[-1:]
    return [
        name
        for name, column in shape.items()
        if column.name in keys
        or (not _is_own_id(name, last) and name not in ("id", "uuid", "guid", "key") and _SUBJECT_ID.search(name))
        or name in ("user", "device", "vehicle", "driver", "student", "username", "email", "imei")
    ]  # fmt: skip


def _is_own_id(name: str, last: tuple[str, ...]) -> bool:
    """Return whether a column is the number of the row itself: `ping_id` of a table whose name ends in `pings`."""
    parts = name.split("_")
    return len(parts) > 1 and parts[-1] in ("id", "uuid", "guid", "key") and tuple(parts[-2:-1]) == last


def _one_row_per(subject: str, table: Table, catalog: Catalog) -> bool:
    return any(
        index.is_unique and index.predicate is None and [snake(c.column or "") for c in index.columns] == [subject]
        for index in catalog.indexes_by_table.get(table.relation, ())
    )


def _session(words: tuple[str, ...], shape: dict[str, Column]) -> Recognition | None:
    if not _SESSION_WORDS & set(words) or not _has_moment(shape):
        return None
    names = set(shape)
    others = set(words) - _SESSION_WORDS - _SESSION_CONTEXT
    expiry = next((n for n in shape if _EXPIRY.match(n)), None)
    activity = next((n for n in shape if _ACTIVITY.match(n)), None)
    token = next(iter(sorted(names & _TOKENS)), None)
    payload = next((n for n in sorted(names & _PAYLOAD) if not is_time(shape[n])), None)
    client = next(iter(sorted(names & _CLIENT)), None)
    opaque_key = "id" in shape and shape["id"].base_type.name in ("text", "varchar", "bpchar", "uuid", "bytea")
    ends = expiry or activity
    if others:
        # training_sessions, quiz_sessions: a session of something else, unless it has all signs of a log-in.
        fits = ends is not None and (token is not None or opaque_key) and (client is not None or payload == "sess")
    else:
        fits = (
            (ends is not None and any((token, payload, client, opaque_key, _refers_to_user(names))))
            or (token is not None and any((payload, client)))
            or (token is not None and _refers_to_user(names))
        )
    if not fits:
        return None
    signs = [s for s in (token, payload, client, expiry, activity) if s is not None]
    return Recognition(SESSION, "columns " + ", ".join(dict.fromkeys(signs)) if signs else "an opaque key and an end")


def _refers_to_user(names: set[str]) -> bool:
    return any(_RECIPIENT.match(n) for n in names)


def _notification(words: tuple[str, ...], shape: dict[str, Column]) -> Recognition | None:
    alert = bool({"alert", "inbox", "notice"} & set(words[-1:]))
    if "notification" not in words and not alert:
        return None
    if not _has_moment(shape):
        return None
    names = set(shape)
    recipient = next((n for n in shape if _RECIPIENT.match(n)), None)
    flag = next((n for n in shape if _READ_FLAGS.match(n)), None) or ("status" if "status" in names else None)
    message = next(iter(sorted(names & _MESSAGE)), None)
    if recipient is None or (flag is None and message is None):
        return None
    if alert and (flag is None or message is None or flag == "status"):
        return None
    if message is None and not any(
        n in names for n in ("type", "kind", "notification_type", "template_id", "notification_id")
    ):
        return None
    return Recognition(NOTIFICATION, "columns " + ", ".join(n for n in (recipient, message, flag) if n))


def looks_like_log(table: Table) -> bool:
    """Return whether the name says that rows are only ever added: audit_log, events, login_history."""
    words = name_words(table.name)
    return bool(words) and words[-1] in _LOG_ENDINGS


PERSONAL_COLUMNS = words(
    "email mail phone phone_number mobile ip ip_address client_ip remote_addr birth_date birthdate date_of_birth dob"
    " latitude longitude lat lng ssn iban passport user_agent first_name last_name full_name surname address street"
)


def personal_columns(table: Table, catalog: Catalog) -> tuple[str, ...]:
    """Return the columns whose names say that they describe a person."""
    return tuple(name for name in catalog.columns.get(table.relation, {}) if snake(name) in PERSONAL_COLUMNS)
