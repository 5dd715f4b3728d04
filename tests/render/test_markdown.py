"""Markdown that GitHub shows as meant, whatever the names hold."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from advisor.render import render
from advisor.render.markdown import code, escaped, sql_block
from tests.render.samples import HOSTILE, SAMPLES, hostile_report, huge_report, rich_report

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def tokens(text: str) -> list[Token]:
    found: list[Token] = []
    for token in PARSER.parse(text):
        found.append(token)
        found += token.children or []
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_only_our_own_html(name: str) -> None:
    allowed = re.compile(r"^<details><summary>[^<>]*</summary>$|^</details>$")
    for token in tokens(render(SAMPLES[name](), "markdown", color=False, width=None)):
        if token.type in ("html_block", "html_inline"):
            assert allowed.match(token.content.strip()), token.content
        assert token.type not in ("link_open", "image"), token


@pytest.mark.parametrize("name", SAMPLES)
def test_tables_have_as_many_cells_in_every_row(name: str) -> None:
    text = render(SAMPLES[name](), "markdown", color=False, width=None)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        counts = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(counts) == 1, table


def test_statements_come_back_whole_from_their_blocks() -> None:
    report = rich_report()
    assert report.indexes is not None
    text = render(report, "markdown", color=False, width=None)
    blocks = " ".join(" ".join(token.content.split()) for token in tokens(text) if token.type == "fence")
    for proposal in report.indexes.create:
        assert proposal.ddl + ";" in blocks
        assert proposal.undo_ddl + ";" in blocks


def test_hostile_names_make_no_headings() -> None:
    text = render(hostile_report(), "markdown", color=False, width=None)
    headings = [t for t in PARSER.parse(text) if t.type == "heading_open"]
    assert Counter(t.tag for t in headings)["h1"] == 1


def test_nobody_is_mentioned() -> None:
    text = render(hostile_report(), "markdown", color=False, width=None)
    assert any("@\u2060everyone" in token.content for token in tokens(text) if token.type == "text")
    assert not any("@everyone" in token.content for token in tokens(text) if token.type == "text")


def test_details_are_closed() -> None:
    for make in (*SAMPLES.values(), lambda: huge_report(100)):
        text = render(make(), "markdown", color=False, width=None)
        assert text.count("<details>") == text.count("</details>")


def test_fits_into_a_comment_on_github() -> None:
    assert len(render(huge_report(2_000), "markdown", color=False, width=None)) < 65_536


@pytest.mark.parametrize("text", ["a`b", "`", "``", "a|b", "", HOSTILE])
def test_inline_code_is_one_code_span(text: str) -> None:
    children = PARSER.parseInline(code(text).replace("\\|", "|"))[0].children or []
    assert [child.type for child in children if child.content] in (["code_inline"], [])


def test_prose_is_shown_as_it_is() -> None:
    text = r"**a** _b_ <c> [d](e) `f` ~~g~~ #1 \h snake_case $1"
    shown = "".join(child.content for child in PARSER.parseInline(escaped(text))[0].children or [])
    assert shown == text
    assert "snake_case" in escaped(text)


def test_fence_is_longer_than_any_inside() -> None:
    block = sql_block(['comment on table t is "````"'])
    assert block.startswith("`````sql\n")
    assert [token.type for token in PARSER.parse(block)] == ["fence"]
