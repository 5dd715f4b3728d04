"""From entries to groups: one group is one statement to plan, whatever number of texts, roles and sources it has."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from advisor.model.names import RelationName
from advisor.model.workload import LONGEST_SHOWN, UnusableStatement
from advisor.workload.classify import Understood, Unusable, relations_named, understand
from advisor.workload.literals import Literals, align, generalise, has_parameters, is_prefix_of, shape_of_text
from advisor.workload.parse import LONGEST_TEXT, NotParsed, fingerprint, parse_tree
from advisor.workload.paths import SearchPaths
from advisor.workload.sources import Counters, Entry

# What one statement may raise while it is worked out; it ends that statement only.
ISOLATED = (
    NotParsed,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)
# The counters of these say nothing about rows and blocks of the query inside.
_NOT_COUNTED_INSIDE = frozenset(["EXPLAIN", "DECLARE"])
_BULK_CALLS, _BULK_ROWS = 2, 1000
_MOST_LITERALS = 400

Key = tuple[str, tuple[RelationName, ...], str]  # fingerprint, relations, shape


@dataclass
class Group:
    """One statement: its variants by exact text, and everything observed of all of them."""

    key: Key
    search_path: tuple[str, ...]
    shared: int = 1  # in how many schemas the same text was found
    variants: dict[str, tuple[Understood, Counters]] = field(default_factory=dict)
    originals: dict[str, str] = field(default_factory=dict)
    roles: set[str] = field(default_factory=set)
    query_ids: set[int] = field(default_factory=set)
    sources: dict[str, None] = field(default_factory=dict)
    literals: list[tuple[Literals, float]] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    node_calls: dict[str, float] = field(default_factory=dict)  # of the calls, those that each standby has counted

    @property
    def counters(self) -> Counters:
        """Everything observed, over all variants."""
        total = Counters()
        for _, counters in self.variants.values():
            total = total + counters
        return total

    @property
    def main(self) -> Understood:
        """The variant that took the most time (or calls); one with parameters before those with constants."""
        return max(
            self.variants.values(), key=lambda item: (has_parameters(item[0].text), item[1].time, item[1].calls)
        )[0]

    @property
    def original(self) -> str:
        """The main variant as its source gave it."""
        return self.originals[self.main.text]

    def add(self, understood: Understood, entry: Entry, counters: Counters) -> None:
        """Count one entry in."""
        text = understood.text
        known = self.variants.get(text)
        self.variants[text] = (understood, counters if known is None else known[1] + counters)
        self.originals.setdefault(text, entry.text or "")
        self.note_source(entry)

    def note_source(self, entry: Entry) -> None:
        """Remember who sent it and where it was seen."""
        if entry.role is not None:
            self.roles.add(entry.role)
        if entry.query_id is not None:
            self.query_ids.add(entry.query_id)
        self.sources[entry.source] = None
        for share in entry.nodes:
            self.node_calls[share.node] = self.node_calls.get(share.node, 0.0) + share.calls / self.shared


@dataclass
class _Texts:
    """Texts with literals that no normalised text matches: of one exact shape."""

    group: Group
    shape: str
    texts: list[tuple[Understood, Entry]] = field(default_factory=list)


class Gathering:
    """Collects entries into groups; what cannot be planned goes to `unusable`."""

    def __init__(self, paths: SearchPaths) -> None:
        self._paths = paths
        self._groups: dict[Key, Group] = {}
        self._by_fingerprint: dict[str, list[Group]] = defaultdict(list)
        self._by_query_id: dict[int, list[Group]] = defaultdict(list)
        self._texts: dict[tuple[Key, str], _Texts] = {}
        self._understood: dict[tuple[str | None, bool], Understood | Unusable] = {}
        self._unusable: dict[tuple[str, str], UnusableStatement] = {}

    @property
    def unusable(self) -> tuple[UnusableStatement, ...]:
        """What takes no part in planning, the most expensive first."""
        return tuple(
            sorted(self._unusable.values(), key=lambda item: (-(item.total_exec_time or 0.0), -item.calls, item.text))
        )

    def refuse(self, text: str | None, counters: Counters, why: Unusable) -> None:
        """Count a text among the unusable ones; equal ones become one line."""
        shown = (text or "")[:LONGEST_SHOWN]
        known = self._unusable.get((shown, why.reason))
        if known is not None:
            counters = counters + Counters(known.calls, known.total_exec_time)
        self._unusable[(shown, why.reason)] = UnusableStatement(
            text=shown,
            calls=counters.calls,
            total_exec_time=counters.total_exec_time,
            reason=why.reason,
            category=why.category,
            sqlstate=why.sqlstate,
        )

    def add_normalised(self, entry: Entry) -> None:
        """Take in one row of pg_stat_statements."""
        try:
            understood = self._understand(entry.text, entry.toplevel)
            _refuse_bulk_load(understood, entry.counters)
            groups = self._groups_of(understood, entry.role)
            counters = entry.counters
            if understood.wrapper in _NOT_COUNTED_INSIDE:
                counters = replace(counters, rows=None, shared_blks=None, work_time=None)
        except Unusable as why:
            self.refuse(entry.text, entry.counters, why)
            return
        except ISOLATED as error:
            self.refuse(entry.text, entry.counters, not_worked_out(error))
            return
        for group in groups:
            if entry.query_id is not None and group not in self._by_query_id[entry.query_id]:
                self._by_query_id[entry.query_id].append(group)
            group.add(understood, entry, counters.share(1 / group.shared))

    def add_with_literals(self, entry: Entry) -> None:
        """Take in a text of a session or a file: it may match what pg_stat_statements has, or stand for itself."""
        for part in _split(entry):
            try:
                self._add_part(part)
            except Unusable as why:
                if not (part.truncated and self._matches_truncated(part)):
                    self.refuse(part.text, part.counters, _truncated() if part.truncated else why)
            except ISOLATED as error:
                self.refuse(part.text, part.counters, not_worked_out(error))

    def groups(self) -> list[Group]:
        """Return all groups, the most expensive first; texts with literals only are generalised now."""
        waiting: dict[Key, list[_Texts]] = defaultdict(list)
        for texts in self._texts.values():
            waiting[texts.group.key].append(texts)
        for variants in waiting.values():
            self._generalise(variants)
        self._drop_explained()
        for group in self._groups.values():
            if len(group.variants) > 1:
                _use_constants_of_variants(group)
        return sorted(
            (group for group in self._groups.values() if group.variants),
            key=lambda group: (-group.counters.time, -group.counters.calls, group.key),
        )

    def _drop_explained(self) -> None:
        """EXPLAIN of a statement that is there by itself adds nothing: it was asked, not run."""
        for key, group in list(self._groups.items()):
            printed, relations, shape = key
            plain = (printed, relations, shape.removeprefix("EXPLAIN: "))
            if plain != key and plain in self._groups and self._groups[plain].variants and group.variants:
                why = Unusable("EXPLAIN of a statement that is in the workload by itself", "utility")
                self.refuse(group.original, group.counters, why)
                group.variants.clear()

    def _understand(self, text: str | None, toplevel: bool) -> Understood:
        key = (text, toplevel)
        if key not in self._understood:
            try:
                self._understood[key] = understand(text, toplevel=toplevel)
            except Unusable as why:
                self._understood[key] = why
        found = self._understood[key]
        if isinstance(found, Unusable):
            raise Unusable(found.reason, found.category, found.sqlstate)
        return found

    def _groups_of(self, understood: Understood, role: str | None) -> list[Group]:
        """Return the groups a statement belongs to: one, or one per schema that has all its relations."""
        names = relations_named(understood.tree)
        if not names:
            raise Unusable("it reads no table: nothing to advise on", "no_table")
        if self._paths.only_system(names):
            raise Unusable("it reads only PostgreSQL's own catalogs", "catalog")
        printed, shape = fingerprint(understood.text), shape_of_text(understood.text)[1]
        if understood.wrapper in _NOT_COUNTED_INSIDE:
            shape = f"{understood.wrapper}: {shape}"
        paths = self._paths.fitting(names, role)
        groups = []
        for path in paths:
            relations = self._paths.resolve(names, path)
            if any(relation.schema.startswith("pg_temp") for relation in relations):
                raise Unusable("it works on a temporary table", "temporary")
            key = (printed, relations, shape)
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = Group(key, path, len(paths))
                self._by_fingerprint[printed].append(group)
            groups.append(group)
        if len(paths) > 1:
            for group in groups:
                group.notes[
                    f"{len(paths)} schemas have all its tables; the counters are divided among them equally"
                ] = None
        return groups

    def _add_part(self, entry: Entry) -> None:
        understood = self._understand(entry.text, True)
        if self._match(understood, entry):
            return
        group = self._groups_of(understood, entry.role)[0]
        exact = shape_of_text(understood.text)[0]
        texts = self._texts.setdefault((group.key, exact), _Texts(group, exact))
        texts.texts.append((understood, entry))

    def _match(self, understood: Understood, entry: Entry) -> bool:
        """Give the literals to a group of pg_stat_statements; return whether there is one."""
        by_id = self._by_query_id.get(entry.query_id, []) if entry.query_id is not None else []
        candidates = [
            group for group in (*by_id, *self._by_fingerprint.get(fingerprint(understood.text), ())) if group.variants
        ]
        for group in candidates:
            literals = align(group.main.text, understood.text, dict(entry.parameters))
            if literals is not None:
                group.note_source(entry)
                if literals and len(group.literals) < _MOST_LITERALS:
                    group.literals.append((literals, entry.counters.calls))
                return True
        for group in candidates:
            collapsed = shape_of_text(understood.text)[1]
            if understood.text in group.variants or any(
                shape_of_text(text)[1] == collapsed or align(text, understood.text) is not None
                for text in group.variants
            ):
                group.note_source(entry)
                return True
        return bool(by_id)

    def _matches_truncated(self, entry: Entry) -> bool:
        """Return whether a cut text is the beginning of a known statement; its values are lost."""
        if entry.query_id is not None and entry.query_id in self._by_query_id:
            return True
        for group in self._groups.values():
            if any(is_prefix_of(entry.text or "", original) for original in group.originals.values()):
                group.note_source(entry)
                return True
        return False

    def _generalise(self, variants: list[_Texts]) -> None:
        """Turn texts that differ in constants (and in list lengths) into one variant of their group."""
        heaviest = max(variants, key=lambda texts: sum(entry.counters.calls for _, entry in texts.texts))
        group = heaviest.group
        general = generalise(
            [understood.text for understood, _ in heaviest.texts],
            [dict(entry.parameters) for _, entry in heaviest.texts],
        )
        first = heaviest.texts[0][0]
        if general.text != first.text:
            first = Understood(general.text, parse_tree(general.text), first.kind, first.wrapper, first.notes)
        group.literals += [
            (literals, entry.counters.calls)
            for literals, (_, entry) in zip(general.literals, heaviest.texts, strict=True)
            if literals
        ][:_MOST_LITERALS]
        for texts in variants:
            for _, entry in texts.texts:
                group.add(first, entry, entry.counters)


def _use_constants_of_variants(group: Group) -> None:
    """Learn from the texts that kept their constants: of utilities, and of plans that outlived a reset."""
    if not has_parameters(group.main.text):
        main_shape = shape_of_text(group.main.text)[0]
        alike = [item for item in group.variants.values() if shape_of_text(item[0].text)[0] == main_shape]
        general = generalise([understood.text for understood, _ in alike])
        if general.text not in group.variants:
            first, total = alike[0][0], Counters()
            for understood, counters in alike:
                total = total + counters
                del group.variants[understood.text]
            group.originals[general.text] = group.originals[first.text]
            whole = Understood(general.text, parse_tree(general.text), first.kind, first.wrapper, first.notes)
            group.variants[general.text] = (whole, total)
            group.literals += [
                (literals, counters.calls) for literals, (_, counters) in zip(general.literals, alike, strict=True)
            ]
        return
    pattern = group.main.text
    for understood, counters in group.variants.values():
        found = None if understood.text == pattern else align(pattern, understood.text)
        if found and len(group.literals) < _MOST_LITERALS:
            group.literals.append((found, counters.calls))


def statement_key(key: Key) -> str:
    """Return a group's key as a short text, the same in every run."""
    printed, relations, shape = key
    names = ",".join(str(relation) for relation in relations)
    return f"{printed}-{hashlib.sha256(f'{names}|{shape}'.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def not_worked_out(error: BaseException) -> Unusable:
    """Return what to report when working a statement out failed in a way nobody foresaw."""
    if isinstance(error, RecursionError):
        return Unusable("it is nested too deeply to analyse", "unplannable")
    return Unusable(f"it could not be worked out ({type(error).__name__}: {error})", "unplannable")


def _truncated() -> Unusable:
    return Unusable("truncated text: the server cut it at track_activity_query_size", "unparsable")


def _refuse_bulk_load(understood: Understood, counters: Counters) -> None:
    if (
        understood.kind == "insert"
        and counters.rows is not None
        and counters.calls <= _BULK_CALLS
        and counters.rows >= _BULK_ROWS * max(counters.calls, 1)
    ):
        raise Unusable("a bulk load: very many rows inserted by very few calls", "bulk_load")


def _split(entry: Entry) -> Iterable[Entry]:
    """Yield the statements of a text that a client sent as one string."""
    text = entry.text or ""
    if ";" not in text.rstrip().rstrip(";") or len(text) > LONGEST_TEXT:
        return [entry]
    try:
        tree = parse_tree(text)
    except NotParsed:
        return [entry]
    if len(tree) < 2:
        return [entry]
    parts = []
    for raw in tree:
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(text)
        # The string's query_id and time are not this statement's alone.
        parts.append(
            Entry(text[raw.stmt_location : end].strip(), Counters(entry.counters.calls), entry.role, entry.source)
        )
    return parts
