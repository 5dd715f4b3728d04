"""JUnit XML, for CI servers: a test case per step (failed), per silent rule (passed) and per skipped rule."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from advisor.model.report import Report
from advisor.render.clean import one_line, visible
from advisor.render.order import items
from advisor.render.sqltext import block
from advisor.render.steps import Action

# XML 1.0 has no way to write these, not even as references.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WIDTH = 100


def render_junit(report: Report) -> str:
    """Return one test suite per subject. Information counts as passed."""
    root = ElementTree.Element("testsuites", {"name": "pgadvise"})
    found = items(report)
    for subject in sorted({item.subject for item in found}):
        members = [item for item in found if item.subject == subject]
        _suite(root, subject, members)
    rules = ElementTree.SubElement(
        root,
        "testsuite",
        {"name": "rules", "tests": str(len(report.passed) + len(report.skipped)), "failures": "0", "errors": "0",
         "skipped": str(len(report.skipped))},
    )  # fmt: skip
    for rule in report.passed:
        ElementTree.SubElement(rules, "testcase", {"classname": "rules", "name": _legal(one_line(rule))})
    for skipped in report.skipped:
        case = ElementTree.SubElement(rules, "testcase", {"classname": "rules", "name": _legal(one_line(skipped.rule))})
        ElementTree.SubElement(case, "skipped", {"message": _legal(one_line(skipped.why, 1_000))})
    failures = sum(item.severity.value != "info" for item in found)
    root.set("tests", str(len(found) + len(report.passed) + len(report.skipped)))
    root.set("failures", str(failures))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(root: ElementTree.Element, subject: str, members: list[Action]) -> None:
    failures = [item for item in members if item.severity.value != "info"]
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        {"name": _legal(one_line(subject)), "tests": str(len(members)), "failures": str(len(failures)), "errors": "0",
         "skipped": "0"},
    )  # fmt: skip
    for item in members:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"classname": _legal(one_line(item.rule)), "name": _legal(one_line(item.object, 300))},
        )
        if item.severity.value == "info":
            continue
        failure = ElementTree.SubElement(
            case, "failure", {"type": item.severity.value, "message": _legal(one_line(item.title, 500))}
        )
        failure.text = _legal(visible(f"{item.why}\n{block(item.sql, _WIDTH)}"))


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
