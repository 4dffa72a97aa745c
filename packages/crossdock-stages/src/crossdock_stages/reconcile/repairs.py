"""Doing what the plan says."""

from collections.abc import Sequence
from decimal import Decimal

import sqlalchemy as sa
from crossdock.canonical import InventoryLevel
from crossdock.identity import command_id, digest, fingerprint
from sqlalchemy.engine import Connection

from crossdock_stages import recovery
from crossdock_stages.asking import ask
from crossdock_stages.judgement import Wish
from crossdock_stages.ledger import allotments, desk, landing, stockbook, traffic
from crossdock_stages.ledger.desk import Stuck
from crossdock_stages.ledger.landing import Landed
from crossdock_stages.ledger.tables import outbox
from crossdock_stages.reconcile.basis import ROAD, Difference, Report
from crossdock_stages.topology import Topology


def apply(
    tx: Connection, report: Report, now: float, topology: Topology | None = None
) -> dict[str, int]:
    """Do what the plan says; how many of each repair. Doing it twice does no harm.

    `topology` addresses what a system that keeps a copy is told again; it goes out with the
    sweeper's next round.
    """
    rows = [
        Landed(
            id=landing.new_id(now),
            connection=one.connection,
            topic=one.raw.topic,
            entity_key=one.raw.key,
            delivery_id=f"{ROAD}:{fingerprint(one.raw.data)}",
            road=ROAD,
            headers=one.raw.headers,
            body=one.raw.data,
            received_at=now,
        )
        for one in report.differences
        if one.repair == "land" and one.raw is not None
    ]
    landed = sum(verdict == "new" for _, verdict in landing.land(tx, rows)) if rows else 0
    told = 0
    again = [one for one in report.differences if one.repair == "tell"]
    copies = [one for one in again if one.kind == "copy"]
    told += _tell_copies(tx, topology, copies, now) if topology is not None else 0
    for one in again:
        if one.kind != "copy":
            sku, _, place = one.label.rpartition(" at ")
            allotments.shows(tx, one.connection, (sku, place), Decimal(one.there), now)
            told += stockbook.forget_told(tx, one.connection, [(sku, place)])
    cases = [_case(one) for one in report.differences if one.repair == "person"]
    desk.open_exceptions(tx, cases, now)
    return {"land": landed, "tell": told, "person": len(cases)}


def _tell_copies(
    tx: Connection, topology: Topology, copies: Sequence[Difference], now: float
) -> int:
    """The owner's figure as it is now, in the words in which it was told last."""
    sends = []
    for one in copies:
        row = tx.execute(
            sa.select(outbox)
            .where(outbox.c.connection == one.connection, outbox.c.entity_id == one.subject)
            .where(outbox.c.type == "inventory.publish")
            .order_by(outbox.c.seq.desc())
            .limit(1)
        ).first()
        if row is None or row.state != "done" or one.figures is None:
            continue
        sellable, on_hand = one.figures
        last = InventoryLevel.parse(bytes(row.body))
        figures = {
            "on_hand": last.on_hand if on_hand is None else on_hand,
            "available": None if last.available is None else sellable,
        }
        data = last.model_copy(update=figures)
        body = data.dump()
        wish = Wish(
            target=one.connection,
            type="inventory.publish",
            id=command_id(one.connection, "inventory.publish", f"{one.subject}:{ROAD}:{row.seq}"),
            data=data,
            entity_id=one.subject,
            key=row.entity_key,
            refs=(one.subject,),
        )
        sends.append(ask(topology, wish, None, ROAD, body))
    traffic.add_outgoing(tx, sends, now)
    return len(sends)


def _case(one: Difference) -> tuple[Stuck, str, str]:
    stuck = Stuck(
        stage=ROAD,
        message_id=digest(one.domain, one.kind, one.connection, one.subject),
        connection=one.connection,
        entity_key=one.subject,
        entity_id=one.subject,
        address="",
        headers={},
        body=b"",
        code=f"reconcile_{one.kind}",
        reason=f"{one.label} at {one.connection}: there {one.there}, here {one.here}; {one.cause}",
    )
    suggestion = recovery.SUGGESTIONS.get(
        f"reconcile_{one.kind}", recovery.SUGGESTIONS["unsupported"]
    )
    return stuck, "warning", suggestion
