"""What is known of single SKUs: whether the catalogue has them, and where less than nothing lies.

One row of knowledge for each SKU, written as its owners speak, so that an order can be judged by
it also where stock is not kept here. That a catalogue is known at all is a row of its own: before
that, a SKU that was never told of says nothing.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from crossdock.canonical import Entity, InventoryLevel, Order, OrderLine, Product
from crossdock.events import Envelope
from crossdock.identity import digest

from crossdock_stages.book import Book
from crossdock_stages.judgement import shipping
from crossdock_stages.judgement.basis import Case, Knowledge
from crossdock_stages.judgement.contradictions import Contradiction
from crossdock_stages.ledger.things import Known
from crossdock_stages.rules import Rules
from crossdock_stages.stock import HANDS, handed_over

KIND, CATALOGUE = "sku", "catalogue"
LISTED, REMOVED = "listed", "removed"
CODES = ("unknown_sku", "negative_stock")
"""What an order is held for that is settled when an owner tells better of a SKU."""


def sku_id(sku: str) -> str:
    """The id of what is known of a SKU; as long as the ledger's column, 64 characters."""
    plain = len(sku) <= 60 and sku.isascii() and sku.isprintable()
    return f"sku:{sku}" if plain else f"sku:{digest(sku)}"


def catalogue_id(owner: str) -> str:
    """The id of what is known of an owner's catalogue as a whole."""
    return f"skus of {owner}"


def wanted(
    envelope: Envelope, data: Entity, known: Knowledge, rules: Rules
) -> tuple[set[str], set[str]]:
    """Ids of the knowledge that a judgement on this event reads, and of what it may change."""
    catalogue = rules.domains.get("catalog")
    if isinstance(data, Order):
        if catalogue is None and "inventory" not in rules.domains:
            return set(), set()
        ids = {sku_id(sku) for line in data.lines for sku in _skus_of(line)}
        if catalogue is not None and catalogue.owner is not None:
            ids.add(catalogue_id(catalogue.owner))
        return ids, set()
    if isinstance(data, Product) and catalogue is not None:
        return set(), {sku_id(sku) for sku in skus_in(data) | _told(known.get(envelope.subject))}
    if isinstance(data, InventoryLevel):
        return set(), {sku_id(data.sku)}
    return set(), set()


def skus_in(data: Product) -> set[str]:
    """Everything of a product that can be bought."""
    return {sku for sku in (data.sku, *(one.sku for one in data.variants)) if sku}


def _told(before: Known | None) -> set[str]:
    """The SKUs that a product had when it was told of last."""
    if before is None:
        return set()
    if before.body:
        return skus_in(Product.parse(before.body))
    return set(json.loads(before.facts).get("skus", ())) if before.facts else set()


def listed(case: Case, data: Product, know: Known) -> tuple[Known, tuple[Known, ...]]:
    """The product as it is known with its SKUs, and what is known of each of these now."""
    gone = case.envelope.name == "product.removed"
    now = set() if gone else skus_in(data)
    told = _told(case.before)
    if not know.body:
        know = replace(know, facts=json.dumps({"skus": sorted(now)}))
    know = replace(know, state=REMOVED if gone else LISTED)
    rows = [_row(case, sku) for sku in sorted(now | told)]
    out = []
    for row in rows:
        facts = _facts(row)
        if row.native_id in now:
            changed = replace(row, state=LISTED, facts=_dump({**facts, "product": know.id}))
        elif facts.get("product") in (None, know.id):  # else another product has it by now
            changed = replace(row, state=REMOVED)
        else:
            continue
        if changed != row:
            out.append(changed)
    return know, tuple(out)


def shelved(case: Case, data: InventoryLevel) -> tuple[Known, ...]:
    """What is known of a SKU after the owner's word of one place; nothing, where it is the same."""
    before = case.known.get(sku_id(data.sku))
    negative = data.on_hand is not None and data.on_hand < 0
    short = _facts(before).get("short", {}) if before is not None else {}
    if not negative and data.location not in short:
        return ()
    row = _row(case, data.sku)
    left = {place: told for place, told in short.items() if place != data.location}
    if negative:
        left[data.location] = [case.envelope.connection, str(data.on_hand)]
    changed = replace(row, facts=_dump({**_facts(row), "short": left}))
    return () if changed == row else (changed,)


def better(before: Known | None, now: Known) -> bool:
    """Whether an order that is held for this SKU may go on now."""
    if now.kind != KIND:
        return False
    was = before.state if before is not None else ""
    return (now.state == LISTED and was != LISTED) or not _facts(now).get("short")


def in_goods(
    case: Case, order: Order, book: Book, *, agreed: Collection[str] = ()
) -> Iterator[Contradiction]:
    """What was sold and does not exist, or of which less than nothing lies where it ships from.

    `agreed` are lines that were taken before: a SKU may be removed once it was sold.
    """
    catalogue = case.rules.domains.get("catalog")
    owner = catalogue.owner if catalogue is not None and catalogue.complete else None
    complete = owner is not None and catalogue_id(owner) in case.known
    judged_by_stock = case.rules.keeps_stock and "stock" in case.domain.checks
    region = shipping.region_of(order, case.rules)
    first = next(iter(case.rules.ships_from(region)), None)
    for line in order.lines:
        amount = line.ordered - line.cancelled
        if line.line_id in agreed or amount <= 0:
            continue
        for sku in _skus_of(line):
            row = case.known.get(sku_id(sku))
            if row is None and not complete:
                continue
            sold = f"{case.envelope.connection} sold {amount} of SKU {sku} with line {line.line_id}"
            if complete and (row is None or row.state != LISTED):
                removed = row is not None and row.state == REMOVED
                why = "has removed it" if removed else "has told of no such SKU"
                yield Contradiction(
                    "unknown_sku", f"{sold}, and {owner}, which owns the catalogue, {why}"
                )
            elif row is not None and not judged_by_stock and not handed_over(line):
                for place, (who, figure) in _short_for(line, book, first, _facts(row)):
                    yield Contradiction(
                        "negative_stock", f"{sold}, and {who} says that {figure} lie at {place}"
                    )


def _short_for(
    line: OrderLine,
    book: Book,
    first: str | None,
    facts: Mapping[str, Any],
) -> Iterable[tuple[str, tuple[str, str]]]:
    """Of the places with less than nothing, the one that the line ships from."""
    short = facts.get("short", {})
    place = line.location or book.places.get(line.line_id) or first
    return [(name, told) for name, told in short.items() if place in (None, name)]


def _skus_of(line: OrderLine) -> tuple[str, ...]:
    """What has to exist for a line that our hands carry: a bundle's parts, else its own SKU."""
    if line.nature != "goods" or line.fulfilled_by not in HANDS:
        return ()
    parts = tuple(dict.fromkeys(part.sku for part in line.components if part.quantity > Decimal(0)))
    return parts or ((line.sku,) if line.sku else ())


def _row(case: Case, sku: str) -> Known:
    row = case.known.get(sku_id(sku))
    if row is not None:
        return row
    return Known(
        id=sku_id(sku),
        kind=KIND,
        connection=case.envelope.connection,
        native_id=sku[:255],
        revision="",
        digest="",
    )


def _facts(row: Known) -> dict[str, Any]:
    return dict(json.loads(row.facts)) if row.facts else {}


def _dump(facts: Mapping[str, object]) -> str:
    return json.dumps({key: value for key, value in facts.items() if value}, sort_keys=True)


def catalogue(owner: str) -> Known:
    """That an owner's whole catalogue is known, SKU by SKU, as far as it was told."""
    return Known(
        id=catalogue_id(owner),
        kind=CATALOGUE,
        connection=owner,
        native_id="",
        revision="",
        digest="",
        state=LISTED,
    )
