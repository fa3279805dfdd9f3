"""The statements keep to SQL that both engines understand alike."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from endcap.data.etl.dialects import SPARK
from endcap.data.etl.statements import FOLDER, filled, number, said, statement
from endcap.data.etl.tables import BY_NAME, RAW, STRENGTHS, TABLES
from endcap.features.parameters import parameters

PERMITTED = {
    "Select", "With", "CTE", "From", "Join", "Where", "Group", "Union", "Subquery", "Table",
    "TableAlias", "Column", "Identifier", "Alias", "Literal", "Boolean", "Null", "Paren", "Neg",
    "And", "Or", "Not", "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "Is", "Add", "Sub", "Mul", "Div",
    "Mod", "Case", "If", "Cast", "DataType", "DataTypeParam", "Coalesce", "Nullif", "Ln", "Pow",
    "Count", "Sum", "Min", "Max", "Avg", "Distinct", "Star", "Window", "WindowSpec", "Order",
    "Ordered", "RowNumber", "Lag", "Sqrt",
}  # fmt: skip
UNIQUE = {"arrival", "back", "item_id", "other_id", "place"}  # what ends an order of rows
LISTS = {name: ["colour", "size"] for name in ("raw_attributes", "item_attributes",
                                               "user_attributes")}  # fmt: skip
AS_OF = 1_750_000_000_000_000


def parsed(sql: str) -> exp.Expression:
    (tree,) = sqlglot.parse(sql, read="duckdb")
    assert tree is not None
    return tree


def faults(sql: str) -> list[str]:
    """What a statement does that the engines do not do alike."""
    found = []
    for node in parsed(sql).walk():
        kind = type(node).__name__
        if kind not in PERMITTED:
            found.append(f"{kind} is not permitted")
        if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
            found.append("a star names no columns")
        if isinstance(node, exp.Literal) and not node.is_string and decimal(node.name):
            found.append(f"{node.name} is a decimal")
        if isinstance(node, exp.Join) and (node.method or node.side not in ("", "LEFT")):
            found.append(f"{node.sql()} is no plain join")
        if isinstance(node, exp.Div) and not guarded(node.expression):
            found.append(f"{node.sql()} may divide by zero")
        if isinstance(node, exp.Window) and (order := node.args.get("order")):
            last = order.expressions[-1].this
            if last.name not in UNIQUE:
                found.append(f"{order.sql()} does not end in a unique key")
        if isinstance(node, exp.Cast) and node.to.sql() not in ("BIGINT", "DOUBLE"):
            found.append(f"a cast to {node.to.sql()}")
        if isinstance(node, exp.Sum) and isinstance(node.parent, exp.Alias):
            found += [] if of_doubles(node) else [f"{node.sql()} may widen"]
    return found


def decimal(text: str) -> bool:
    return "." in text and "e" not in text


def guarded(divisor: exp.Expression) -> bool:
    if isinstance(divisor, exp.Paren):
        return guarded(divisor.this)
    if isinstance(divisor, exp.Literal):
        return float(divisor.name) != 0
    return isinstance(divisor, exp.Nullif)


def of_doubles(node: exp.Sum) -> bool:
    """A sum of whole numbers is wider in DuckDB than in Spark: it has to be cast."""
    words = node.sql()
    return any(part in words for part in ("fast", "slow", "decayed", "value", "weight"))


@pytest.mark.parametrize("table", [*BY_NAME, STRENGTHS])
def test_statement_keeps_to_the_list(table: str) -> None:
    assert faults(filled(statement(table), parameters(AS_OF), LISTS)) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM t",
        "SELECT t.a / t.b AS c FROM t",
        "SELECT t.a / 0 AS c FROM t",
        "SELECT t.a * 0.5 AS c FROM t",
        "SELECT row_number() OVER (PARTITION BY t.a ORDER BY t.ts) AS n FROM t",
        "SELECT date_diff('day', t.a, t.b) AS d FROM t",
        "SELECT list(t.a ORDER BY t.b) AS l FROM t",
        "SELECT log(t.a) AS l FROM t",
        "SELECT CAST(t.a AS VARCHAR) AS c FROM t",
        "SELECT t.a FROM t QUALIFY row_number() OVER (ORDER BY t.item_id) = 1",
        "SELECT quantile_cont(t.a, 0.5e0) AS q FROM t",
        "SELECT lower(t.a) AS l FROM t",
        "SELECT sum(t.n) AS s FROM t",
        "SELECT t.a FROM t ASOF JOIN u ON t.a = u.a AND t.ts >= u.ts",
    ],
)
def test_the_list_catches_what_differs(sql: str) -> None:
    assert faults(sql)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_reads_what_it_says(table) -> None:
    tree = parsed(filled(statement(table.name), parameters(AS_OF), LISTS))
    inside = {cte.alias for cte in tree.find_all(exp.CTE)}
    assert {t.name for t in tree.find_all(exp.Table)} - inside == set(table.reads)


def test_every_file_is_a_table_and_made_after_what_it_reads() -> None:
    assert {path.stem for path in FOLDER.glob("*.sql")} == {*BY_NAME, STRENGTHS}
    for place, table in enumerate(TABLES):
        assert set(table.reads) <= {*RAW, *(before.name for before in TABLES[:place])}


def test_lists_without_columns_go_with_their_comma() -> None:
    sql = filled(statement("training"), parameters(AS_OF))
    assert faults(sql) == []
    assert "$" not in sql


def test_names_of_attributes_do_not_meet_those_of_the_table() -> None:
    lists = {"item_attributes": ["id", 'odd "name"'], "user_attributes": ["id"]}
    names = parsed(filled(statement("training"), parameters(AS_OF), lists)).named_selects
    assert len(names) == len(set(names))
    assert {"item_attribute_id", 'item_odd "name"', "user_attribute_id"} <= set(names)


def test_numbers_are_whole_or_of_floating_point() -> None:
    assert [number(3), number(-3), number(3.0), number(1e-30)] == ["3", "(-3)", "3.0e0", "1e-30"]


def test_spark_hears_its_own_dialect() -> None:
    assert (
        said('SELECT "a b" FROM t ORDER BY 1', SPARK) == "SELECT `a b` FROM t ORDER BY 1 NULLS LAST"
    )
