"""Statements made once do on either database what SQLAlchemy's own do."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from crossdock.errors import UnavailableError
from crossdock_stages.ledger import Ledger, open_ledger
from crossdock_stages.ledger.statements import MOST_ROWS, Statement, among
from crossdock_stages.ledger.tables import cursors, effects, landing, metadata, twins
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

ADD = Statement(lambda insert: insert(cursors))
NAMES = Statement(
    lambda _: (
        sa.select(cursors.c.name)
        .where(cursors.c.connection == sa.bindparam("of"), cursors.c.name.in_(among("names")))
        .order_by(cursors.c.name)
    )
)


@pytest.fixture(params=["sqlite", "postgresql"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/ledger.db"
    else:
        url = str(request.getfixturevalue("postgres_server"))
    async with open_ledger(url) as made:
        if request.param == "postgresql":
            names = ", ".join(metadata.tables)
            await made.write(lambda tx: tx.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY"))
        yield made


def row(number: int, **more: Any) -> dict[str, Any]:
    named = {"connection": "web", "name": f"n{number:04}", "cursor": "c", "updated_at": 1.0}
    return {**named, **more}


@pytest.mark.parametrize("count", [0, 1, 2, 3, MOST_ROWS - 1, MOST_ROWS, 3 * MOST_ROWS + 7])
async def test_any_number_of_rows_goes_in_and_is_found(ledger: Ledger, count: int) -> None:
    rows = [row(number) for number in range(count)]
    await ledger.write(lambda tx: ADD.many(tx, rows))
    names = [one["name"] for one in rows]
    found = await ledger.read(lambda tx: NAMES.rows(tx, of="web", names=[*names, "nobody"]))
    assert [name for (name,) in found] == names
    assert await ledger.read(lambda tx: NAMES.rows(tx, of="web", names=[])) == []
    assert await ledger.read(lambda tx: NAMES.rows(tx, of="erp", names=names)) == []


async def test_a_row_that_is_there_already_fails_as_sqlalchemy_says_it(ledger: Ledger) -> None:
    def work(tx: Connection) -> None:
        ADD.many(tx, [row(1), row(2)])
        with pytest.raises(IntegrityError), tx.begin_nested():
            ADD.many(tx, [row(3), row(1)])

    await ledger.write(work)
    found = await ledger.read(lambda tx: NAMES.rows(tx, of="web", names=["n0001", "n0003"]))
    assert [name for (name,) in found] == ["n0001"]


async def test_values_of_the_statement_itself_and_conflicts(ledger: Ledger) -> None:
    """A value behind VALUES keeps rows from going in together, and nothing else."""

    def count_up(insert: Any) -> Any:
        return insert(effects).on_conflict_do_update(
            index_elements=["command_id"], set_={"attempts": effects.c.attempts + 10}
        )

    again = Statement(count_up)
    fields = {"connection": "erp", "type": "t", "entity_id": "e", "attempts": 1, "intent_at": 0.0}
    rows = [{"command_id": name, **fields, "note": ""} for name in ("a", "b", "a")]
    await ledger.write(lambda tx: again.many(tx, rows))
    query = sa.select(effects.c.command_id, effects.c.attempts).order_by(effects.c.command_id)
    found = await ledger.read(lambda tx: tx.execute(query).all())
    assert [tuple(one) for one in found] == [("a", 11), ("b", 1)]


async def test_the_columns_own_care_is_taken(ledger: Ledger) -> None:
    """What no database stores is replaced, and words are cut to their column."""
    add = Statement(lambda insert: insert(landing))
    now = time.time()
    one = {
        "id": "l",
        "connection": "web",
        "topic": "a\x00b" + "x" * 500,
        "entity_key": "k",
        "delivery_id": "d",
        "road": "poll",
        "headers": "{}",
        "body": b"\x00",
        "state": "landed",
        "fingerprint": "f",
        "received_at": now,
        "published_at": now,
        "settled": False,
    }
    await ledger.write(lambda tx: add.many(tx, [one]))
    query = sa.select(landing.c.topic, landing.c.settled, landing.c.body)
    topic, settled, body = (await ledger.read(lambda tx: tx.execute(query).all()))[0]
    assert topic.startswith("a\ufffdb")
    assert (len(topic), settled, bytes(body)) == (128, False, b"\x00")


async def test_a_value_too_few_is_a_fault_of_the_statement(ledger: Ledger) -> None:
    await ledger.write(lambda tx: ADD.many(tx, [row(1)]))
    with pytest.raises((KeyError, UnavailableError)):
        await ledger.write(lambda tx: NAMES.run(tx, of="web"))


async def test_every_item_of_a_list_is_cared_for(ledger: Ledger) -> None:
    find = Statement(
        lambda _: sa.select(twins.c.entity_id).where(twins.c.number.in_(among("numbers")))
    )
    add = Statement(lambda insert: insert(twins))
    one = {"entity_id": "o", "connection": "web", "number": "1\x00", "key": "k", "placed_at": 1.0}
    await ledger.write(lambda tx: add.many(tx, [one]))
    found = await ledger.read(lambda tx: find.rows(tx, numbers=["1\x00", "2"]))
    assert [own for (own,) in found] == ["o"], "what cannot be stored is found as it was stored"
    assert await ledger.read(lambda tx: find.rows(tx, numbers=[])) == []
