"""docs/rules.md and CONTRIBUTING.md say what the folders do."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import msgspec

from advisor.analyse import judge
from advisor.model.lookup import Catalog
from advisor.rulebook import CHECK_ARGUMENTS, UNITS, Metadata, Needs, load_rules
from tests.rules.cases import fill_snapshot

ROOT = Path(__file__).resolve().parents[2]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_rules", ROOT / "docs/make_rules.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_list_of_rules_is_up_to_date() -> None:
    written = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
    assert written == generator().rules_markdown(), "run: .venv/bin/python docs/make_rules.py"


def test_contributing_names_every_key_of_a_rule() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name in (*Metadata.__struct_fields__, *Needs.__struct_fields__, *UNITS, *CHECK_ARGUMENTS):
        assert re.search(rf"`[^`]*\b{name}\b[^`]*`|^\s*\[?{name}\b", text, re.MULTILINE), (
            f"CONTRIBUTING.md lacks {name}"
        )


def test_the_example_in_contributing_works(tmp_path: Path) -> None:
    """The files printed in CONTRIBUTING.md, written to disk, are a rule that finds what its cases say."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^`(rules/\S+)`:\n\n```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    files = {Path(name).relative_to("rules"): body for name, body in blocks}
    assert {path.name for path in files} >= {"rule.toml", "check.py"}
    for path, body in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(body, encoding="utf-8")
    (rule,) = load_rules(tmp_path)
    case = msgspec.json.decode((rule.folder / "cases/many_columns.bad.json").read_bytes())
    snapshot = fill_snapshot(case["snapshot"])
    judgement = judge(snapshot, Catalog(snapshot), [rule], {rule.id: case.get("params", {})})
    assert judgement.skipped == ()
    assert [finding.object for finding in judgement.findings] == case["expect"]
