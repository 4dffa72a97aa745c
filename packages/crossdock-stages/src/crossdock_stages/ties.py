"""Which order a payment service's news belongs to, and which wish it answers: the rule, here alone.

A payment service knows its own payments and at best a name that somebody gave it with one. An
order is found by the first of these that leads to exactly one:

1. our own id of it, which the service was given by us and tells back (`order.id`)
2. the payment that a refund goes back to (`payment`), once that is tied
3. the name that the service was given with the payment (`order.native_id`): a selling channel's
   id of the order, else its number there
4. a transaction of a selling channel that names the payment (`provider_id`)

Where none does, or one leads to two orders, the news waits for one that fits, and is a person's
after a day. A refund answers the wish that it names (`refs`, connection `crossdock`), or for which
the service gave it as a receipt; else, when it succeeded, the only one of the same amount that it
was asked for and has not answered: its news may be quicker than its receipt.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa
from crossdock.canonical import Entity, EntityRef, Payment, Refund
from crossdock.identity import entity_id
from sqlalchemy.engine import Connection

from crossdock_stages.book import Book
from crossdock_stages.judgement.basis import Tie
from crossdock_stages.ledger import things
from crossdock_stages.ledger.statements import Statement, among
from crossdock_stages.ledger.tables import entities
from crossdock_stages.ledger.things import Known
from crossdock_stages.news import News
from crossdock_stages.rules import Rules

OURSELVES = "crossdock"


def tie(tx: Connection, news: Sequence[News], rules: Rules) -> list[News]:
    """The same news, that of payment services with the order it belongs to, as far as it is known.

    What belongs to none names none: its reference has no id of ours.
    """
    theirs = [one for one in news if _is_tied(one, rules)]
    if not theirs:
        return list(news)
    look = _Look(rules, theirs)
    look.read(tx)
    found = {one.item.id: look.order_of(one) for one in theirs}
    orders = things.known(tx, {order for order in found.values() if order})
    out = []
    for one in news:
        order = found.get(one.item.id)
        out.append(_tied(one, order, look.wish_of(one, orders)) if one in theirs else one)
    return out


def _is_tied(one: News, rules: Rules) -> bool:
    return isinstance(one.data, Payment | Refund) and one.envelope.connection in rules.payers


def _tied(one: News, order: str | None, wish: str) -> News:
    ref = one.data.order  # type: ignore[attr-defined]
    native = ref.native_id if ref is not None else None
    known: dict[str, EntityRef] = {"order": EntityRef(id=order, native_id=native)}
    if isinstance(one.data, Refund) and one.data.payment is not None:
        (payment,) = _payments(one) or (None,)  # who books it knows the payment by our id
        known["payment"] = EntityRef(id=payment, native_id=one.data.payment.native_id)
    data = one.data.model_copy(update=known)
    return replace(one, data=data, text=b"", tie=Tie(told=one.data, wish=wish))


@dataclass
class _Look:
    """What the ledger knows of everything that may tie these news."""

    rules: Rules
    news: Sequence[News]
    known: dict[str, Known] = field(default_factory=dict)
    numbers: dict[str, set[str]] = field(default_factory=dict)
    """An order's number at a channel to the orders that have it."""
    transactions: dict[str, set[str]] = field(default_factory=dict)
    """A payment's name in a channel's transactions to the orders that these are of."""
    receipts: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def read(self, tx: Connection) -> None:
        ids: set[str] = set()
        names: set[str] = set()
        for one in self.news:
            ids |= {order for step in self._by_id(one) for order in step}
            ids |= set(_payments(one))
            names |= {name for name in (_named(one), *_names(one)) if name}
        self.known = things.known(tx, ids)
        rows = _LABELLED.rows(tx, labels=names, channels=set(self.rules.channels))
        for own, kind, label, facts in rows:
            if kind == "order":
                self.numbers.setdefault(label, set()).add(own)
            elif order := json.loads(facts or "{}").get("order"):
                self.transactions.setdefault(label, set()).add(order)
        refunds = [one for one in self.news if isinstance(one.data, Refund)]
        pairs = [(one.envelope.connection, "refund", one.envelope.native) for one in refunds]
        self.receipts = things.aliases(tx, pairs)

    def order_of(self, one: News) -> str | None:
        """The one order that it belongs to; None where it is not known, or not sure."""
        for step in self._steps(one):
            if len(step) == 1:
                return step.pop()
            if step:
                return None
        return None

    def _steps(self, one: News) -> Iterator[set[str]]:
        given, *channels = self._by_id(one)
        yield {order for order in given if order in self.known}
        yield {
            order
            for payment in _payments(one)
            if (known := self.known.get(payment)) is not None
            and (order := json.loads(known.facts or "{}").get("order"))
        }
        for step in channels:
            yield {order for order in step if order in self.known}
        yield set(self.numbers.get(_named(one), ()))
        yield {order for name in _names(one) for order in self.transactions.get(name, ())}

    def _by_id(self, one: News) -> Iterator[set[str]]:
        """Orders that it may mean: as it says itself; by its own name of it; by the channels'."""
        ref = one.data.order  # type: ignore[attr-defined]
        native, speaker = _named(one), one.envelope.connection
        own = entity_id(speaker, "order", native)
        given = ref.id if ref is not None else None
        yield {given} if given and given != own else set()
        yield {own} if native else set()
        channels = self.rules.channels if native else ()
        yield {entity_id(channel, "order", native) for channel in channels}

    def wish_of(self, one: News, orders: Mapping[str, Known]) -> str:
        """The wish that this refund answers; empty where nobody wished it."""
        if not isinstance(one.data, Refund):
            return ""
        told = [ref.value for ref in one.data.refs if ref.connection == OURSELVES]
        if told:
            return told[0]
        speaker, own = one.envelope.connection, one.envelope.subject
        given = self.receipts.get((speaker, "refund", one.envelope.native), own)
        if given != own:
            return given
        order = orders.get(self.order_of(one) or "")
        if order is None or one.data.state != "succeeded":
            return ""
        money = one.data.amount.amount
        book, paid = Book.load(order.facts), _payments(one)
        if own in book.refunded:
            return ""  # told before, when it answered none: a wish of since then is another
        alike = [
            wish
            for wish, asked in book.wishes.items()
            if (asked.by, asked.amount) == (speaker, money)
            and (not paid or asked.payment in {"", *paid})
        ]
        return alike[0] if len(alike) == 1 else ""


def _named(one: News) -> str:
    """What the service calls the order."""
    ref = one.data.order  # type: ignore[attr-defined]
    return (ref.native_id if ref is not None else None) or ""


def _payments(one: News) -> tuple[str, ...]:
    """The payment that a refund goes back to, under our id."""
    ref = one.data.payment if isinstance(one.data, Refund) else None
    if ref is None:
        return ()
    if ref.id:
        return (ref.id,)
    return (entity_id(one.envelope.connection, "payment", ref.native_id),) if ref.native_id else ()


def _names(one: News) -> tuple[str, ...]:
    """What a channel's transaction may call the payment: the service's id of it, or another."""
    data: Entity = one.data
    if isinstance(data, Refund):
        return (data.payment.native_id,) if data.payment and data.payment.native_id else ()
    return (one.envelope.native, *(ref.value for ref in data.refs if ref.kind == "payment"))


_LABELLED = Statement(
    lambda _: sa.select(entities.c.id, entities.c.kind, entities.c.label, entities.c.facts).where(
        entities.c.label.in_(among("labels")),
        entities.c.kind.in_(("order", "payment_transaction")),
        entities.c.connection.in_(among("channels")),
    )
)
