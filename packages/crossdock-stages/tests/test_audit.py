"""The audit finds every kind of silent drop; a check that cannot fail would prove nothing."""

import time
from typing import Any

import pytest
import sqlalchemy as sa
from crossdock.bus import Outgoing
from crossdock.events import Receipt
from crossdock_stages.ledger import Ledger, desk, landing, traffic
from crossdock_stages.ledger.audit import audit
from crossdock_stages.ledger.desk import Stuck
from crossdock_stages.ledger.landing import Landed, Translated
from crossdock_stages.ledger.tables import dead_letters, effects, exceptions, inbox, outbox
from crossdock_stages.ledger.tables import landing as landing_table
from crossdock_stages.ledger.traffic import Intent, Seen, ToSend
from sqlalchemy.engine import Connection


def stuck(message_id: str, stage: str) -> Stuck:
    return Stuck(
        stage=stage,
        message_id=message_id,
        connection="erp",
        entity_key="k",
        address="a",
        headers={},
        body=b"",
        code="rejected",
        reason="no",
    )


def healthy(tx: Connection) -> None:
    """One payload of each fate, and one command of each."""
    now = time.time()
    rows = [
        Landed(
            id=f"lnd_{fate}",
            connection="web",
            topic="t",
            entity_key="k",
            delivery_id=fate,
            road="webhook",
            headers={},
            body=b"x",
            received_at=now,
        )
        for fate in ("applied", "ignored", "dead", "way")
    ]
    landing.land(tx, rows)
    landing.mark_translated(
        tx,
        [
            Translated(landing_id="lnd_applied", state="translated", events=("evt_1",)),
            Translated(landing_id="lnd_ignored", state="ignored", reason="nobody needs this"),
            Translated(landing_id="lnd_dead", state="dead", reason="no JSON"),
        ],
    )
    desk.bury(tx, [stuck("lnd_dead", "translate"), stuck("cmd_dead", "deliver")], now)
    desk.open_exceptions(tx, [(stuck("cmd_exception", "deliver"), "error", "look")], now)
    traffic.add_seen(
        tx,
        [
            Seen(
                event_id="evt_1",
                type="order.placed",
                entity_id="ord_1",
                entity_key="ord_1",
                connection="web",
                revision="1",
                landing_id="lnd_applied",
                outcome="ignored",
                reason="late news",
                at=now,
            )
        ],
    )
    landing.settle(tx, ["lnd_applied"])
    for fate in ("done", "exception", "dead", "open"):
        message = Outgoing(address="a", body=b"", headers={}, id=f"cmd_{fate}")
        traffic.add_outgoing(
            tx,
            [
                ToSend(
                    message=message,
                    body=b"",
                    connection="erp",
                    type="order.create",
                    entity_id="ord_1",
                    entity_key="ord_1",
                    cause="evt_1",
                )
            ],
            now,
        )
    intent = Intent(command_id="cmd_done", connection="erp", type="order.create", entity_id="ord_1")
    traffic.intend(tx, [intent], now)
    traffic.receive(tx, {"cmd_done": Receipt(native_id="7")}, now)
    traffic.close_outgoing(tx, ["cmd_done"], "done", now)
    traffic.close_outgoing(tx, ["cmd_exception"], "exception", now)
    traffic.close_outgoing(tx, ["cmd_dead"], "dead", now)


SABOTAGE: dict[str, tuple[Any, str]] = {
    "the inbox forgets": (inbox.delete(), "nobody decided on evt_1"),
    "a dead letter is dropped": (
        dead_letters.delete().where(dead_letters.c.message_id == "lnd_dead"),
        "not among the dead letters",
    ),
    "a dead command is dropped": (
        dead_letters.delete().where(dead_letters.c.message_id == "cmd_dead"),
        "not among the dead letters",
    ),
    "an exception is dropped": (exceptions.delete(), "not on the desk"),
    "an effect is dropped": (effects.delete(), "without a receipt"),
    "a receipt is dropped": (effects.update().values(receipt_at=None), "has no receipt"),
    "settled before it was read": (
        landing_table.update().where(landing_table.c.id == "lnd_way").values(settled=True),
        "never translated",
    ),
    "ignored in silence": (
        landing_table.update().where(landing_table.c.id == "lnd_ignored").values(reason=""),
        "without a reason",
    ),
    "decided against in silence": (inbox.update().values(reason=""), "without a reason"),
    "an open command is called done": (
        outbox.update().where(outbox.c.id == "cmd_open").values(state="done"),
        "without a receipt",
    ),
}


@pytest.mark.parametrize("sabotage", SABOTAGE)
async def test_each_silent_drop_is_found(ledger: Ledger, sabotage: str) -> None:
    await ledger.write(healthy)
    assert await ledger.read(audit) == []
    statement, what = SABOTAGE[sabotage]
    await ledger.write(lambda tx: tx.execute(statement))
    gaps = await ledger.read(audit)
    assert len(gaps) >= 1
    assert any(what in gap.what for gap in gaps), gaps


async def test_what_waits_is_not_also_done(ledger: Ledger) -> None:
    await ledger.write(healthy)
    await ledger.write(lambda tx: desk.park(tx, [stuck("cmd_done", "deliver")], 1.0))
    (gap,) = await ledger.read(audit)
    assert gap.id == "cmd_done"
    await ledger.write(lambda tx: tx.execute(sa.delete(outbox)))
