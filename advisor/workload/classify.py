"""What a text is: a statement that can be planned, a wrapper around one, or something that only gets counted."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from pglast import ast

from advisor.workload.parse import COMMENTS, LONGEST_TEXT, PLANNABLE, NotParsed, Token, Tree, find, parse_tree, tokens

_TRANSACTION = frozenset(["BEGIN_P", "START", "COMMIT", "END_P", "ROLLBACK", "SAVEPOINT", "RELEASE", "ABORT_P"])
_PLANNED = frozenset(["SELECT", "INSERT", "UPDATE", "DELETE_P", "MERGE", "WITH", "VALUES", "TABLE", "ASCII_40"])
_WRAPPERS = frozenset(["EXPLAIN", "DECLARE", "CREATE", "COPY", "PREPARE"])
_KINDS = {
    ast.SelectStmt: "select",
    ast.InsertStmt: "insert",
    ast.UpdateStmt: "update",
    ast.DeleteStmt: "delete",
    ast.MergeStmt: "merge",
}
OWN_MARK = "pgadvise"
HIDDEN = "<insufficient privilege>"


class Unusable(Exception):
    """The statement takes no part in planning. `reason` is for people; see UnusableStatement for `category`."""

    def __init__(self, reason: str, category: str, sqlstate: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.category = category
        self.sqlstate = sqlstate


@dataclass(frozen=True, slots=True)
class Understood:
    """A plannable statement: its own text (cut out of a wrapper if need be), tree and what it is."""

    text: str
    tree: Tree
    kind: str  # select insert update delete merge
    wrapper: str | None  # "EXPLAIN", "DECLARE", "CREATE TABLE AS", "SELECT INTO", "COPY", "PREPARE"
    notes: tuple[str, ...] = ()


def understand(text: str | None, *, toplevel: bool = True) -> Understood:
    """Return the plannable statement in `text`. Raises Unusable with the reason and category of anything else."""
    if text is None:
        raise Unusable("the server could not give the text (damaged text file or no privilege)", "hidden")
    if text.strip() == HIDDEN:
        raise Unusable("the text is hidden from this role; it needs pg_read_all_stats", "hidden")
    if len(text) > LONGEST_TEXT:
        raise _too_long(text)
    scanned = _scan(text)
    if any(OWN_MARK in text[token.start : token.end] for token in scanned if token.name in COMMENTS):
        raise Unusable("asked by pgadvise itself", "own")
    code = [token for token in scanned if token.name not in COMMENTS]
    _refuse_other_commands(code)
    text, tree, notes = _parse_with_repair(text, code)
    text, tree = _single_statement(text, tree, toplevel)
    wrapper: str | None = None
    for _ in range(3):  # EXPLAIN of DECLARE of a query
        found = _unwrap(text, tree[0].stmt)
        if found is None:
            break
        name, inner = found
        wrapper = wrapper or name
        text, tree = inner, _parse(inner)
    if wrapper not in (None, "PREPARE") and not toplevel:
        raise Unusable(f"counted already with the {wrapper} around it", "utility")
    statement = tree[0].stmt
    if not isinstance(statement, PLANNABLE):
        raise _not_planned(statement)
    return Understood(text, tree, _KINDS[type(statement)], wrapper, notes)


def relations_named(tree: Tree) -> tuple[tuple[str | None, str], ...]:
    """Return (schema or None, name) of every relation the statement mentions, without the names of its CTEs."""
    ctes = {cte.ctename for cte in find(tree, ast.CommonTableExpr)}
    named: dict[tuple[str | None, str], None] = {}
    for node in find(tree, ast.RangeVar):
        if node.schemaname is not None or node.relname not in ctes:
            named[(node.schemaname, node.relname)] = None
    return tuple(named)


def has_limit(tree: Tree) -> bool:
    """Return whether the outermost query stops early (LIMIT or FETCH FIRST)."""
    return getattr(tree[0].stmt, "limitCount", None) is not None


def _too_long(text: str) -> Unusable:
    size = f"{len(text) / 1e6:.1f} million characters"
    if text.lstrip()[:6].upper() == "INSERT":
        return Unusable(f"a bulk load: an INSERT of {size}", "bulk_load")
    return Unusable(f"too long to analyse: {size}", "unplannable")


def _scan(text: str) -> list[Token]:
    try:
        return tokens(text)
    except NotParsed as error:
        raise _unparsable(error) from error


def _parse(text: str) -> Tree:
    try:
        tree = parse_tree(text)
    except NotParsed as error:
        raise _unparsable(error) from error
    if not tree:
        raise Unusable("an empty text", "utility")
    return tree


def _unparsable(error: NotParsed) -> Unusable:
    if error.at_end:
        return Unusable("truncated text: it stops in the middle of a statement", "unparsable")
    return Unusable(f"PostgreSQL's parser refuses it: {error}", "unparsable")


def _refuse_other_commands(code: list[Token]) -> None:
    """Sort out by the first word what is never planned; such texts need not parse (18 writes SET x TO $1)."""
    if not code:
        raise Unusable("an empty text", "utility")
    if any(token.name == "ASCII_59" for token in code[:-1]):
        return  # several statements: the one in the middle may be what counts
    first = code[0].name
    second = code[1].name if len(code) > 1 else ""
    if first in _TRANSACTION or (first in ("PREPARE", "COMMIT") and second in ("TRANSACTION", "PREPARED")):
        raise Unusable("transaction control", "transaction")
    if first not in _PLANNED and first not in _WRAPPERS and first != "ASCII_59":
        if first in ("IDENT", "Op"):
            return  # no command at all: let the parser say why
        if first == "ASCII_92":
            raise Unusable("a psql command, skipped", "utility")
        raise Unusable("a utility statement: there is no plan to improve", "utility")


def _parse_with_repair(text: str, code: list[Token]) -> tuple[str, Tree, tuple[str, ...]]:
    """Parse; on refusal quote the one function whose second argument the grammar wants as a keyword."""
    try:
        tree = parse_tree(text)
    except NotParsed as error:
        edits = [
            (token.start, token.end, '"normalize"')
            for token, following in itertools.pairwise(code)
            if token.name == "NORMALIZE" and following.name == "ASCII_40"
        ]
        if not edits:
            raise _unparsable(error) from error
        for start, end, replacement in reversed(edits):
            text = text[:start] + replacement + text[end:]
        return text, _parse(text), ("normalize() is written as a plain function call",)
    if not tree:
        raise Unusable("an empty text", "utility")
    return text, tree, ()


def _single_statement(text: str, tree: Tree, toplevel: bool) -> tuple[str, Tree]:
    """A nested entry may carry the whole string it came in: take the one statement in it that can be planned."""
    if len(tree) == 1:
        return text.rstrip().removesuffix(";"), tree
    wanted = [raw for raw in tree if isinstance(raw.stmt, (*PLANNABLE, ast.DeclareCursorStmt, ast.ExplainStmt))]
    if len(wanted) != 1:
        raise Unusable(f"{len(tree)} statements in one text", "unparsable")
    raw = wanted[0]
    if not toplevel and not isinstance(raw.stmt, PLANNABLE):
        raise Unusable("counted already with the statement around it", "utility")
    end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(text)
    own = text[raw.stmt_location : end]
    return own, _parse(own)


def _unwrap(text: str, statement: Any) -> tuple[str, str] | None:
    """Return (name of the wrapper, text of the query inside), or None when there is no wrapper.

    The query's text is cut out, not deparsed: deparsing changes some expressions and even fingerprints.
    """
    code = [token for token in tokens(text) if token.name not in COMMENTS]
    if isinstance(statement, ast.ExplainStmt):
        start = 1
        if statement.options and code[1].name == "ASCII_40":
            start = _closing(code, 1) + 1
        else:
            while code[start].name in ("ANALYZE", "ANALYSE", "VERBOSE"):
                start += 1
        return "EXPLAIN", text[code[start].start :]
    if isinstance(statement, ast.DeclareCursorStmt):
        return "DECLARE", _after(text, code, "FOR")
    if isinstance(statement, ast.PrepareStmt):
        return "PREPARE", _after(text, code, "AS")
    if isinstance(statement, ast.CreateTableAsStmt) and not statement.is_select_into:
        return "CREATE TABLE AS", _without_data_clause(_after(text, code, "AS"))
    if isinstance(statement, ast.CopyStmt) and statement.query is not None:
        opening = next(i for i, token in enumerate(code) if token.name == "ASCII_40")
        return "COPY", text[code[opening].end : code[_closing(code, opening)].start]
    if isinstance(statement, ast.SelectStmt) and statement.intoClause is not None:
        target: Any = statement.intoClause.rel
        return "SELECT INTO", _without_into(text, code, target.location)
    return None


def _closing(code: list[Token], opening: int) -> int:
    """Return the index of the parenthesis that closes the one at `opening`."""
    depth = 0
    for index in range(opening, len(code)):
        depth += (code[index].name == "ASCII_40") - (code[index].name == "ASCII_41")
        if depth == 0:
            return index
    raise Unusable("truncated text: a parenthesis is never closed", "unparsable")


def _after(text: str, code: list[Token], keyword: str) -> str:
    """Return the text behind the first `keyword` outside of parentheses."""
    depth = 0
    for token in code:
        depth += (token.name == "ASCII_40") - (token.name == "ASCII_41")
        if depth == 0 and token.name == keyword:
            return text[token.end :]
    raise Unusable("the query inside could not be found", "unparsable")


def _without_data_clause(text: str) -> str:
    code = [token for token in tokens(text) if token.name not in COMMENTS]
    names = [token.name for token in code[-3:]]
    if names[-1] == "DATA_P" and "WITH" in names:
        return text[: code[len(code) - 3 + names.index("WITH")].start]
    return text


def _without_into(text: str, code: list[Token], location: int) -> str:
    """Cut INTO [TEMPORARY …] [TABLE] name out of a SELECT INTO; `location` is where the name starts."""
    name = next(i for i, token in enumerate(code) if token.start == location)
    into = max(i for i in range(name) if code[i].name == "INTO")
    last = name
    while last + 2 < len(code) and code[last + 1].name == "ASCII_46":
        last += 2
    return text[: code[into].start] + text[code[last].end :]


def _not_planned(statement: Any) -> Unusable:
    if isinstance(statement, ast.CopyStmt):
        if statement.is_from:
            return Unusable("a bulk load by COPY", "bulk_load")
        return Unusable("copies a whole table out (COPY, pg_dump)", "utility")
    return Unusable("a utility statement: there is no plan to improve", "utility")
