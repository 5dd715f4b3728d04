"""Recognition by name and shape: what is found, and the look-alikes that must not be."""

from __future__ import annotations

import pytest

from advisor.model.catalog import Constraint
from advisor.model.lookup import Catalog
from advisor.retention.detect import name_words, recognise, snake
from advisor.retention.targets import find_targets
from tests.unit.retention.build import btree, relation, snapshot

FOUND = {
    # positions
    "geolocation_data": (
        "id bigint, student_id bigint, latitude double, longitude double, "
        "timestamp timestamptz",
        "geolocation",
    ),
    "UserLocation": ("id uuid, userId uuid, lat double, lng double, createdAt timestamptz", "geolocation"),
    "tbl_gps_tracks": (
        "id bigint, device_imei text, lat numeric, lon numeric, speed real, "
        "fix_time timestamp",
        "geolocation",
    ),
    "vehicle_positions": ("vehicle_id bigint, location geography, recorded_at timestamptz", "geolocation"),
    "app_location_history": ("id bigint, user_id bigint, coordinates point, ts bigint", "geolocation"),
    "driver_pings": ("driver_id bigint, lat double, long double, at timestamptz", "geolocation"),
    "telemetry": (
        "device_id bigint, latitude double, longitude double, speed real, heading real, "
        "ts timestamptz",
        "geolocation",
    ),
    "bus_fixes": ("bus_id int, latitude real, longitude real, accuracy real, time timestamptz", "geolocation"),
    # sessions
    "sessions": ("sid varchar, user_id bigint, data jsonb, expires_at timestamptz, created_at timestamptz", "session"),
    "session": ("sid varchar not null, sess json not null, expire timestamp not null", "session"),
    "django_session": ("session_key varchar, session_data text, expire_date timestamptz", "session"),
    "laravel_sessions": (
        "id varchar, user_id bigint, ip_address varchar, user_agent text, payload text, "
        "last_activity integer",
        "session",
    ),
    "UserSession": ("id uuid, userId uuid, token text, expiresAt timestamptz", "session"),
    "auth.user_sessions": ("id uuid, user_id uuid, refresh_token text, ip inet, expires_at timestamptz", "session"),
    "tblSessions": ("SessionID varchar, UserID int, LastActivity timestamp, Data text", "session"),
    "http_sessions": ("id text, data bytea, last_accessed timestamptz", "session"),
    "login_sessions": ("token_hash bytea, account_id bigint, created_at timestamptz, user_agent text", "session"),
    # notifications
    "notifications": (
        "id bigint, user_id bigint, title text, body text, is_read boolean, "
        "created_at timestamptz",
        "notification",
    ),
    "Notification": (
        "id uuid, recipientId uuid, message text, readAt timestamptz, "
        "createdAt timestamptz",
        "notification",
    ),
    "laravel_notifications": (
        "id uuid, type varchar, notifiable_type varchar, notifiable_id bigint, data text, "
        "read_at timestamp, created_at timestamp",
        "notification",
    ),
    "push_notifications": ("id bigint, user_id bigint, payload jsonb, sent_at timestamptz", "notification"),
    "user_notification": (
        "id bigint, user_id bigint, notification_id bigint, is_read boolean, "
        "created_at timestamptz",
        "notification",
    ),
    "tbl_notification_log": (
        "id bigint, user_id bigint, message text, status text, "
        "created_at timestamp",
        "notification",
    ),
    "alerts": ("id bigint, user_id bigint, message text, is_read boolean, created_at timestamptz", "notification"),
}  # fmt: skip

NOT_FOUND = {
    "locations": "id bigint, name text, address text, latitude double, longitude double, created_at timestamptz",
    "location": "id bigint, latitude double, longitude double, created_at timestamptz, updated_at timestamptz",
    "store_locations": "id bigint, store_id bigint, city text, lat double, lng double, created_at timestamptz",
    "user_geolocation_settings": "user_id bigint, enabled boolean, lat double, lon double, updated_at timestamptz",
    "positions": "id bigint, title text, department_id bigint, created_at timestamptz",
    "photos": "id bigint, user_id bigint, lat double, lon double, taken_at timestamptz",
    "geofences": "id bigint, owner_id bigint, latitude double, longitude double, radius real, created_at timestamptz",
    "bus_stops": "id bigint, route_id bigint, latitude double, longitude double, created_at timestamptz",
    "geolocation_hourly": "student_id bigint, latitude double, longitude double, bucket timestamptz",
    "tracking_numbers": "id bigint, order_id bigint, number text, created_at timestamptz",
    "events": "id bigint, venue_id bigint, name text, lat double, lon double, speed real, starts_at timestamptz",
    "ip_locations": "ip inet, city text, latitude double, longitude double, updated_at timestamptz",
    "session_types": "id bigint, name text, created_at timestamptz",
    "training_sessions": "id uuid, trainer_id bigint, room text, starts_at timestamptz, ends_at timestamptz, "
    "created_at timestamptz",
    "quiz_sessions": "id uuid, user_id uuid, quiz_id bigint, score int, started_at timestamptz, expires_at timestamptz",
    "class_sessions": "id bigint, class_id bigint, teacher_id bigint, date date, created_at timestamptz",
    "session_attendees": "session_id bigint, user_id bigint, created_at timestamptz",
    "session_notes": "id bigint, session_id bigint, note text, created_at timestamptz, expires_at timestamptz",
    "sessions_config": "id bigint, token text, expires_at timestamptz",
    "therapy_session": "id uuid, patient_id bigint, therapist_id bigint, data jsonb, created_at timestamptz",
    "obsessions": "id bigint, user_id bigint, token text, expires_at timestamptz",
    "notification_settings": "user_id bigint, email_enabled boolean, push_enabled boolean, updated_at timestamptz",
    "notification_templates": "id bigint, title text, body text, created_at timestamptz",
    "notification_preferences": "user_id bigint, kind text, sent boolean, created_at timestamptz",
    "notification_types": "id bigint, title text, created_at timestamptz",
    "notification_subscriptions": "id bigint, user_id bigint, payload jsonb, created_at timestamptz",
    "notification_tokens_devices": "id bigint, user_id bigint, token text, created_at timestamptz",
    "alerts_monitoring": "id bigint, metric text, threshold real, created_at timestamptz",
    "alert": "id bigint, user_id bigint, symbol text, threshold numeric, created_at timestamptz",
    "messages": "id bigint, user_id bigint, body text, is_read boolean, created_at timestamptz",
    "homework": "id bigint, class_id bigint, title text, due_date date, created_at timestamptz",
    "notifications_no_time": "id bigint, user_id bigint, body text, is_read boolean",
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_finds(name: str) -> None:
    lines, kind = FOUND[name]
    catalog = Catalog(snapshot({name: lines}))
    found = recognise(catalog.snapshot.tables[0], catalog)
    assert found is not None and found.kind == kind
    target = find_targets(catalog, None).found[0]
    assert target.is_default and target.choice.candidate is not None


@pytest.mark.parametrize("name", NOT_FOUND)
def test_leaves_alone(name: str) -> None:
    catalog = Catalog(snapshot({name: NOT_FOUND[name]}))
    assert recognise(catalog.snapshot.tables[0], catalog) is None


def test_the_last_position_of_each_user_is_no_history() -> None:
    lines = "user_id bigint, lat double, lon double, updated_at timestamptz"
    catalog = Catalog(
        snapshot({"user_locations": lines}, indexes=(btree("p", "user_locations", "user_id", is_unique=True),))
    )
    assert recognise(catalog.snapshot.tables[0], catalog) is None


def test_a_foreign_key_says_whose_position_it_is() -> None:
    lines = "id bigint, pupil bigint, lat double, lon double, at timestamptz"
    key = Constraint(
        table=relation("gps_points"),
        name="f",
        type="f",
        columns=("pupil",),
        definition="",
        references=relation("pupils"),
    )
    catalog = Catalog(snapshot({"gps_points": lines}, constraints=(key,)))
    assert recognise(catalog.snapshot.tables[0], catalog) is not None


def test_partitions_extension_members_and_views_are_not_judged() -> None:
    from tests.unit.retention.build import table

    lines = FOUND["notifications"][0]
    kinds = (
        table("a.notifications", is_partition=True, parent=relation("a.x")),
        table("b.notifications", extension="some_extension"),
        table("c.notifications", kind="m"),
        table("d.notifications", persistence="t"),
        table("cron.notifications"),
        table("e.notifications"),
    )
    catalog = Catalog(snapshot({str(t.relation): lines for t in kinds}, more_tables=kinds))
    assert [t.relation.schema for t in find_targets(catalog, None).found] == ["e"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tblUserSessions", ("user", "session")),
        ("APIKeys", ("key",)),
        ("app_notifications", ("notification",)),
        ("gps", ("gps",)),
        ("statuses", ("status",)),
        ("histories2024", ("history",)),
        ("addresses", ("address",)),
    ],
)
def test_name_words(name: str, words: tuple[str, ...]) -> None:
    assert name_words(name)[-len(words) :] == words


def test_snake() -> None:
    assert [snake(n) for n in ("expiresAt", "userID", "last_activity", "ReadAt")] == [
        "expires_at", "user_id", "last_activity", "read_at",
    ]  # fmt: skip
