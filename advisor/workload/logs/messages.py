"""What a message says of statements: durations, texts, parameters, auto_explain's plans."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

import msgspec

from advisor.workload.literals import align

Parameters = dict[int, str | None]

_DURATION = re.compile(r"duration: (\d+(?:\.\d+)?) ms")
# A prepared statement's name stands before the colon: "execute S_1: ", "execute <unnamed>: ", "execute p/portal: ".
_TEXT = re.compile(r"(statement|execute fetch from|execute|parse|bind)(?: (?:(?!: ).){1,200})?: ", re.DOTALL)
_STATEMENT = re.compile(r"statement: ")
_PARAMETER = re.compile(r"\$(\d+) = (?:'([^']*(?:''[^']*)*)'(\.\.\.)?|NULL)")
_DETAIL_PARAMETERS = re.compile(r"(?:Query )?[Pp]arameters: ")
_CUT = "..."
_PREPARE = re.compile(
    r"\s*prepare\s+(?:\"(?:[^\"]|\"\")+\"|[^\s(\"]+)\s*(?:\((?:[^()]|\([^()]*\))*\))?\s*as\s+", re.IGNORECASE
)
_EXECUTE = re.compile(r"\s*execute\s+(\"(?:[^\"]|\"\")+\"|[^\s(;\"]+)", re.IGNORECASE)
_MARKED = re.compile(r"\$(\d+)")
_PLAN_LINE = re.compile(r"^\S.*  \(cost=\d", re.MULTILINE)
_PLAN_TEXT = re.compile(r"Query Text: ")
_PLAN_PARAMETERS = re.compile(r"^Query Parameters: ", re.MULTILINE)
_XML_TEXT = re.compile(r"<Query-Text>(.*?)</Query-Text>", re.DOTALL)
_XML_PARAMETERS = re.compile(r"<Query-Parameters>(.*?)</Query-Parameters>", re.DOTALL)
_YAML_STRING = r"Query %s: (\"(?:[^\"\\]|\\.)*\")"
_YAML_TEXT = re.compile(_YAML_STRING % "Text", re.DOTALL)
_YAML_PARAMETERS = re.compile(_YAML_STRING % "Parameters", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message about a statement.

    `kind`: ran (a text, with its duration or not), fetch (more rows of one that ran), plan (auto_explain),
    duration (of the text said before).
    """

    kind: str
    ms: float | None
    text: str = ""
    parameters: Parameters = field(default_factory=dict)
    cut: int = 0  # parameters whose values the server shortened
    plan: str = ""  # as auto_explain printed it


def read_message(message: str, detail: str | None) -> Said | None:
    """Return what a LOG message says of a statement, or None. Parse and bind are steps, not executions."""
    ms: float | None = None
    position = 0
    if (duration := _DURATION.match(message)) is not None:
        ms, position = float(duration[1]), duration.end()
        if position == len(message):
            return Said(kind="duration", ms=ms)
        if message.startswith("  plan:\n", position):
            return _plan(message[position + len("  plan:\n") :], ms)
        if not message.startswith("  ", position):
            return None
        position += 2
    match = _STATEMENT.match(message, position) or _TEXT.match(message, position)
    if match is None:
        return None
    step = match[0].partition(":")[0]
    if step.startswith(("parse", "bind")):
        return None
    text, cut = message[match.end() :], 0
    parameters: Parameters = {}
    if detail is not None:
        if (listed := _DETAIL_PARAMETERS.match(detail)) is not None:
            parameters, cut = read_parameters(detail[listed.end() :])
        elif detail.startswith("prepare: "):
            text, parameters = executed(text, detail.removeprefix("prepare: "))
    if _PREPARE.match(text) is not None:
        return None  # it only prepares; its EXECUTE is counted
    if step.startswith("execute fetch from"):
        return Said(kind="fetch", ms=ms, text=text)
    return Said(kind="ran", ms=ms, text=text, parameters=parameters, cut=cut)


def read_parameters(text: str) -> tuple[Parameters, int]:
    """Return values by number, and how many were left out because the server had shortened them.

    A shortened value ends in three dots within its quotes (measured on 13 and 17); a real one that does is lost too.

    >>> read_parameters("$1 = 'it''s', $2 = NULL, $3 = 'long...'")
    ({1: "it's", 2: None}, 1)
    """
    found: Parameters = {}
    cut = 0
    for match in _PARAMETER.finditer(text):
        if match[3] is not None or (match[2] is not None and match[2].endswith(_CUT)):
            cut += 1
        else:
            found[int(match[1])] = None if match[2] is None else match[2].replace("''", "'")
    return found, cut


def executed(text: str, prepare: str) -> tuple[str, Parameters]:
    """Return the statement inside PREPARE, and the arguments of the EXECUTE in `text` as its parameters.

    >>> executed("EXECUTE p(1, 'x')", "PREPARE p(int, text) AS select 1 from t where a = $1 and b = $2")
    ('select 1 from t where a = $1 and b = $2', {1: '1', 2: 'x'})
    """
    inner = without_prepare(prepare)
    call = _EXECUTE.match(text)
    count = max((int(number) for number in _MARKED.findall(inner)), default=0)
    if call is None or not count:
        return inner, {}
    marks = ", ".join(f"${number}" for number in range(1, count + 1))
    # Arguments that are expressions are not known.
    return inner, align(f"execute {call[1]}({marks})", text) or {}


def without_prepare(text: str) -> str:
    """Return the statement that a PREPARE prepares; any other text as it is."""
    match = _PREPARE.match(text)
    return text if match is None else text[match.end() :].rstrip().removesuffix(";")


def _plan(text: str, ms: float) -> Said | None:
    """Read auto_explain's output in whatever auto_explain.log_format."""
    query, listed = _json_plan(text) or _plain_plan(text)
    if not query:
        return None
    parameters, cut = read_parameters(listed or "")
    return Said(kind="plan", ms=ms, text=without_prepare(query), parameters=parameters, cut=cut, plan=text)


def _json_plan(text: str) -> tuple[str, str | None] | None:
    """Return query text and parameters of a plan in JSON, XML or YAML; None for plain text."""
    start = text.lstrip()[:1]
    if start == "{":
        try:
            found = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return "", None
        return str(found.get("Query Text", "")), found.get("Query Parameters")
    if start == "<":
        query, listed = _XML_TEXT.search(text), _XML_PARAMETERS.search(text)
        return (html.unescape(query[1]) if query else ""), (html.unescape(listed[1]) if listed else None)
    query = _YAML_TEXT.match(text)
    if query is None:
        return None
    listed = _YAML_PARAMETERS.search(text)
    return _unquoted(query[1]), (_unquoted(listed[1]) if listed else None)


def _unquoted(word: str) -> str:
    try:
        return msgspec.json.decode(word, type=str)
    except msgspec.DecodeError:
        return ""


def _plain_plan(text: str) -> tuple[str, str | None]:
    start, plan = _PLAN_TEXT.match(text), _PLAN_LINE.search(text)
    if start is None:
        return "", None
    end = plan.start() if plan is not None else len(text)
    listed = _PLAN_PARAMETERS.search(text, start.end(), end)
    if listed is None:
        return text[start.end() : end].rstrip("\n"), None
    return text[start.end() : listed.start()].rstrip("\n"), text[listed.end() : end]
