"""Whatever text a database, a file or a person gives: every format is written, and can be read by its readers."""

from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.render import FORMATS, json_schema, render
from tests.render.samples import hostile_report
from tests.render.test_html import read

ANY = st.text(st.characters(), max_size=60) | st.text(st.sampled_from("\"'`<>&|\\-;$[](){}%\n\r\t\x00\x1b\ud800 aé漢"))
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


@settings(max_examples=60, deadline=None)
@given(ANY)
def test_any_text_in_every_place(text: str) -> None:
    report = hostile_report(text, length=100)
    made = {format: render(report, format, color=False, width=80) for format in FORMATS}
    for format, output in made.items():
        assert output.endswith("\n"), format
        output.encode()
    VALIDATOR.validate(json.loads(made["json"]))
    json.loads(made["sarif"])
    json.loads(made["gitlab"])
    ElementTree.fromstring(made["junit"])
    assert len({len(row) for row in csv.reader(io.StringIO(made["csv"], newline=""))}) == 1
    read(made["html"])
