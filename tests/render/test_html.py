"""The HTML file: complete in itself, unbreakable by names, bounded, readable without sight of the plots."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from advisor.render import render
from advisor.render.html import LIMITS, style_hash
from advisor.render.plots import all_plots
from tests.render.samples import SAMPLES, hostile_report, huge_report, rich_report

VOID = {"meta", "link", "br", "circle", "rect", "line"}
ALLOWED = frozenset(
    """html head meta link title style body a header p span h1 h2 h3 dl dt dd nav ul ol li main section b details
    summary pre code figure figcaption strong svg g rect line circle text div table caption thead tbody tr th td
    footer br""".split()  # noqa: SIM905 (a list would be fifty lines)
)


class Reader(HTMLParser):
    """Collects elements and attributes, and fails on tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(params=[*SAMPLES, "huge"], scope="module")
def page(request: pytest.FixtureRequest) -> str:
    report = huge_report(300) if request.param == "huge" else SAMPLES[request.param]()
    return render(report, "html", color=False, width=None)


def test_only_known_elements_and_all_closed(page: str) -> None:
    assert set(read(page).elements) <= ALLOWED


def test_nothing_is_loaded_and_nothing_runs(page: str) -> None:
    reader = read(page)
    for tag, name, value in reader.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name != "style", "the policy forbids inline styles"
        if name in {"src", "href", "xlink:href", "srcset", "action", "data", "poster"}:
            assert (value or "").startswith("#") or value == "data:,", (tag, name, value)
    styles = "".join(reader.texts["style"])
    assert "url(" not in styles
    assert "@import" not in styles
    assert "@font-face" not in styles


def test_policy_allows_exactly_the_style_sheet(page: str) -> None:
    reader = read(page)
    policy = next(v for t, n, v in reader.attributes if t == "meta" and n == "content" and v and "default-src" in v)
    assert policy.startswith("default-src 'none';")
    css = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert css is not None
    assert f"style-src '{style_hash(css[1])}'" in policy
    assert "unsafe" not in policy


def test_links_lead_somewhere_and_ids_are_unique(page: str) -> None:
    reader = read(page)
    ids = Counter(value for _, name, value in reader.attributes if name == "id")
    assert max(ids.values()) == 1
    for _, name, value in reader.attributes:
        if name == "href" and value and value.startswith("#"):
            assert value[1:] in ids, value


def test_one_heading_one_main_a_language_and_labels(page: str) -> None:
    reader = read(page)
    assert reader.elements["h1"] == reader.elements["main"] == reader.elements["nav"] == 1
    assert ("html", "lang", "en") in reader.attributes
    hidden = sum(tag == "svg" and name == "aria-hidden" for tag, name, _ in reader.attributes)
    assert hidden == reader.elements["svg"], "the words beside each bar say the same"


def test_hostile_texts_add_no_element() -> None:
    hostile = render(hostile_report(), "html", color=False, width=None)
    assert "<script" not in hostile.lower()
    assert "&lt;script&gt;" in hostile
    assert read(hostile).elements["title"] == 1


def test_sql_is_shown_as_it_must_be_pasted() -> None:
    texts = " ".join(" ".join(read(render(rich_report(), "html", color=False, width=None)).texts["code"]).split())
    report = rich_report()
    assert report.indexes is not None
    for proposal in report.indexes.create:
        assert proposal.ddl + ";" in texts
        assert proposal.undo_ddl + ";" in texts


def test_size_is_bounded_and_the_rest_is_counted() -> None:
    small = render(huge_report(1_000), "html", color=False, width=None)
    large = render(huge_report(4_000), "html", color=False, width=None)
    assert len(large) < len(small) * 1.05 < 800_000
    assert f"{4_000 - LIMITS['drop']:,} more to drop" in large


def test_plots_stay_inside_their_frame() -> None:
    for make in (*SAMPLES.values(), lambda: huge_report(40)):
        for plot in all_plots(make()).values():
            for row in plot.rows if plot else ():
                assert row.value
                assert all(bar.x >= 0 and bar.width >= 0 and bar.x + bar.width <= 100.1 for bar in row.bars), row
                assert all(0 <= mark.x <= 100 for mark in row.marks), row


def test_plot_numbers() -> None:
    plots = all_plots(rich_report())
    memory, share, retention = plots["memory"], plots["share"], plots["retention"]
    assert memory is not None and share is not None and retention is not None
    assert memory.rows[0].value == "27 GB, 338 % of RAM"
    assert [bar.kind for bar in memory.rows[0].bars][:2] == ["part-shared_buffers", "part-work_mem"]
    assert memory.rows[0].note == "19 GB more than there is"
    assert memory.rows[1].note == ""
    assert share.rows[0].bars[0].width == 62
    oldest = retention.rows[0]
    assert [bar.kind for bar in oldest.bars] == ["kept", "past"]
    kept, past = oldest.bars
    assert kept.width / past.width == pytest.approx(90 / 312, rel=0.01)
    assert oldest.marks[0].x == pytest.approx(kept.x)


def test_empty_report_has_no_plots() -> None:
    assert not any(all_plots(SAMPLES["empty"]()).values())
