"""Keeps a log's statements in bounded memory: per kind of statement all calls and times, and a sample of its texts.

A log of the simple protocol has another text for every value. What is alike but for constants is one kind; of its
executions a fair sample stays (Vitter, Random Sampling with a Reservoir, 1985, algorithm R), scaled to all calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from advisor.model.activity import WorkloadText
from advisor.workload.logs.executions import Execution
from advisor.workload.parse import LONGEST_TEXT

Sample = tuple[str, tuple[tuple[int, str | None], ...]]  # text, parameters
Kept = tuple[Sample, float]  # with its time in ms

_FIRST_CAPACITY = 64  # more sets of values are not planned anyway
_MOST_SAMPLES = 30_000
_MOST_CHARACTERS = 48 << 20
_MOST_KINDS = 20_000
_KEYS_KEPT = 5_000
_KEY_CHARACTERS = 20_000  # what is alike so far is one kind
_VARYING = re.compile(
    r"""
      (?P<name>"(?:[^"]|"")*" | \$\d+ | [A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*(?!'))
    | [eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*' | (?:[bBxXnN]|[uU]&)?'[^']*(?:''[^']*)*'
    | \$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?(tag)(?P=tag))\$
    | \d+(?:\.\d*)?(?:[eE][+-]?\d+)? | \.\d+
    | /\*.*?\*/ | --[^\n]* | (?P<space>\s+)
    """,
    re.VERBOSE | re.DOTALL,
)
# The same where there are no quoted names and no comments, which is nearly always; several times as fast.
_PLAINLY_VARYING = re.compile(
    r"""
      \b[eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*' | (?:\b[bBxXnN]|\b[uU]&)?'[^']*(?:''[^']*)*'
    | \$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?(tag)(?P=tag))\$
    | (?<![\w$])(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
    """,
    re.VERBOSE | re.DOTALL,
)
_LISTS = re.compile(r"\?(?: ?, ?\?)+")


def kind_of(text: str) -> str:
    """Return the text without its constants, comments and spacing; good enough to tell kinds of statements apart.

    >>> kind_of("select * from t1 where a = 'it''s' and b in (1, 2.5) /* x */")
    'select * from t1 where a = ? and b in (?)'
    """
    if '"' not in text and "--" not in text and "/*" not in text:
        return _LISTS.sub("?", " ".join(_PLAINLY_VARYING.sub("?", text).split()))
    return _LISTS.sub("?", " ".join(_VARYING.sub(_replacement, text).split()))


def _replacement(match: re.Match[str]) -> str:
    if match["name"] is not None:
        return match[0]
    if match["space"] is not None or match[0].startswith(("/*", "--")):
        return " "
    return "?"


@dataclass(slots=True)
class _Kind:
    user: str | None
    calls: float = 0.0
    ms: float | None = None
    seen: int = 0
    samples: list[Kept] = field(default_factory=list)


class Sampler:
    """Collects executions; `texts` gives them back, weighted."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str | None], _Kind] = {}
        self._keys: dict[str, str] = {}
        self._random = Random(0)  # the same log gives the same report
        self._capacity = _FIRST_CAPACITY
        self._samples = 0
        self._characters = 0
        self.left_out = 0  # executions of kinds beyond what can be kept

    def add(self, execution: Execution) -> None:
        """Count one execution in."""
        # What is longer than can be parsed stays too long, and is reported as such.
        text = execution.text if len(execution.text) <= LONGEST_TEXT else execution.text[: LONGEST_TEXT + 1]
        key = (self._key(text), execution.user)
        kind = self._kinds.get(key)
        if kind is None:
            if not execution.calls:
                return  # the statement itself was before the log's beginning
            if len(self._kinds) >= _MOST_KINDS or (self._capacity == 1 and self._characters > _MOST_CHARACTERS):
                self.left_out += 1
                return
            kind = self._kinds[key] = _Kind(execution.user)
        kind.calls += execution.calls
        if execution.ms is not None:
            kind.ms = (kind.ms or 0.0) + execution.ms
        if not execution.calls:
            return
        kind.seen += 1
        if kind.samples and text == kind.samples[0][0][0]:
            text = kind.samples[0][0][0]  # one string for all
        kept = ((text, tuple(sorted(execution.parameters.items()))), execution.ms or 0.0)
        if len(kind.samples) < self._capacity:
            kind.samples.append(kept)
            self._samples += 1
            self._characters += _size(kept)
        elif (position := self._random.randrange(kind.seen)) < len(kind.samples):
            self._characters += _size(kept) - _size(kind.samples[position])
            kind.samples[position] = kept
        while (self._samples > _MOST_SAMPLES or self._characters > _MOST_CHARACTERS) and self._capacity > 1:
            self._thin()

    def texts(self, source: str) -> Iterator[WorkloadText]:
        """Yield the samples, equal ones once, so that calls and times add up to what was seen."""
        for kind in self._kinds.values():
            counted: dict[Sample, tuple[int, float]] = {}
            for sample, ms in kind.samples:
                count, spent = counted.get(sample, (0, 0.0))
                counted[sample] = (count + 1, spent + ms)
            kept = sum(spent for _, spent in counted.values())
            for (text, parameters), (count, spent) in counted.items():
                share = count / len(kind.samples)
                yield WorkloadText(
                    query=text,
                    calls=kind.calls * share,
                    source=source,
                    total_exec_time=None if kind.ms is None else kind.ms * (spent / kept if kept else share),
                    parameters=parameters,
                    role=kind.user,
                )

    def _key(self, text: str) -> str:
        key = self._keys.get(text)
        if key is None:
            key = kind_of(text[:_KEY_CHARACTERS])
            if len(self._keys) >= _KEYS_KEPT:
                self._keys.clear()
            if len(text) < _KEYS_KEPT:
                self._keys[text] = key
        return key

    def _thin(self) -> None:
        """Keep half of each sample."""
        self._capacity //= 2
        self._samples = self._characters = 0
        for kind in self._kinds.values():
            if len(kind.samples) > self._capacity:
                kind.samples = self._random.sample(kind.samples, self._capacity)
            self._samples += len(kind.samples)
            self._characters += sum(map(_size, kind.samples))


def _size(kept: Kept) -> int:
    (text, parameters), _ = kept
    return len(text) + sum(len(value or "") for _, value in parameters)
