"""The workload after it was understood: typed statements with values a planner can be asked about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from advisor.model.names import RelationName

LONGEST_SHOWN = 2000  # characters of an unusable text that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One set of values for a statement's parameters and the share of the calls it stands for (0..1)."""

    values: tuple[str | None, ...]  # text form, in the parameter's type; () for a statement without parameters
    weight: float
    origin: str = "statistics"  # statistics, literal (activity, file, log), constant


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnUse:
    """How one occurrence of a relation's column, or of an expression over its columns, is used by a statement.

    `occurrence` numbers the relation's occurrences within the statement (self joins). `expression` is the SQL
    text over the relation's own columns, unqualified, e.g. 'lower(email)'; None for a plain column.
    `role`:
      equality   column = value, IS NULL, boolean column (operator '=' with constant true/false)
      in         column IN (…) / = ANY
      range      < <= > >= BETWEEN and LIKE prefixes under C order
      like       LIKE / ~~ with a pattern (`constant` when literal)   ilike, regex, similar likewise
      contains   @> <@ && ? ?| ?& @@ @? and other index operators, named in `operator`
      not_null   column IS NOT NULL        inequality   column <> value
      join       column = column of another relation (`other`)
      order      in ORDER BY at `position`      group, distinct   likewise
      output     read by the target list, RETURNING, aggregates or any other place
      set        assigned by UPDATE           insert   assigned by INSERT
    """

    relation: RelationName
    occurrence: int
    columns: tuple[str, ...]
    expression: str | None
    role: str
    operator: str | None = None
    parameter: int | None = None  # the $n it meets
    constant: str | None = None  # SQL text of the constant it meets, as the statement writes it
    other: tuple[RelationName, int, str] | None = None  # join partner: relation, occurrence, column
    position: int = 0  # place in ORDER BY / GROUP BY
    descending: bool = False
    nulls_first: bool | None = None
    branch: int = 0  # 0: ANDed condition; n: inside the n-th OR arm, which is a source of its own
    collation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement of the workload, ready for planning.

    `text` is accepted by the server with the parameters `$1…$n` of `parameter_types` (schema-qualified pg_type
    names as 'pg_catalog.int4'). `bindings` are representatives whose weights sum to 1.
    """

    key: str  # fingerprint + resolved relations: stable from run to run
    fingerprint: str  # pglast's fingerprint of the original text
    original: str  # as the source gave it
    text: str
    kind: str  # select insert update delete merge
    parameter_types: tuple[str, ...]
    bindings: tuple[Binding, ...]
    relations: tuple[RelationName, ...]
    uses: tuple[ColumnUse, ...]
    calls: float
    total_exec_time: float | None  # ms
    mean_exec_time: float | None  # ms
    rows: float | None  # over all calls
    shared_blks: float | None  # hit + read, over all calls
    temp_blks_written: float | None = None
    wal_bytes: float | None = None
    work_time: float | None = None  # ms over all calls that no wait for locks, disks or clients explains
    search_path: tuple[str, ...] = ("public",)
    has_limit: bool = False
    roles: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()  # pg_stat_statements, activity, file names
    evidence: str = "statistics"  # statistics, literals
    notes: tuple[str, ...] = ()  # repairs and doubts, for people
    query_ids: tuple[int, ...] = ()
    assumed: tuple[str, ...] = ()  # constants put back by conclusion, said for people: what rests on them is less sure
    doubted: bool = False  # the what-if planner plans it otherwise than the server does
    # (parameter, value, recorded executions): parameters that had one value in every recorded execution
    repeated: tuple[tuple[int, str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableStatement:
    """A text that takes no part in planning, with the reason a person can understand."""

    text: str
    calls: float
    total_exec_time: float | None
    reason: str  # "truncated text", "unknown table x", "utility statement", …
    # utility transaction catalog no_table temporary bulk_load own foreign_database hidden unparsable unplannable
    category: str
    sqlstate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """All statements of a window, and what became of every text."""

    statements: tuple[Statement, ...]
    unusable: tuple[UnusableStatement, ...]
    since: datetime | None
    until: datetime | None
    total_exec_time: float  # ms, of everything seen, usable or not
    evicted: int | None = None
