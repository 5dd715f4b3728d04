"""Conversion of a table to range partitions without copying it: the table becomes the first partition.

Everything that reads the table (validating the bound, building the wider key) happens before, without blocking writes;
the swap itself is one short transaction, because ATTACH finds its bound proved by a validated CHECK. Measured on
PostgreSQL 15 with 1.5 million rows: about 16 ms for the whole swap, against 99 ms for a scan of the table alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from advisor.model.catalog import Column, Constraint, Index, Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.retention.fill import Hole, Ident, Literal, Trusted, fill
from advisor.retention.moments import literal_sql
from advisor.retention.plans import convert_sql
from advisor.retention.plans.convert_names import Names, choose_names, primary_key
from advisor.retention.plans.interval import boundary_after, bounds_from, leaf_suffix
from advisor.retention.plans.obstacles import losses as found_losses
from advisor.retention.plans.obstacles import obstacles
from advisor.retention.plans.plan import Plan, free_name, shorten
from advisor.retention.plans.times import stated_times
from advisor.retention.targets import Target
from advisor.retention.windows import Window
from advisor.units import format_size

_BRIEF = "ACCESS EXCLUSIVE, for milliseconds"
_READS = "SHARE UPDATE EXCLUSIVE: reads and writes go on while the table is read once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """The plan, or why there is none; `losses` are told either way."""

    plan: Plan | None
    interval: Window | None
    refused: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()


def plan_conversion(
    target: Target, newest: datetime | None, interval: Window, now: datetime, catalog: Catalog
) -> Conversion:
    """Return the script that makes `target` partitioned by its time column, with every step's lock and the undo."""
    table, column = target.table, target.column
    if column is None or target.keep is None:
        return Conversion(plan=None, interval=None, refused=("its time column or its window is not known",))
    refused = tuple(obstacles(table, column, newest, now, catalog))
    losses = tuple(found_losses(table, column, catalog))
    if refused:
        return Conversion(plan=None, interval=interval, refused=refused, losses=losses)
    # One whole interval ahead: until the swap is done the bound refuses later rows.
    ahead = boundary_after(max(now, newest or now), interval)
    boundary = bounds_from(ahead, interval, 1)[0][1]
    names = choose_names(table, column, catalog)
    writer = _Writer(table, column, target.unit, boundary, interval, target.policy.premake, names, catalog)
    return Conversion(plan=writer.plan(losses), interval=interval, losses=losses)


def _listed(columns: tuple[str, ...]) -> Trusted:
    return Trusted(", ".join(fill("{c}", c=Ident(c)) for c in columns))


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the statements; every method returns SQL."""

    table: Table
    column: Column
    unit: str | None
    boundary: datetime
    interval: Window
    premake: int
    names: Names
    catalog: Catalog

    def fill(self, template: str, **more: Hole) -> str:
        names = self.names
        new_key = RelationName(names.table.schema, names.new_key)
        holes: dict[str, Hole] = {
            "t": names.table, "legacy": names.legacy, "parted": names.parted, "c": Ident(self.column.name),
            "short": Ident(names.table.name), "legacy_short": Ident(names.legacy.name),
            "parted_short": Ident(names.parted.name),
            "name": Literal(str(names.table)), "legacy_name": Literal(str(names.legacy)),
            "bound": Ident(names.bound), "bound_name": Literal(names.bound), "set": Ident(names.not_null),
            "key_name": Literal(self.column.name), "new_key": Ident(names.new_key),
            "new_key_index": Literal(str(new_key)),
            "boundary": Trusted(literal_sql(self.column, self.boundary, self.unit)),
        }  # fmt: skip
        return fill(template, **(holes | more))

    def plan(self, losses: tuple[str, ...]) -> Plan:
        steps: list[tuple[str, str]] = []
        undo_before: list[str] = []
        stop = [self.fill("ALTER TABLE {t} DROP CONSTRAINT IF EXISTS {bound}")]
        if self.key_changes:
            # Without a lock timeout: the build waits for old transactions and would leave an invalid index behind.
            steps.append(
                (
                    self.fill(
                        "CREATE UNIQUE INDEX CONCURRENTLY {new_key} ON {t} ({columns})",
                        columns=_listed((*self.key_columns, self.column.name)),
                    ),
                    "SHARE UPDATE EXCLUSIVE: reads and writes go on while it is built",
                )
            )
            undo_before.append(
                self.fill(
                    "CREATE UNIQUE INDEX CONCURRENTLY {k} ON {legacy} ({columns})",
                    k=Ident(self.names.old_key),
                    columns=_listed(self.key_columns),
                )
            )
            index = RelationName(self.names.table.schema, self.names.new_key)
            stop.append(fill("DROP INDEX CONCURRENTLY IF EXISTS {i}", i=index))
        for lost, name in self.names.plain:
            tail = lost.definition.partition(" USING ")[2].replace(" NULLS NOT DISTINCT", "")
            steps.append(
                (
                    self.fill("CREATE INDEX CONCURRENTLY {i} ON {t} USING {tail}", i=Ident(name), tail=Trusted(tail)),
                    "SHARE UPDATE EXCLUSIVE: reads and writes go on while it is built",
                )
            )
        unwanted = [
            fill("DROP INDEX CONCURRENTLY IF EXISTS {i}", i=RelationName(self.table.schema, name))
            for _, name in self.names.plain
        ]
        stop += unwanted
        steps.append(("SET lock_timeout = '5s'", "none"))
        if not self.column.not_null:
            steps += [
                (self.fill("ALTER TABLE {t} ADD CONSTRAINT {set} CHECK ({c} IS NOT NULL) NOT VALID"), _BRIEF),
                (self.fill("ALTER TABLE {t} VALIDATE CONSTRAINT {set}"), _READS),
                (self.fill("ALTER TABLE {t} ALTER COLUMN {c} SET NOT NULL"), _BRIEF),
                (self.fill("ALTER TABLE {t} DROP CONSTRAINT {set}"), _BRIEF),
            ]
        referenced = sorted({str(c.references) for c in self._foreign_keys() if c.references is not None})
        # ATTACH merges the foreign keys and removes the old one's triggers on the table it refers to.
        also = f" and on {', '.join(referenced)}" if referenced else ""
        swap_lock = (
            f"ACCESS EXCLUSIVE on the table{also} for milliseconds: all or nothing, repeat it after a lock timeout"
        )
        steps += [
            (self.fill("ALTER TABLE {t} ADD CONSTRAINT {bound} CHECK ({c} < {boundary}) NOT VALID"), _BRIEF),
            (self.fill("ALTER TABLE {t} VALIDATE CONSTRAINT {bound}"), _READS),
            (self.swap(), swap_lock),
            ("RESET lock_timeout", "none"),
            (self.fill("ANALYZE {t}"), "SHARE UPDATE EXCLUSIVE"),
        ]
        size = sum(leaf.total_bytes or 0 for leaf in self.catalog.leaves(self.table.relation))
        heap = self.table.size_bytes if self.table.size_bytes is not None else self.table.relpages * 8192
        notes = (
            f"The table ({format_size(size)}) is not copied: it becomes the partition {self.names.legacy} for"
            " everything before"
            f" {self.boundary:%Y-%m-%d}. Rows from then on go to new partitions of {self.interval} each.",
            f"Run all of it before {self.boundary:%Y-%m-%d}: from the first step to the swap, later rows are refused.",
            f"To stop before the swap: {'; '.join(stop)}.",
            *(f"What is lost: {loss}." for loss in losses),
        )
        return Plan(
            sql=tuple(sql for sql, _ in steps),
            undo_sql=(*undo_before, self.undo(), *unwanted),
            notes=notes,
            locks=tuple(lock for _, lock in steps),
            times=stated_times([sql for sql, _ in steps], self.table.reltuples, heap),
        )

    @property
    def key(self) -> Index | None:
        return primary_key(self.table, self.catalog)

    @property
    def key_columns(self) -> tuple[str, ...]:
        return tuple(c.column for c in self.key.columns if c.column is not None) if self.key is not None else ()

    @property
    def key_changes(self) -> bool:
        """Whether the primary key lacks the time column and must be widened."""
        return self.key is not None and self.column.name not in self.key_columns

    @property
    def identity(self) -> Column | None:
        return next((c for c in self.catalog.columns[self.table.relation].values() if c.identity), None)

    def _foreign_keys(self) -> list[Constraint]:
        return [c for c in self.catalog.constraints_by_table.get(self.table.relation, ()) if c.type == "f"]

    def _serials(self) -> list[tuple[RelationName, str]]:
        """Return sequences owned by columns that take their default from them."""
        columns = self.catalog.columns[self.table.relation]
        return [
            (RelationName(s.schema, s.name), s.owned_by_column)
            for s in self.catalog.snapshot.sequences
            if s.owned_by == self.table.relation
            and s.owned_by_column is not None
            and s.owned_by_column in columns
            and not columns[s.owned_by_column].identity
        ]

    def swap(self) -> str:
        ranges = bounds_from(self.boundary, self.interval, self.premake)
        leaves = "\n".join("  " + self._leaf(lower, upper) for lower, upper in ranges)
        return self.fill(
            convert_sql.SWAP,
            declared=Trusted("  next_number bigint;" if self.identity is not None else ""),
            like=Trusted(" INCLUDING COMPRESSION" if self.catalog.snapshot.server.major >= 14 else ""),
            preflight=Trusted(convert_sql.PREFLIGHT),
            remember=Trusted(convert_sql.REMEMBER),
            structure=Trusted(self.fill(convert_sql.REMEMBER_STRUCTURE)),
            numbers=Trusted(self._take_number()),
            old_side=Trusted("\n".join("  " + s + ";" for s in self._old_side())),
            new_side=Trusted("\n".join("  " + s + ";" for s in self._new_side())),
            leaves=Trusted(leaves),
            owner=Trusted(convert_sql.COPY_OWNER),
            rights=Trusted(convert_sql.COPY_RIGHTS),
            publications=Trusted(convert_sql.COPY_PUBLICATIONS),
        )

    def _take_number(self) -> str:
        if self.identity is None:
            return ""
        return self.fill(
            "  next_number := pg_catalog.nextval(pg_catalog.pg_get_serial_sequence({name}, {column}));",
            column=Literal(self.identity.name),
        )

    def _old_side(self) -> list[str]:
        """Return what happens to the old table before it loses its name."""
        found: list[str] = []
        if self.key is not None and self.key.constraint is not None:
            kept = Ident(shorten(self.key.constraint, 56) + "_legacy")
            if self.key_changes:
                found.append(self.fill("ALTER TABLE {t} DROP CONSTRAINT {k}", k=Ident(self.key.constraint)))
                found.append(self.fill("ALTER TABLE {t} ADD CONSTRAINT {k} PRIMARY KEY USING INDEX {new_key}", k=kept))
            else:
                found.append(
                    self.fill("ALTER TABLE {t} RENAME CONSTRAINT {k} TO {n}", k=Ident(self.key.constraint), n=kept)
                )
        for now, later, _ in self.names.renamed:
            index = RelationName(self.table.schema, now)
            found.append(fill("ALTER INDEX {i} RENAME TO {n}", i=index, n=Ident(later)))
        if self.identity is not None:
            found.append(self.fill("ALTER TABLE {t} ALTER COLUMN {i} DROP IDENTITY", i=Ident(self.identity.name)))
        return found

    def _new_side(self) -> list[str]:
        """Return what the new table needs before its partitions come."""
        found: list[str] = []
        if self.key is not None:
            columns = (*self.key_columns, self.column.name) if self.key_changes else self.key_columns
            name = Ident(self.key.constraint or self.key.name)
            found.append(
                self.fill(
                    "ALTER TABLE {t} ADD CONSTRAINT {k} PRIMARY KEY ({columns})", k=name, columns=_listed(columns)
                )
            )
        found += self._identity("{t}", "{name}")
        found += [
            self.fill("ALTER SEQUENCE {s} OWNED BY {t}.{column}", s=sequence, column=Ident(column))
            for sequence, column in self._serials()
        ]
        return found

    def _identity(self, table: str, name: str) -> list[str]:
        """Return how a table gets the identity column with the old options and the next number."""
        if self.identity is None:
            return []
        always = "ALWAYS" if self.identity.identity == "a" else "BY DEFAULT"
        sequence = next(
            (
                s
                for s in self.catalog.snapshot.sequences
                if s.owned_by == self.table.relation and s.owned_by_column == self.identity.name
            ),
            None,
        )
        options = ""
        if sequence is not None:
            options = fill(
                " (SEQUENCE NAME {s} INCREMENT BY {step} MINVALUE {low} MAXVALUE {high} START WITH {start}{cycle})",
                s=RelationName(sequence.schema, sequence.name), step=sequence.increment_by, low=sequence.min_value,
                high=sequence.max_value, start=sequence.start_value, cycle=Trusted(" CYCLE" if sequence.cycle else ""),
            )  # fmt: skip
        column = self.identity.name
        return [
            self.fill(
                f"ALTER TABLE {table} ALTER COLUMN {{i}} ADD GENERATED {always} AS IDENTITY{{options}}",
                i=Ident(column), options=Trusted(options),
            ),
            self.fill(
                f"PERFORM pg_catalog.setval(pg_catalog.pg_get_serial_sequence({name}, {{column}}), next_number, false)",
                column=Literal(column),
            ),
        ]  # fmt: skip

    def _leaf(self, lower: datetime, upper: datetime) -> str:
        schema, name = self.table.schema, self.table.name
        leaf = RelationName(schema, free_name(schema, name, leaf_suffix(lower, upper - lower), self.catalog))
        options = f" WITH ({', '.join(self.table.reloptions)})" if self.table.reloptions else ""
        return self.fill(
            "CREATE TABLE {leaf} PARTITION OF {t} FOR VALUES FROM ({low}) TO ({high}){options};",
            leaf=leaf, low=Trusted(literal_sql(self.column, lower, self.unit)),
            high=Trusted(literal_sql(self.column, upper, self.unit)), options=Trusted(options),
        )  # fmt: skip

    def undo(self) -> str:
        columns = [
            c.name
            for c in sorted(self.catalog.columns[self.table.relation].values(), key=lambda c: c.attnum)
            if not c.generated
        ]
        old_side: list[str] = []
        if self.key is not None and self.key.constraint is not None:
            kept = Ident(shorten(self.key.constraint, 56) + "_legacy")
            if self.key_changes:
                old_side.append(self.fill("ALTER TABLE {t} DROP CONSTRAINT {k}", k=kept))
                old_side.append(
                    self.fill(
                        "ALTER TABLE {t} ADD CONSTRAINT {k} PRIMARY KEY USING INDEX {old}",
                        k=Ident(self.key.constraint), old=Ident(self.names.old_key),
                    )
                )  # fmt: skip
            else:
                old_side.append(
                    self.fill("ALTER TABLE {t} RENAME CONSTRAINT {k} TO {n}", k=kept, n=Ident(self.key.constraint))
                )
        for now, later, _ in self.names.renamed:
            index = RelationName(self.table.schema, later)
            old_side.append(fill("ALTER INDEX {i} RENAME TO {n}", i=index, n=Ident(now)))
        old_side += self._identity("{t}", "{name}")
        if not self.column.not_null:
            old_side.append(self.fill("ALTER TABLE {t} ALTER COLUMN {c} DROP NOT NULL"))
        release = self._release()
        after = [
            self.fill("ALTER SEQUENCE {s} OWNED BY {t}.{column}", s=sequence, column=Ident(column))
            for sequence, column in self._serials()
        ]
        return self.fill(
            convert_sql.UNDO,
            declared=Trusted("  next_number bigint;" if self.identity is not None else ""),
            preflight=Trusted(convert_sql.PREFLIGHT),
            remember=Trusted(convert_sql.REMEMBER),
            numbers=Trusted(self._take_number()),
            columns=_listed(tuple(columns)),
            publications=Trusted(convert_sql.COPY_PUBLICATIONS),
            release=Trusted("\n".join("  " + s + ";" for s in release)),
            old_side=Trusted("\n".join("  " + s + ";" for s in (*old_side, *after))),
        )

    def _release(self) -> list[str]:
        """Return how the partitioned table gives its names back before it is dropped."""
        found: list[str] = []
        parted = self.names.parted
        if self.key is not None and self.key.constraint is not None:
            found.append(
                fill(
                    "ALTER TABLE {p} RENAME CONSTRAINT {k} TO {n}",
                    p=parted, k=Ident(self.key.constraint), n=Ident(shorten(self.key.constraint, 50) + "_partitioned"),
                )
            )  # fmt: skip
        for now, _, parent in self.names.renamed:
            index = RelationName(self.table.schema, now)
            found.append(fill("ALTER INDEX IF EXISTS {i} RENAME TO {n}", i=index, n=Ident(parent)))
        if self.identity is not None:
            found.append(fill("ALTER TABLE {p} ALTER COLUMN {i} DROP IDENTITY", p=parted, i=Ident(self.identity.name)))
        return found
