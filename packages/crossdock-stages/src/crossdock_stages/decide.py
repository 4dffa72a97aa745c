"""DECIDE: ownership, the sequence of news, and what must be asked of whom.

The thinking is in `judgement`; this module brings it what the ledger knows and writes down what
follows, all events of a batch in one transaction.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from crossdock.bus import Outgoing
from crossdock.canonical import Entity, EntityRef, Hold, Order
from crossdock.errors import RejectedError
from sqlalchemy.engine import Connection

from crossdock_stages import judgement, recovery, ties
from crossdock_stages.asking import ask_all, let_go
from crossdock_stages.book import Book
from crossdock_stages.harness import House, Item, in_line
from crossdock_stages.judgement import Decision, Twin, goods
from crossdock_stages.ledger import desk, landing, orders, stockbook, things, traffic
from crossdock_stages.ledger.desk import Waiter
from crossdock_stages.ledger.landing import Ahead
from crossdock_stages.ledger.orders import Judged, Purchase
from crossdock_stages.ledger.things import CrossReference, Known
from crossdock_stages.ledger.traffic import Seen, ToSend
from crossdock_stages.news import News, parse, queue_of, resolve
from crossdock_stages.recovery import Trouble
from crossdock_stages.rules import Rules
from crossdock_stages.shortfall import shortfall
from crossdock_stages.stock import Shortage, skus_of
from crossdock_stages.stockroom import Stockroom
from crossdock_stages.topology import Topology


@dataclass
class _Outcome:
    """What a batch has come to, to be written at once."""

    seen: list[Seen] = field(default_factory=list)
    known: dict[str, Known] = field(default_factory=dict)
    refs: list[CrossReference] = field(default_factory=list)
    sends: list[ToSend] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    exceptions: list[tuple[Item, RejectedError, str, str]] = field(default_factory=list)
    over: list[str] = field(default_factory=list)
    landings: list[str] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    went_on: list[str] = field(default_factory=list)
    look_again: list[str] = field(default_factory=list)
    better: list[Known] = field(default_factory=list)
    """SKUs of which an owner has told better."""
    went: list[Item] = field(default_factory=list)
    repeated: list[Item] = field(default_factory=list)

    def go_on(self, entity_ids: Sequence[str]) -> None:
        """These wait no longer: neither what is on the desk, nor what this batch has just held."""
        self.went_on += entity_ids
        if not self.exceptions:
            return
        held = {one.event_id for one in self.seen if one.outcome == orders.HELD}
        self.exceptions = [
            row
            for row in self.exceptions
            if row[2] not in entity_ids or row[0].envelope.id not in held
        ]


class Decide:
    """The stage; see the module's docstring."""

    name = "decide"
    batch: int = 100

    def __init__(self, house: House, topology: Topology, rules: Rules) -> None:
        self.house = house
        self.topology = topology
        self.rules = rules

    async def ready(self) -> None:
        """Always."""

    async def process(self, items: Sequence[Item]) -> Iterable[Outgoing]:
        """See `Stage.process`.

        Reading, judging and writing are one transaction: what was judged cannot be out of date
        when it is written, however many runners share the work.
        """
        parsed, faults = await parse(items, self.house.breath)
        out = await self.house.ledger.write(lambda tx: self._decide(tx, parsed, faults))
        meters = self.house.meters
        meters.add("decide.commands", len(out.sends))
        meters.add("decide.repeated", len(out.repeated))
        meters.add("decide.ignored", sum(one.outcome == "ignored" for one in out.seen))
        return [send.message for send in out.sends]

    def _decide(
        self, tx: Connection, parsed: Sequence[tuple[Item, Entity]], faults: Sequence[Trouble]
    ) -> _Outcome:
        items = [item for item, _ in parsed]
        stuck_keys = [trouble.entity_key for trouble in faults]
        queues = desk.queues(tx, self.name, [*(queue_of(item) for item in items), *stuck_keys])
        orders.forget_held(tx, [item.id for item in items if item.retry])
        seen = traffic.already_seen(tx, [item.id for item in items])
        out = _Outcome(troubles=list(faults))
        resolved = resolve(tx, parsed, self.rules.theirs)
        if self.rules.payers:
            resolved = ties.tie(tx, resolved, self.rules)
        news = {one.item.id: one for one in resolved}
        subjects = {subject for one in resolved for subject in _subjects(one)}
        known = things.known(tx, subjects, lock=True)
        twins = self._twins(tx, news.values(), known)
        self._know_goods(tx, news.values(), known)
        fresh, out.repeated = _unseen(items, seen)
        out.went, behind = in_line(fresh, queues, queue_of)
        at_hand: dict[str, set[str]] = {}
        for item in fresh:
            at_hand.setdefault(item.envelope.landing, set()).add(item.id)
        ahead = landing.ahead(tx, at_hand, self.name)
        here = {item.envelope.landing for item in out.repeated}

        def stuck(item: Item, *, error: Exception | None = None, behind: str = "") -> None:
            place = ahead[item.envelope.landing].place if item.envelope.landing in ahead else 0
            out.troubles.append(
                item.trouble(queue=queue_of(item), error=error, behind=behind, place=place)
            )

        for item, reason in behind:
            stuck(item, behind=reason)
        room = self._stockroom(tx, [news[item.id] for item in out.went], known)
        held: set[str] = set()
        for item in out.went:
            if queue_of(item) in held:
                stuck(item, behind="waits behind earlier news of the same entity")
                continue
            if (missing := _missing(ahead.get(item.envelope.landing), here)) is not None:
                held.add(queue_of(item))
                stuck(item, behind=f"waits behind {missing}, which was received earlier")
                continue
            one = news[item.id]
            try:
                decision = judgement.judge(
                    one.envelope,
                    one.data,
                    known,
                    self.rules,
                    twins.get(one.envelope.subject, ()),
                    *_stock(room, one, known),
                    text=one.text,
                    tie=one.tie,
                )
            except Exception as error:  # noqa: BLE001 - recovery sorts it; one event only is hit
                held.add(queue_of(item))
                stuck(item, error=error)
                continue
            here.add(item.envelope.landing)
            self._note(one, decision, known.get(one.envelope.subject), out)
            for told in (decision.know, *decision.also):
                if told is not None:
                    if goods.better(known.get(told.id), told):
                        out.better.append(told)
                    known[told.id] = told
            if room is not None:
                short = room.follow(one.envelope, one.data, decision, known)
                self._tell_shortfall(one, decision, short, known, out)
        if room is not None and out.went:
            cause = out.went[-1].envelope
            out.sends += ask_all(self.topology, room.close(tx), cause, cause.id)
        self._write(tx, out, queues)
        return out

    def _know_goods(self, tx: Connection, news: Iterable[News], known: dict[str, Known]) -> None:
        """Add what is known of the SKUs that these news name."""
        read: set[str] = set()
        change: set[str] = set()
        for one in news:
            reads, changes = goods.wanted(one.envelope, one.data, known, self.rules)
            read |= reads
            change |= changes
        if change:
            known.update(things.known(tx, change, lock=True))
        if read := read - change:
            known.update(things.known(tx, read))

    def _catalogue_is_known(self, tx: Connection, better: Iterable[Known], now: float) -> None:
        """From now on a SKU that its owner has not told of does not exist."""
        catalogue = self.rules.domains.get("catalog")
        owner = catalogue.owner if catalogue else None
        if owner is None or all(one.state != goods.LISTED for one in better):
            return
        known = bool(things.known(tx, [goods.catalogue_id(owner)]))
        if not known and not things.any_unlisted(tx, owner):
            things.remember(tx, [goods.catalogue(owner)], now)

    def _stockroom(
        self, tx: Connection, news: Sequence[News], known: dict[str, Known]
    ) -> Stockroom | None:
        """The stock that these news touch; None where stock is not kept."""
        if not self.rules.keeps_stock or not news:
            return None
        now, pace = self.house.clock(), self.house.pace
        inventory = self.rules.domains["inventory"]
        room = Stockroom(self.rules, inventory, now, pace=pace, before=dict(known))
        skus: set[str] = set()
        order_ids: set[str] = set()
        landings: set[str] = set()
        for one in news:
            skus |= skus_of(one.data)
            ref = getattr(one.data, "order", None)
            order_id = ref.id if isinstance(ref, EntityRef) else None
            if isinstance(one.data, Order):
                order_id = one.envelope.subject
            if order_id:
                order_ids.add(order_id)
            if isinstance(one.data, Hold) and order_id in known and known[order_id].body:
                skus |= skus_of(Order.parse(known[order_id].body))
            if one.envelope.kind == "inventory":
                landings.add(one.envelope.landing)
        room.load(tx, skus, order_ids)
        if landings:
            room.received = stockbook.landed_at(tx, landings)
        return room

    def _tell_shortfall(
        self,
        one: News,
        decision: Decision,
        short: Sequence[Shortage],
        known: Mapping[str, Known],
        out: _Outcome,
    ) -> None:
        """More is promised than lies there: an event, and a person, unless it is held for it."""
        if not short:
            return
        ref = getattr(one.data, "order", None)
        order = known[ref.id if isinstance(ref, EntityRef) and ref.id else one.envelope.subject]
        if decision.exception is None:
            what = "; ".join(
                f"{s.wanted} of {s.sku} are wanted and {s.there} are there" for s in short
            )
            error = RejectedError(f"order {order.label}: {what}", reason="oversold")
            out.exceptions.append((one.item, error, order.id, ""))
        out.sends += [shortfall(self.topology, one.envelope, shortage) for shortage in short]
        self.house.meters.add("decide.shortfalls", len(short))

    def _twins(
        self, tx: Connection, news: Iterable[News], known: Mapping[str, Known]
    ) -> Mapping[str, tuple[Twin, ...]]:
        """Orders that might be the same purchase, where duplicates are looked for.

        Only of orders that nobody was given yet: what is edited later is no other purchase.
        """
        domain = self.rules.domains.get("orders")
        if domain is None or "duplicate" not in domain.all_checks:
            return {}
        purchases = [
            Purchase(
                entity_id=one.envelope.subject,
                connection=one.envelope.connection,
                number=one.data.number,
                key=judgement.twin_key(one.data),
                placed_at=one.data.placed_at,
            )
            for one in news
            if isinstance(one.data, Order)
            and one.envelope.name != "order.submitted"
            and judgement.is_checked(known.get(one.envelope.subject))
        ]
        found = orders.twins_of(tx, purchases)
        orders.add_purchases(tx, purchases)
        return found

    def _write(self, tx: Connection, out: _Outcome, queues: dict[str, list[Waiter]]) -> None:
        now = time.time()
        stuck = {trouble.message.id for trouble in out.troubles}
        done = [item for item in (*out.went, *out.repeated) if item.id not in stuck]
        orders.settle_cases(tx, out.went_on, now)  # before this batch opens new ones
        traffic.add_seen(tx, out.seen)
        things.remember(tx, list(out.known.values()), now)
        things.refer(tx, out.refs, now)
        traffic.add_outgoing(tx, out.sends, now)
        traffic.close_outgoing(
            tx, [item.id for item in done if not item.envelope.landing], "done", now
        )
        ended = recovery.settle(tx, self.name, out.troubles, queues, now=now)
        traffic.close_outgoing(tx, ended.desk, "exception", now)
        traffic.close_outgoing(tx, ended.dead, "dead", now)
        orders.add_verdicts(tx, out.judged, now)
        desk.settle(tx, self.name, out.over, "newer news has settled it", now)
        desk.open_exceptions(tx, _on_desks(out.exceptions), now)
        if out.better:
            skus = [one.native_id for one in out.better]
            out.look_again += orders.held_for(tx, goods.CODES, skus)
            self._catalogue_is_known(tx, out.better, now)
        orders.look_again(tx, out.look_again)
        landing.settle_said(tx, out.landings)  # once all that ended here has its place
        desk.release(tx, self.name, [item.id for item in done if item.retry])

    async def give_up(self, item: Item, error: Exception) -> None:
        """See `Stage.give_up`."""

        def work(tx: Connection) -> None:
            trouble = item.trouble(queue=queue_of(item), error=error)
            ended = recovery.settle(tx, self.name, [trouble], {})
            traffic.close_outgoing(tx, ended.dead, "dead", time.time())

        await self.house.ledger.write(work)

    def _note(self, one: News, decision: Decision, before: Known | None, out: _Outcome) -> None:
        envelope = one.envelope
        out.seen.append(
            Seen(
                event_id=envelope.id,
                type=envelope.name,
                entity_id=envelope.subject,
                entity_key=envelope.key,
                connection=envelope.connection,
                revision=envelope.revision,
                landing_id=envelope.landing,
                outcome=_outcome(decision),
                reason=decision.reason[:2000],
                at=time.time(),
            )
        )
        if envelope.landing:
            out.landings.append(envelope.landing)
        for told in decision.also:
            out.known[told.id] = told
        if decision.verdicts:
            order = decision.know.id if decision.know else envelope.subject
            out.judged.append(Judged(envelope.id, order, decision.verdicts))
        if went_on := [*filter(None, [decision.went_on]), *decision.settles]:
            out.go_on(went_on)
        out.look_again += decision.look_again
        if decision.know is not None:
            out.known[decision.know.id] = decision.know
            named = before is not None and before.native_id == envelope.native
            # a service's refund that answers no wish yet: its receipt may still say which
            free = one.tie is not None and envelope.kind == "refund" and not decision.named
            ours = decision.know.connection == envelope.connection
            if envelope.native and ours and not named and not free:
                out.refs.append(
                    CrossReference(
                        envelope.connection,
                        envelope.kind,
                        envelope.native,
                        decision.named or envelope.subject,
                    )
                )
        if decision.exception is not None:
            about = decision.know.id if decision.know and decision.held else envelope.key
            out.exceptions.append((one.item, decision.exception, about, decision.case_id))
        if decision.over:
            out.over.append(decision.over)
            out.exceptions = [row for row in out.exceptions if row[-1] != decision.over]
        written = (one.data, one.text) if one.text else None
        out.sends += ask_all(self.topology, decision.wishes, envelope, envelope.id, written)
        out.sends += [let_go(self.topology, *one, envelope) for one in decision.lets_go]


def _subjects(one: News) -> tuple[str, ...]:
    """Everything that a judgement on this news needs to be known of."""
    subjects = judgement.subjects(one.envelope, one.data)
    return (*subjects, one.tie.wish) if one.tie and one.tie.wish else subjects


def _unseen(items: Sequence[Item], seen: set[str]) -> tuple[list[Item], list[Item]]:
    fresh: list[Item] = []
    repeated: list[Item] = []
    met = set(seen)
    for item in items:
        if item.id in met:
            repeated.append(item)
        else:
            met.add(item.id)
            fresh.append(item)
    return fresh, repeated


def _missing(ahead: Ahead | None, here: set[str]) -> str | None:
    """The first earlier payload of the same entity that has not come this far."""
    return next((one for one in ahead.rows if one not in here), None) if ahead else None


def _stock(
    room: Stockroom | None, one: News, known: Mapping[str, Known]
) -> tuple[tuple[Shortage, ...], dict[str, dict[str, Decimal]]]:
    """What is missing for the order that this event is about, and where its lines are."""
    if room is None:
        return (), {}
    if isinstance(one.data, Order) and one.envelope.name != "order.submitted":
        order = known.get(one.envelope.subject)
        book = Book.load(order.facts if order else "")
        own = one.envelope.subject
        # nothing is placed for good until somebody was given it
        placed = Book() if judgement.is_checked(order) else book
        return room.shortages(own, one.data, book), room.places(own, one.data, placed)
    if isinstance(one.data, Hold):
        order = known.get(one.data.order.id or "")
        if order is not None and order.body:
            book = Book.load(order.facts)
            whole = Order.parse(order.body)
            placed = Book() if judgement.is_checked(order) else book
            return room.shortages(order.id, whole, book), room.places(order.id, whole, placed)
    return (), {}


def _outcome(decision: Decision) -> Literal["applied", "ignored", "held"]:
    if decision.held:
        return "held"
    return "applied" if decision.applied else "ignored"


def _on_desks(
    rows: Sequence[tuple[Item, RejectedError, str, str]],
) -> list[tuple[desk.Stuck, str, str]]:
    """Of several that open one case, the newest."""
    cases = {
        case_id or item.id: (item, error, about, case_id) for item, error, about, case_id in rows
    }
    return [_on_desk(*one) for one in cases.values()]


def _on_desk(
    item: Item, error: RejectedError, about: str, case_id: str
) -> tuple[desk.Stuck, str, str]:
    stuck = desk.Stuck(
        stage="decide",
        message_id=case_id or item.id,
        connection=item.envelope.connection,
        entity_key=about,
        entity_id=item.envelope.subject,
        topic=item.envelope.name,
        address=item.address,
        headers=item.message.headers,
        body=item.message.body,
        code=error.reason,
        reason=str(error),
    )
    return stuck, "error", recovery.SUGGESTIONS.get(error.reason, recovery.SUGGESTIONS["rejected"])
