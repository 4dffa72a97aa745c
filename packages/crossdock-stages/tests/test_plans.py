"""What a batch costs depends on the batch, not on how much waits behind it or lies in the ledger.

SQLite's own account of how it would find the rows of each statement is what is tested.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from crossdock_stages.ledger import Ledger, journey, landing, open_ledger, tables, traffic
from crossdock_stages.ledger.statements import Statement
from crossdock_stages.replay import Selection, select
from sqlalchemy import event
from sqlalchemy.engine import Connection

IDS = [f"id_{number}" for number in range(100)]
BY_WHAT: list[tuple[Statement, dict[str, Any], str]] = [
    (
        landing._MARK,
        {"row_id": "a", "became": "translated", "said": "[]", "because": "", "ended": True},
        "sqlite_autoindex_landing_1 (id=?)",
    ),
    (landing._SETTLE, {"ids": IDS}, "sqlite_autoindex_landing_1 (id=?)"),
    (landing._SETTLE_SINGLE, {"ids": IDS}, "sqlite_autoindex_landing_1 (id=?)"),
    (landing._SAID_MORE, {"ids": IDS}, "sqlite_autoindex_landing_1 (id=?)"),
    (landing._MINE, {"ids": IDS}, "sqlite_autoindex_landing_1 (id=?)"),
    (
        landing._ON_THE_WAY,
        {"connection": "web", "keys": IDS},
        "ix_landing_entity (connection=? AND entity_key=?)",
    ),
    (
        traffic._CLOSE,
        {"ids": IDS, "to": "done", "now": 1.0},
        "sqlite_autoindex_outbox_1 (id=?)",
    ),
    (traffic._STANDINGS, {"ids": IDS}, "sqlite_autoindex_outbox_1 (id=?)"),
    (
        traffic._AHEAD,
        {"connection": "erp", "keys": IDS},
        "ix_outbox_sequence (connection=? AND entity_key=?)",
    ),
]


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as made:
        yield made


@pytest.mark.parametrize(("statement", "values", "index"), BY_WHAT)
async def test_rows_of_a_batch_are_found_by_what_names_them(
    ledger: Ledger, statement: Statement, values: dict[str, Any], index: str
) -> None:
    def plan(tx: Connection) -> list[str]:
        text, flat = statement._planned(tx, values).spread(values)
        found = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", tuple(flat))
        return [row[3] for row in found]

    first, *_ = await ledger.read(plan)
    assert first.startswith("SEARCH"), first
    assert first.endswith(index), first


async def plans(ledger: Ledger, work: Callable[[Connection], object]) -> dict[str, list[str]]:
    """Each statement that `work` has run, and how its rows are found."""

    def watched(tx: Connection) -> dict[str, list[str]]:
        texts: list[tuple[str, Any]] = []

        def note(_c: Any, _k: Any, text: str, values: Any, *_: Any) -> None:
            texts.append((text, values))

        event.listen(tx, "before_cursor_execute", note)
        work(tx)
        event.remove(tx, "before_cursor_execute", note)
        return {
            text: [row[3] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)]
            for text, values in texts
        }

    return await ledger.read(watched)


async def test_a_trace_and_a_replay_scan_no_table(ledger: Ledger) -> None:
    """`crossdock trace` answers at once, however much the ledger holds."""
    await ledger.write(one_order_of_everything)
    wanted = Selection(reference="native")
    for work in (lambda tx: journey.journey(tx, "native"), lambda tx: select(tx, wanted)):
        found = await plans(ledger, work)
        assert len(found) > 8
        scans = [
            (step, text)
            for text, steps in found.items()
            for step in steps
            if step.startswith("SCAN") and step.split()[1] in tables.metadata.tables
        ]
        assert not scans
    traced = await ledger.read(lambda tx: journey.journey(tx, "native"))
    assert traced is not None
    assert {step.stage for step in traced.steps} >= {"intake", "decide"}


def one_order_of_everything(tx: Connection) -> None:
    """A row of each table that a trace looks into."""
    now = {"at": 1.0, "received_at": 1.0, "published_at": 1.0, "created_at": 1.0, "updated_at": 1.0}
    names = {"id": "ord_1", "event_id": "evt_1", "landing_id": "lnd_1", "native_id": "native"}
    for table, more in (
        (tables.landing, {"id": "lnd_1", "events": '["evt_1"]', "state": "translated"}),
        (tables.inbox, {"outcome": "applied"}),
        (tables.entities, {}),
        (tables.cross_references, {}),
        (tables.outbox, {"id": "cmd_1", "state": "open"}),
    ):
        given = {**now, **names, "canonical_id": "ord_1", "entity_id": "ord_1", "kind": "order"}
        given |= {"entity_key": "ord_1", "connection": "web", **more}
        row = {
            column.name: given.get(column.name, _anything(column))
            for column in table.columns
            if not (column.autoincrement is True or column.nullable)
        }
        tx.execute(table.insert(), [row])


def _anything(column: "sa.Column[Any]") -> Any:
    if isinstance(column.type, sa.LargeBinary):
        return b""
    return "x" if isinstance(column.type, sa.String | sa.types.TypeDecorator) else 0


async def test_the_account_reads_no_payload(ledger: Ledger) -> None:
    """`/status` of a ledger of many gigabytes is answered from indexes."""
    found = await plans(ledger, journey.account)
    large = {text: steps for text, steps in found.items() if "landing" in text or "outbox" in text}
    assert len(large) == 3
    for text, steps in large.items():
        assert "USING COVERING INDEX" in steps[0], (text, steps)
