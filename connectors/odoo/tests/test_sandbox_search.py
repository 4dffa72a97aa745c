"""Searches of the pretended Odoo: its short cuts find what looking at every row would."""

import operator as operators
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from crossdock_odoo.sandbox import OdooSandbox
from crossdock_odoo.sandbox_search import TIMED, search

START = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
STEPS = (0, 1, 400_000, 999_999, 1_000_000, 1_000_001, 1_400_000, 2_000_000)
"""Microseconds after START."""


@pytest.mark.parametrize("version", [18, 19])
@pytest.mark.parametrize("operator", list(TIMED))
def test_times_are_compared_in_whole_seconds_from_19_on(version: int, operator: str) -> None:
    box = OdooSandbox(version=version, seed=False)
    for step in STEPS:
        box.store.now = START + timedelta(microseconds=step)
        box.store.insert("res.partner", {"name": str(step)})
    for step, shown in product(STEPS, ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f")):
        moment = START + timedelta(microseconds=step)
        text = moment.strftime(shown)
        if "%f" not in shown:
            moment = moment.replace(microsecond=0)
        found = search(box.store, "res.partner", [["write_date", operator, text]], "id")
        expected = [
            row["name"]
            for row in box.store.tables["res.partner"].rows.values()
            if TIMED[operator](
                row["write_date"].replace(microsecond=0) if version >= 19 else row["write_date"],
                moment,
            )
        ]
        assert [row["name"] for row in found] == expected, (operator, text)


def test_whichever_condition_narrows_most_all_are_kept() -> None:
    box = OdooSandbox(seed=False)
    for at in range(60):
        box.store.now = START + timedelta(seconds=at)
        box.store.insert(
            "stock.picking",
            {"name": f"P{at}", "state": "done" if at % 4 else "assigned", "sale_id": at % 7},
        )
    rows = list(box.store.tables["stock.picking"].rows.values())
    tests = {
        "state": (["state", "=", "done"], lambda row: row["state"] == "done"),
        "sale": (["sale_id", "in", [2, 3, 99]], lambda row: row["sale_id"] in (2, 3)),
        "since": (
            ["write_date", ">=", (START + timedelta(seconds=30)).strftime("%Y-%m-%d %H:%M:%S")],
            lambda row: operators.ge(row["write_date"], START + timedelta(seconds=30)),
        ),
        "id": (["id", ">", 40], lambda row: row["id"] > 40),
    }
    for chosen in product((False, True), repeat=len(tests)):
        some = [test for test, wanted in zip(tests.values(), chosen, strict=True) if wanted]
        found = search(box.store, "stock.picking", [leaf for leaf, _ in some], "id")
        assert [row["name"] for row in found] == [
            row["name"] for row in rows if all(holds(row) for _, holds in some)
        ]


def test_new_rows_share_no_lists() -> None:
    box = OdooSandbox(seed=False)
    first = box.store.insert("sale.order.line", {"name": "a"})
    second = box.store.insert("sale.order.line", {"name": "b"})
    assert first["tax_ids"] == []
    assert first["tax_ids"] is not second["tax_ids"]
