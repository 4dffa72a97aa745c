"""Doing what the plan says."""

from decimal import Decimal

from crossdock.identity import digest, fingerprint
from sqlalchemy.engine import Connection

from crossdock_stages import recovery
from crossdock_stages.ledger import allotments, desk, landing, stockbook
from crossdock_stages.ledger.desk import Stuck
from crossdock_stages.ledger.landing import Landed
from crossdock_stages.reconcile.basis import ROAD, Difference, Report


def apply(tx: Connection, report: Report, now: float) -> dict[str, int]:
    """Do what the plan says; how many of each repair. Doing it twice does no harm."""
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
    for one in report.differences:
        if one.repair == "tell":
            sku, _, place = one.label.rpartition(" at ")
            allotments.shows(tx, one.connection, (sku, place), Decimal(one.there), now)
            told += stockbook.forget_told(tx, one.connection, [(sku, place)])
    cases = [_case(one) for one in report.differences if one.repair == "person"]
    desk.open_exceptions(tx, cases, now)
    return {"land": landed, "tell": told, "person": len(cases)}


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
