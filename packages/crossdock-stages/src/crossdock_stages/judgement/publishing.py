"""What an owner says and others are told: stock, products, prices, customers."""

import json
from dataclasses import replace

from crossdock.canonical import Entity, InventoryLevel, Price, Product
from crossdock.errors import RejectedError
from crossdock.events import COMMAND_TYPES
from crossdock.identity import digest

from crossdock_stages.judgement import goods, prices
from crossdock_stages.judgement.basis import (
    Case,
    Decision,
    content_mark,
    evidence,
    mark_of,
    recorded,
)
from crossdock_stages.ledger.things import Known

SHORT = "short"
"""A position of which less than nothing is there."""


def inventory(case: Case, data: InventoryLevel) -> Decision:
    """Stock of one thing at one place: told when what may be sold has changed."""
    mark = level_digest(data)
    short = _short(case, data)
    know = case.learnt(mark, state=SHORT if short else "", label=f"{data.sku} at {data.location}")
    decision = replace(_inventory(case, data, know, mark), also=goods.shelved(case, data))
    case_id = digest("short", know.id)
    if short is not None:
        return replace(decision, exception=short, case_id=case_id)
    was_short = case.before is not None and case.before.state == SHORT
    return replace(decision, over=case_id) if was_short else decision


def _short(case: Case, data: InventoryLevel) -> RejectedError | None:
    """What cannot be true of goods: the owner counts less than nothing, or sold what is not there.

    Where stock is kept, orders that cannot be served are told for themselves.
    """
    speaker = case.envelope.connection
    what = f"{data.sku} at {data.location}"
    if data.on_hand is not None and data.on_hand < 0:
        return RejectedError(
            f"{speaker} says that {data.on_hand} of {what} lie there: more was booked out than "
            f"there was; {data.reserved} are promised to orders",
            reason="negative_stock",
        )
    if data.sellable is not None and data.sellable < 0 and not case.rules.keeps_stock:
        there = "" if data.on_hand is None else f"; {data.on_hand} lie there"
        return RejectedError(
            f"{speaker} says that {data.sellable} of {what} may be sold: {-data.sellable} more "
            f"were sold by {' and '.join(case.rules.channels)} than there were{there}",
            reason="oversold",
        )
    return None


def _inventory(case: Case, data: InventoryLevel, know: Known, mark: str) -> Decision:
    if case.before is not None and case.before.digest == mark:
        return recorded("the sellable quantity is the same", know)
    others = case.domain.publish_to
    if case.rules.keeps_stock:  # channels are told what is left (see `stockroom`)
        others = tuple(name for name in others if name not in case.rules.channels)
        if not others:
            return recorded("channels are told what is left of it", know)
    return _tell(case, data, know, "inventory.publish", others)


def level_digest(data: InventoryLevel) -> str:
    """Stands for how much may be sold of what, where."""
    return mark_of([data.sku, data.location, data.unit, str(data.sellable)])


def anything(case: Case, data: Entity) -> Decision:
    """Any other entity: told to those on the list who can be told, when it has changed."""
    kind = case.envelope.kind
    owners = case.domain.field_owners() if kind == "product" else {}
    if owners:
        return _in_parts(case, data, owners)
    know = case.learnt(content_mark(data))
    publish_to = case.domain.publish_to
    settles: tuple[str, ...] = ()
    if isinstance(data, Price):
        if (refused := prices.checked(case, data)) is not None:
            return refused
        publish_to, settles = prices.targets(case, data), (case.envelope.subject,)
    skus: tuple[Known, ...] = ()
    if isinstance(data, Product):
        know, skus = goods.listed(case, data, know)
    if case.before is not None and case.before.digest == know.digest:
        return replace(recorded("nothing changed", know), also=skus)
    verb = "create" if kind == "transfer" else "publish"
    told = _tell(case, data, know, f"{kind}.{verb}", publish_to)
    return replace(told, also=skus, settles=settles)


def _in_parts(case: Case, data: Entity, owners: dict[str, str]) -> Decision:
    """Where several systems own fields of one thing: each one's word counts on its own fields."""
    speaker, before = case.envelope.connection, case.before
    mine = {name for name, owner in owners.items() if owner == speaker}
    whole = type(data).parse(before.body) if before is not None and before.body else None
    revisions = json.loads(before.facts) if before is not None and before.facts else {}
    if case.envelope.revision < revisions.get(speaker, ""):
        return evidence(f"late news: revision {case.envelope.revision} of {speaker}")
    if speaker == case.domain.owner:
        taken = {
            name: getattr(whole, name) for name in owners if whole is not None and name not in mine
        }
        merged = data.model_copy(update=taken)
    elif whole is None:
        return evidence(f"{case.domain.owner} has not told of it yet; {speaker} owns a part only")
    else:
        merged = whole.model_copy(update={name: getattr(data, name) for name in mine})
    facts = json.dumps({**revisions, speaker: case.envelope.revision})
    know = replace(case.learnt(content_mark(merged)), body=merged.dump(), facts=facts)
    if before is not None:  # its own revision stays that of its owner
        know = replace(know, connection=before.connection, native_id=before.native_id)
    skus: tuple[Known, ...] = ()
    if speaker == case.domain.owner and isinstance(merged, Product):
        know, skus = goods.listed(case, merged, know)
    elif before is not None:
        know = replace(know, state=before.state)
    if before is not None and before.digest == know.digest:
        return replace(recorded("nothing changed", know), also=skus)
    told = _tell(case, merged, know, f"{case.envelope.kind}.publish", case.domain.publish_to)
    return replace(told, also=skus)


def _tell(
    case: Case, data: Entity, know: Known, verb: str, publish_to: tuple[str, ...]
) -> Decision:
    """Publish one entity to everybody on the list who can be told."""
    others = [name for name in publish_to if name != case.envelope.connection]
    if verb in COMMAND_TYPES and verb != "inventory.publish":
        others = list(case.rules.able(others, verb))
    if not others or verb not in COMMAND_TYPES:
        return recorded("recorded; nobody is told", know)
    key = f"{case.moment}:{know.digest}"
    return Decision(
        applied=True,
        reason=f"to be told to {', '.join(others)}",
        know=know,
        wishes=tuple(case.wish(name, verb, data, key=key) for name in others),
    )
