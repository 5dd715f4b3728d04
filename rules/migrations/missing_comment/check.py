"""New tables and columns that nothing explains."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView

_SHOWN = 5


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind == "create_table" and not action.temporary and action.partition_of is None and not action.as_select:
        wanted = [None, *(column.name for column in action.column_specs)]
    elif action.kind == "add_column":
        wanted = [action.name]
    else:
        return
    said = {later.name for later in state.pending if later.kind == "comment" and later.relation == action.relation}
    missing = [name for name in wanted if name not in said]
    if missing:
        columns = [name for name in missing if name is not None]
        what = [*(["the table"] if None in missing else []), *columns[:_SHOWN]]
        more = f" and {len(columns) - _SHOWN} more columns" if len(columns) > _SHOWN else ""
        yield Hazard(
            message=f"Nothing says what this means in {action.relation}: {', '.join(what)}{more}.",
            object=str(action.relation),
            remedy_note="COMMENT ON TABLE and COMMENT ON COLUMN, later in the same file.",
        )
