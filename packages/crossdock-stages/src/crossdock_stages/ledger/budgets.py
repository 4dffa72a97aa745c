"""Rate budgets, breakers and leases, shared by the runners of a deployment.

Small tables with a row for each bucket, each connection, each thing that one runner alone does. A
grant of permits is one short transaction on one row; a runner looks at all rows about once a
second. `now` is the database's clock, so that runners on machines with different clocks agree.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from crossdock import rates
from crossdock.rates import Ask, Budget, Grant
from sqlalchemy import Float
from sqlalchemy.engine import Connection

from crossdock_stages.ledger.store import upsert
from crossdock_stages.ledger.tables import breakers, leases, rate_budgets

Kind = Literal["away", "auth", "limited"]
ALIVE = "runner "
"""Begins the name of the lease by which a runner says that it is alive."""


@dataclass(frozen=True, kw_only=True)
class Standstill:
    """A connection that is paused, or being tried again. Times are the database's."""

    connection: str
    kind: Kind
    opened: int
    until: float
    reason: str
    changed_at: float
    probed_by: str = ""
    probed_until: float = 0.0


@dataclass(frozen=True)
class Board:
    """All there is to know, at one moment `now` of the database's clock."""

    now: float
    budgets: dict[tuple[str, str], Budget]
    standstills: dict[str, Standstill]
    runners: tuple[str, ...] = ()
    """Those that are alive, in an order that all agree on."""


def clock(tx: Connection) -> sa.ColumnElement[float]:
    """The present moment as the database's users agree on it: its own, or for a file the host's."""
    if tx.dialect.name == "postgresql":
        return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), Float)
    return sa.literal(time.time(), Float)


def exchange(tx: Connection, connection: str, bucket: str, ask: Ask) -> Grant:
    """Settle one question (`rates.settle`) on the row of this bucket."""
    table = rate_budgets
    mine = (table.c.connection == connection) & (table.c.bucket == bucket)
    query = sa.select(table, clock(tx).label("now")).where(mine).with_for_update()
    row = tx.execute(query).first()
    if row is None:
        now = float(tx.execute(sa.select(clock(tx))).scalar_one())
        budget, grant = rates.settle(Budget(at=now), ask, now)
        # of two that come first at once, the later one fails by its key and is run again
        tx.execute(
            table.insert().values(
                connection=connection, bucket=bucket, grants=1, **_columns(budget)
            )
        )
        return grant
    budget, grant = rates.settle(_budget(row), ask, float(row.now))
    tx.execute(table.update().where(mine).values(grants=row.grants + 1, **_columns(budget)))
    return grant


def pause(
    tx: Connection, connection: str, *, kind: Kind, pause_s: float, opened: int, reason: str
) -> Standstill:
    """Stop this connection for all runners; of two pauses the longer one counts."""
    now = clock(tx)
    table = breakers
    until = now + pause_s
    fresh = {
        "kind": kind,
        "opened": opened,
        "until": until,
        "reason": reason,
        "changed_at": now,
        "probed_by": "",
        "probed_until": 0.0,
    }
    statement = upsert(tx, table).values(connection=connection, **fresh)
    longer = table.c.until > statement.excluded.until
    keep = {
        name: sa.case((longer, table.c[name]), else_=statement.excluded[name])
        for name in ("kind", "until", "reason")
    }
    row = tx.execute(
        statement.on_conflict_do_update(
            index_elements=["connection"],
            set_={
                **keep,
                "opened": sa.case(
                    (table.c.opened > statement.excluded.opened, table.c.opened),
                    else_=statement.excluded.opened,
                ),
                "changed_at": statement.excluded.changed_at,
                "probed_by": "",
                "probed_until": 0.0,
            },
        ).returning(table)
    ).one()
    return _standstill(row)


def claim(tx: Connection, connection: str, runner: str, for_s: float) -> bool:
    """Be the one runner that tries whether the connection is back; also to go on being it."""
    table = breakers
    now = clock(tx)
    free = (table.c.probed_until < now) | (table.c.probed_by == runner)
    done = tx.execute(
        table.update()
        .where(table.c.connection == connection, table.c.until <= now, free)
        .values(probed_by=runner, probed_until=now + for_s)
    )
    return done.rowcount == 1


def release(tx: Connection, connection: str, runner: str) -> None:
    """Let another runner try: this one got no answer to judge by."""
    table = breakers
    mine = (table.c.connection == connection) & (table.c.probed_by == runner)
    tx.execute(table.update().where(mine).values(probed_by="", probed_until=0.0))


def close(tx: Connection, connection: str) -> None:
    """It is back."""
    tx.execute(breakers.delete().where(breakers.c.connection == connection))


def lease(tx: Connection, name: str, runner: str, for_s: float) -> bool:
    """Be, or go on being, the one runner that does this; for so long.

    The row of whoever did it last is written over, so there are as many rows as things to do.
    """
    now = clock(tx)
    statement = upsert(tx, leases).values(name=name, runner=runner, until=now + for_s)
    done = tx.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"runner": runner, "until": statement.excluded.until},
            where=(leases.c.runner == runner) | (leases.c.until < now),
        ).returning(leases.c.runner)
    )
    return done.first() is not None


def forget(tx: Connection) -> None:
    """Leave out the runners that died a while ago."""
    old = leases.c.name.startswith(ALIVE, autoescape=True) & (leases.c.until < clock(tx) - 3600)
    tx.execute(leases.delete().where(old))


def unlease(tx: Connection, name: str, runner: str) -> None:
    """Let another runner do it at once."""
    tx.execute(leases.delete().where(leases.c.name == name, leases.c.runner == runner))


def look(tx: Connection) -> Board:
    """Everything, for whoever wants to keep to it or to show it."""
    now = float(tx.execute(sa.select(clock(tx))).scalar_one())
    budgets = {
        (row.connection, row.bucket): _budget(row) for row in tx.execute(sa.select(rate_budgets))
    }
    rows: Sequence[sa.Row[tuple[object, ...]]] = tx.execute(sa.select(breakers)).all()
    alive = tx.execute(
        sa.select(leases.c.runner)
        .where(leases.c.name.startswith(ALIVE, autoescape=True), leases.c.until > now)
        .order_by(leases.c.name)
    ).scalars()
    standstills = {row.connection: _standstill(row) for row in rows}
    return Board(now, budgets, standstills, tuple(alive))


def _budget(row: sa.Row[tuple[object, ...]]) -> Budget:
    return Budget(
        capacity=row.capacity,
        rate_per_s=row.rate_per_s,
        left=row.remaining,
        at=row.at,
        resets_at=row.resets_at,
        window_s=row.window_s,
        blocked_until=row.blocked_until,
        refusals=row.refusals,
    )


def _columns(budget: Budget) -> dict[str, float | int | None]:
    return {
        "capacity": budget.capacity,
        "rate_per_s": budget.rate_per_s,
        "remaining": budget.left,
        "at": budget.at,
        "resets_at": budget.resets_at,
        "window_s": budget.window_s,
        "blocked_until": budget.blocked_until,
        "refusals": budget.refusals,
    }


def _standstill(row: sa.Row[tuple[object, ...]]) -> Standstill:
    return Standstill(
        connection=row.connection,
        kind=row.kind,
        opened=row.opened,
        until=row.until,
        reason=row.reason,
        changed_at=row.changed_at,
        probed_by=row.probed_by,
        probed_until=row.probed_until,
    )
