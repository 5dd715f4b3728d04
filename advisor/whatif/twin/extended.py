"""Writes extended statistics into the twin: their types accept no input, but bytes can be cast into them.

Layouts: src/backend/statistics/mvdistinct.c, dependencies.c, mcv.c; unchanged from PostgreSQL 13 to 18.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from advisor.model.statistics import ExtendedStatistics

_NDISTINCT_MAGIC, _DEPENDENCIES_MAGIC, _MCV_MAGIC = 0xA352BFA4, 0xB4549A2C, 0xE1A651C2
_VERSION = 1
_TEXT_LIKE = frozenset({"text", "varchar", "bpchar", "citext"})
_INTEGERS = frozenset({"int2", "int4", "int8"})


class UnsupportedType(Exception):
    """A type whose stored form is not known here."""


@dataclass(frozen=True, slots=True)
class McvType:
    """What the byte form of a column's values depends on."""

    oid: int
    name: str
    typlen: int
    byval: bool
    # typsend's bytes of a value, for types that have no form of their own here; enum labels give their OID
    send: Callable[[str], bytes]
    is_enum: bool = False


def ndistinct_bytes(text: str, numbers: Mapping[int, int]) -> bytes:
    """Return pg_ndistinct of '{"1, 2": 33}'; `numbers` maps production's attribute numbers to the twin's."""
    items = json.loads(text)
    data = struct.pack("<III", _NDISTINCT_MAGIC, _VERSION, len(items))
    for key, value in items.items():
        attributes = [_renumbered(int(part), numbers) for part in key.split(",")]
        data += struct.pack(f"<di{len(attributes)}h", float(value), len(attributes), *attributes)
    return data


def dependencies_bytes(text: str, numbers: Mapping[int, int]) -> bytes:
    """Return pg_dependencies of '{"1 => 2": 0.5}'."""
    items = json.loads(text)
    data = struct.pack("<III", _DEPENDENCIES_MAGIC, _VERSION, len(items))
    for key, degree in items.items():
        determinants, _, dependent = key.partition("=>")
        attributes = [_renumbered(int(part), numbers) for part in [*determinants.split(","), dependent]]
        data += struct.pack(f"<dh{len(attributes)}h", float(degree), len(attributes), *attributes)
    return data


def _renumbered(number: int, numbers: Mapping[int, int]) -> int:
    return numbers[number] if number > 0 else number  # expressions count down from -1


def mcv_bytes(
    values: Sequence[Sequence[str | None]],
    frequencies: Sequence[float],
    base_frequencies: Sequence[float],
    types: Sequence[McvType],
) -> bytes:
    """Return pg_mcv_list. Raises UnsupportedType."""
    stored: list[list[bytes]] = []
    places: list[dict[str, int]] = []
    for position, kind in enumerate(types):
        distinct = {row[position] for row in values}
        encoded = sorted(
            ((_sort_key(kind, value), _stored(kind, value), value) for value in distinct if value is not None),
            key=lambda item: item[0],
        )
        stored.append([data for _, data, _ in encoded])
        places.append({value: place for place, (_, _, value) in enumerate(encoded)})
    data = struct.pack("<IIIh", _MCV_MAGIC, _VERSION, len(values), len(types))
    data += struct.pack(f"<{len(types)}I", *(kind.oid for kind in types))
    for kind, column in zip(types, stored, strict=True):
        if kind.typlen > 0:
            aligned = 0 if kind.byval else len(column) * ((kind.typlen + 7) // 8 * 8)
        else:
            aligned = sum((len(item) + 7) // 8 * 8 for item in column)
        data += struct.pack("<iiiiB3x", len(column), sum(map(len, column)), aligned, kind.typlen, kind.byval)
    data += b"".join(item for column in stored for item in column)
    for row, frequency, base in zip(values, frequencies, base_frequencies, strict=True):
        data += struct.pack(f"<{len(types)}B", *(value is None for value in row))
        data += struct.pack("<dd", frequency, base)
        indexes = [0 if value is None else places[n][value] for n, value in enumerate(row)]
        data += struct.pack(f"<{len(types)}H", *indexes)
    return data


def _sort_key(kind: McvType, value: str) -> Any:
    """Order values as the type does; it only has to be consistent with how they are numbered here."""
    if kind.name in _INTEGERS:
        return int(value)
    return _stored(kind, value) if kind.byval else value.encode("utf-8", "surrogateescape")


def _stored(kind: McvType, value: str) -> bytes:
    if kind.is_enum:
        return kind.send(value)
    if kind.name in _TEXT_LIKE:
        text = value.encode("utf-8", "surrogateescape")
        return struct.pack("<I", len(text)) + text
    if kind.name == "bool":
        return b"\1" if value in ("t", "true") else b"\0"
    if kind.name in _INTEGERS:
        return int(value).to_bytes(kind.typlen, "little", signed=True)
    if kind.byval and kind.typlen > 0:
        return bytes(reversed(kind.send(value)))  # the wire is big-endian
    if kind.name == "uuid":
        return kind.send(value)
    raise UnsupportedType(kind.name)


def write_extended(connection: psycopg.Connection[Any], rows: Iterable[ExtendedStatistics]) -> list[str]:
    """Write what the rows hold into the statistics objects of the same name; return what was left out, one per line."""
    rows = [row for row in rows if row.n_distinct or row.dependencies or row.most_common_vals]
    if not rows:
        return []
    # These casts are the only way in; they exist in the twin's database alone.
    for name in ("pg_ndistinct", "pg_dependencies", "pg_mcv_list"):
        connection.execute(f"create cast (bytea as pg_catalog.{name}) without function")
    lost: list[str] = []
    for row in rows:
        label = f"statistics {row.schema}.{row.name}"
        found = connection.execute(
            "select e.oid::int8, e.stxrelid::int8, e.stxkeys::int2[] from pg_catalog.pg_statistic_ext e"
            " join pg_catalog.pg_namespace n on n.oid = e.stxnamespace where n.nspname = %s and e.stxname = %s",
            (row.schema, row.name),
        ).fetchone()
        if found is None:
            continue  # its creation failed and is reported already
        oid, relation, keys = found
        try:
            lost += _write_one(connection, row, label, oid, relation, keys)
        except psycopg.Error as error:
            lost.append(f"{label}: {str(error).strip().splitlines()[0]}")
    return lost


def _write_one(
    connection: psycopg.Connection[Any], row: ExtendedStatistics, label: str, oid: int, relation: int, keys: list[int]
) -> list[str]:
    types, twin_numbers = _types(connection, relation, keys)
    numbers = {number: twin_numbers[name] for number, name in zip(row.attnums, row.columns, strict=True)}
    lost: list[str] = []
    mcv: bytes | None = None
    if row.most_common_vals and row.most_common_freqs and row.most_common_base_freqs:
        in_order = [numbers[number] for number in row.attnums] == list(keys)
        if not in_order or "e" in row.kinds:
            lost.append(f"{label}: the list of most common combinations")
        else:
            try:
                mcv = mcv_bytes(row.most_common_vals, row.most_common_freqs, row.most_common_base_freqs, types)
            except UnsupportedType as error:
                lost.append(f"{label}: the list of most common combinations (type {error})")
    inherited = connection.info.server_version >= 150000
    names = "stxoid, stxdndistinct, stxddependencies, stxdmcv" + (", stxdinherit" if inherited else "")
    places = "%s, %s::bytea::pg_catalog.pg_ndistinct, %s::bytea::pg_catalog.pg_dependencies,"
    places += " %s::bytea::pg_catalog.pg_mcv_list" + (", %s" if inherited else "")
    values: list[Any] = [
        oid,
        ndistinct_bytes(row.n_distinct, numbers) if row.n_distinct else None,
        dependencies_bytes(row.dependencies, numbers) if row.dependencies else None,
        mcv,
    ]
    connection.execute(
        "delete from pg_catalog.pg_statistic_ext_data where stxoid = %s"  # noqa: S608 (fixed texts)
        + (" and stxdinherit = %s" if inherited else ""),
        [oid, *([row.inherited] if inherited else [])],
    )
    connection.execute(
        f"insert into pg_catalog.pg_statistic_ext_data ({names}) values ({places})",  # noqa: S608 (fixed texts)
        values + ([row.inherited] if inherited else []),
    )
    return lost


def _types(connection: psycopg.Connection[Any], relation: int, keys: list[int]) -> tuple[list[McvType], dict[str, int]]:
    """Return the types of the statistics' columns in order, and all columns' numbers by name."""
    columns = connection.execute(
        "select a.attname, a.attnum, b.oid::int8, b.typname, b.typlen, b.typbyval, b.typtype, b.typsend::text,"
        " a.atttypid::int8"
        " from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid"
        " join pg_catalog.pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end"
        " where a.attrelid = %s and a.attnum > 0 and not a.attisdropped",
        (relation,),
    ).fetchall()
    by_number = {row[1]: row for row in columns}
    types = []
    for number in keys:
        _, _, base, name, length, byval, typtype, _, own = by_number[number]
        types.append(McvType(own, name, length, byval, _sender(connection, base, typtype), typtype == "e"))
    return types, {row[0]: row[1] for row in columns}


def _sender(connection: psycopg.Connection[Any], type_oid: int, typtype: str) -> Callable[[str], bytes]:
    def label_oid(value: str) -> bytes:
        found = connection.execute(
            "select oid::int8 from pg_catalog.pg_enum where enumtypid = %s and enumlabel = %s", (type_oid, value)
        ).fetchone()
        if found is None:
            raise UnsupportedType(f"enum without the label {value}")
        return struct.pack("<I", found[0])

    def wire(value: str) -> bytes:
        # A parameter of exactly this type, echoed in binary: the type's own send function.
        result = connection.pgconn.exec_params(
            b"select $1", [value.encode("utf-8", "surrogateescape")], [type_oid], result_format=1
        )
        data = result.get_value(0, 0) if result.ntuples == 1 else None
        if data is None:
            raise UnsupportedType(str(type_oid))
        return data

    return label_oid if typtype == "e" else wire
