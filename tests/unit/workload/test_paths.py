"""Which schema a name without one means."""

from __future__ import annotations

from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.server import Setting
from advisor.workload.paths import SearchPaths, split_path
from tests.unit.workload.fakes import path_setting, snapshot, table


def paths(**changes: object) -> SearchPaths:
    return SearchPaths(Catalog(snapshot(**changes)))


TABLES = (
    table(),
    table("a", "accounts", relpages=10),
    table("b", "accounts"),
    table("app", "logs"),
    table("b", "logs"),
)


def setting(value: str, source: str) -> Setting:
    return Setting(
        name="search_path",
        setting=value,
        unit=None,
        category="",
        context="user",
        vartype="string",
        source=source,
        boot_val='"$user", public',
    )


def test_default_is_the_roles_schema_then_public() -> None:
    assert paths(tables=TABLES).configured("app") == ("app", "public")
    assert paths(tables=TABLES).configured("other") == ("public",)


def test_our_own_empty_path_is_not_the_servers() -> None:
    found = paths(tables=TABLES, settings=(setting("", "session"),)).configured("app")
    assert found == ("app", "public")
    assert paths(tables=TABLES, settings=(setting("b, public", "configuration file"),)).configured("x") == (
        "b",
        "public",
    )


def test_the_narrowest_setting_wins() -> None:
    found = paths(
        tables=TABLES,
        role_settings=(
            path_setting("b", role="app", database="shop"),
            path_setting("a", role="app"),
            path_setting("public", database="shop"),
            path_setting("a", role="app", database="other"),
            path_setting("a", role="somebody"),
        ),
    )
    assert found.configured("app") == ("b",)
    assert found.configured("nobody") == ("public",)


def test_names_are_resolved_in_order() -> None:
    found = paths(tables=TABLES)
    assert found.resolve([(None, "accounts"), ("b", "logs"), (None, "gone")], ("b", "a")) == (
        RelationName("b", "accounts"),
        RelationName("b", "logs"),
    )


def test_schemas_that_have_every_relation_fit() -> None:
    found = paths(tables=TABLES)
    assert found.fitting([(None, "accounts"), (None, "logs")], "x") == (("b", "public"),)
    assert found.fitting([(None, "accounts")], "x") == (("b", "public"), ("a", "public"))
    assert found.fitting([(None, "orders")], "x") == (("public",),)
    assert found.fitting([(None, "nowhere")], "x") == (("public",),)


def test_relations_spread_over_schemas_take_all_of_them() -> None:
    tables = (table("a", "one"), table("b", "two"))
    assert paths(tables=tables).fitting([(None, "one"), (None, "two")], None) == (("a", "b"),)


def test_many_schemas_are_capped() -> None:
    tables = tuple(table(f"tenant_{number}", "accounts", relpages=number) for number in range(50))
    assert [path[0] for path in paths(tables=tables).fitting([(None, "accounts")], None)] == [
        "tenant_49",
        "tenant_48",
        "tenant_47",
        "tenant_46",
    ]


def test_system_catalogs() -> None:
    found = paths(tables=(table(), table("public", "pg_own")))
    assert found.only_system([(None, "pg_class"), ("information_schema", "tables")])
    assert not found.only_system([(None, "pg_class"), (None, "orders")])
    assert not found.only_system([(None, "pg_own")])


def test_split_path() -> None:
    assert split_path('"$user", Public , "Od""d, x",') == ("$user", "public", 'Od"d, x')
    assert split_path("") == ()
