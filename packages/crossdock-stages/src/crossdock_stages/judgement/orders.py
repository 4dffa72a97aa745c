"""Orders: checked, taken, held, edited, cancelled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from crossdock.canonical import Order, OrderLine
from crossdock.checks import Verdict
from crossdock.errors import RejectedError
from crossdock.events import Envelope
from crossdock.identity import digest

from crossdock_stages.book import Book, Hold
from crossdock_stages.judgement import checks, exchanges, goods, shipping, stopping
from crossdock_stages.judgement.basis import (
    CANCELLED,
    HELD,
    NOT_TAKEN,
    REQUESTED,
    SUBMITTED,
    UNCHANGED,
    Case,
    Decision,
    Knowledge,
    Wish,
    again,
    evidence,
    mark_of,
    plain,
    recorded,
)
from crossdock_stages.judgement.contradictions import Contradiction, in_order
from crossdock_stages.judgement.stopping import CHANNEL
from crossdock_stages.ledger.things import Known
from crossdock_stages.values import changed


def submitted(envelope: Envelope, known: Knowledge) -> Decision:
    """The executing system has taken it: news of our own."""
    before = known.get(envelope.subject)
    if before is None:
        return evidence("an order we know nothing of")
    if before.state == CANCELLED:
        return recorded(f"accepted by {envelope.connection}, then cancelled")
    return recorded(
        f"accepted by {envelope.connection} as {envelope.native}", again(before, SUBMITTED)
    )


def is_checked(before: Known | None) -> bool:
    """Whether news of an order of which this is known goes through the checks."""
    return before is None or before.state == HELD


@dataclass(frozen=True)
class _Order:
    """One snapshot under judgement, and what follows from where it stands."""

    case: Case
    order: Order
    before: Known | None
    book: Book
    know: Known
    target: str

    def knows(self, book: Book, state: str | None = None, **changes: Any) -> Known:
        """The order as it is known from now on."""
        state = self.know.state if state is None else state
        return changed(self.know, facts=book.dump(), state=state, **changes)

    def wish(self, verb: str, key: str = "") -> Wish:
        """Ask the executing system."""
        customer = self.order.customer.id if self.order.customer else None
        refs = (self.order.id, customer)
        return self.case.wish(self.target, f"order.{verb}", self.order, key=key, refs=refs)

    def contradictions(self, earlier: Book) -> list[Contradiction]:
        """What cannot be true beside what was known, but for what a person let pass."""
        found = [*in_order(self.order, earlier, self.case.envelope.connection, self.book.axes)]
        given = self.before is not None and self.before.state != HELD
        agreed = earlier.lines if given else ()
        found += goods.in_goods(self.case, self.order, self.book, agreed=agreed)
        return [one for one in found if one.code not in self.book.passed]

    @property
    def body(self) -> bytes:
        """The order in bytes."""
        return self.case.text or self.order.dump()

    def kept(self, book: Book) -> bytes:
        """The order's body, where it may be needed to hold it there, or to call a house off."""
        able = self.case.rules.can(self.target, "order.hold") or book.instructions
        return self.body if able else b""

    @property
    def news(self) -> str:
        """Tells one wish that follows from this snapshot from those of others."""
        return f"{self.case.moment}:{self.know.digest}"


def judge(case: Case, order: Order) -> Decision:
    """An order as its channel states it now."""
    envelope, before = case.envelope, case.before
    earlier = Book.load(before.facts) if before is not None else Book()
    # what an earlier snapshot brought up is judged anew; what others brought up stays
    region = shipping.region_of(order, case.rules)
    book = earlier.without_holds_of(envelope.subject)
    book = book.with_order(order, shipping.OURS, region or "")
    book = stopping.by_channel(order, envelope.connection, envelope.subject, book)
    book = shipping.placed(case, book, earlier, fresh=is_checked(before))
    domain = case.domain.part(channel=envelope.connection, region=region)
    know = case.learnt(
        order_digest(order), state=before.state if before else "", label=order.number
    )
    if domain is not case.domain:
        case = replace(case, domain=domain)
    one = _Order(case, order, before, book, know, book.execute or domain.execute or "")
    if domain.execute is None:
        return recorded("recorded; no system executes orders", one.knows(book))
    if before is None or is_checked(before):
        return _not_given_yet(one, earlier)
    if before.state == NOT_TAKEN:
        return recorded("an order that is not taken", one.knows(book))
    found = one.contradictions(earlier)
    if found:
        return contradicted(case, before, earlier, found)
    if earlier.holds and not book.holds:
        return _healed(one, before)
    if order.cancelled_at is not None:
        return _cancelled(one)
    if book.holds:
        return _kept(one, before, earlier)
    return _edited(one, before)


def _kept(one: _Order, before: Known, earlier: Book) -> Decision:
    """What its channel says while it waits takes effect when it goes on; where the channel itself
    asks for the wait, it is stopped wherever it was given to."""
    book = one.book
    waits = " and ".join(hold.why for hold in book.holds.values())
    others = {hold.about for hold in book.holds.values()} - {one.know.id}
    decision = Decision(
        applied=True,
        reason=f"kept until the order goes on: {waits}"[:2000],
        know=one.knows(book, digest=before.digest, body=one.body),
        look_again=tuple(others),
    )
    if CHANNEL not in book.holds or CHANNEL in earlier.holds or decision.know is None:
        return decision
    know, wishes, unable = stopping.stopped(one.case, decision.know, book)
    error = stopping.unstopped(before.label, unable, waits) if unable else None
    return replace(decision, know=know, wishes=wishes, exception=error)


def _healed(one: _Order, before: Known) -> Decision:
    """What held it was said by its channel alone, which says otherwise now: it goes on."""
    let, wishes = _let_go(one.case, before, one.book)
    one = replace(one, book=replace(one.book, held_there=False))
    if one.order.cancelled_at is not None:
        return replace(_cancelled(one), went_on=before.id)
    decision = _edited(one, let)
    reason = f"it waits no longer; {decision.reason}"
    return replace(decision, reason=reason, wishes=(*wishes, *decision.wishes), went_on=before.id)


def _not_given_yet(one: _Order, earlier: Book) -> Decision:
    case, order, book = one.case, one.order, one.book
    if order.cancelled_at is not None:
        reason = f"cancelled before it reached {one.target}"
        known = one.knows(replace(book, holds={}), NOT_TAKEN)
        return Decision(applied=True, reason=reason, know=known, went_on=one.know.id)
    if order.test and case.rules.production:
        reason = "a test order, and this is production"
        return recorded(reason, one.knows(book, NOT_TAKEN))
    found = one.contradictions(earlier)
    if found:
        return _new_but_contradicted(one, found)
    verdicts = _checked(one)
    declined = [v for v in verdicts if v.outcome == "decline"]
    if declined:
        return _declined(one, verdicts, declined)
    stopped = [v for v in verdicts if v.outcome != "pass"]
    for verdict in stopped:
        about = case.envelope.subject
        book = book.with_hold(verdict.check, Hold(about, verdict.reason))
    if book.holds:
        return _held(one, book, verdicts, stopped)
    return give(one, book, verdicts)


def give(one: _Order, book: Book, verdicts: tuple[Verdict, ...] = ()) -> Decision:
    """All is well: it becomes work."""
    domain = one.case.rules.domains.get("orders")
    if domain is not None and any(part.execute for part in domain.overrides):
        book = replace(book, execute=one.target)
    given = shipping.instruct(one.case, one.order, book, one.target)
    houses = ", ".join(wish.target for wish in given.wishes)
    also = f", and to be shipped by {houses}" if houses else ""
    return Decision(
        applied=True,
        reason=f"to be created at {one.target}{also}",
        know=one.knows(given.book, REQUESTED, body=one.kept(given.book)),
        wishes=(one.wish("create"), *given.wishes),
        verdicts=verdicts,
        exception=_untold(one, given.untold) if given.untold else None,
        case_id=digest("not_instructed", one.know.id) if given.untold else "",
        went_on=one.know.id if one.before is not None else "",
    )


def _untold(one: _Order, houses: Sequence[str]) -> RejectedError:
    whom = " and ".join(houses)
    return RejectedError(
        f"order {one.order.number} of {one.case.envelope.connection} must be shipped by {whom}, "
        f"whose connector cannot take it (fulfillment_order.create): nobody has told {whom}",
        reason="not_instructed",
    )


def _checked(one: _Order) -> tuple[Verdict, ...]:
    case = one.case
    waits = exchanges.verdict(case, one.book.passed)
    if CHANNEL in one.book.holds:
        waits += (Verdict(CHANNEL, "hold", one.book.holds[CHANNEL].why, "held_by_channel"),)
    return waits + checks.run(
        case.domain.checks,
        one.order,
        checks.Evidence(
            twins=case.twins,
            passed=one.book.passed,
            reviewers=case.domain.reviewers,
            channel=case.envelope.connection,
            plugins=case.rules.checks,
            shortages=case.shortages,
            awaited=one.book.awaited,
        ),
    )


def _held(
    one: _Order, book: Book, verdicts: tuple[Verdict, ...], stopped: Sequence[Verdict]
) -> Decision:
    """It waits; a person is asked where the wait does not end by itself."""
    waits = "; ".join(hold.why for hold in book.holds.values())
    asked = [verdict for verdict in stopped if verdict.outcome == "review"]
    error = None
    if asked:
        error = RejectedError(
            f"order {one.order.number} of {one.case.envelope.connection} is held: "
            + "; ".join(f"{verdict.check}: {verdict.reason}" for verdict in asked),
            reason=asked[0].code or asked[0].check,
        )
    return Decision(
        applied=True,
        reason=f"held: {waits}",
        know=one.knows(book, HELD, body=one.body),
        exception=error,
        verdicts=verdicts,
        held=error is not None,
    )


def _declined(one: _Order, verdicts: tuple[Verdict, ...], declined: Sequence[Verdict]) -> Decision:
    """It must not be carried out: the channel is asked to cancel it, or a person is."""
    channel = one.case.envelope.connection
    why = "; ".join(f"{verdict.check}: {verdict.reason}" for verdict in declined)
    know = one.knows(replace(one.book, holds={}), NOT_TAKEN)
    if one.case.rules.can(channel, "order.cancel"):
        wish = one.case.wish(channel, "order.cancel", one.order, refs=(one.order.id,))
        return Decision(
            applied=True,
            reason=f"declined, to be cancelled at {channel}: {why}",
            know=know,
            wishes=(wish,),
            verdicts=verdicts,
            went_on=one.know.id,
        )
    return Decision(
        applied=True,
        reason=f"declined: {why}",
        know=know,
        verdicts=verdicts,
        exception=RejectedError(
            f"order {one.order.number} is declined ({why}); cancel it at {channel}, whose "
            "connector cannot cancel",
            reason="declined",
        ),
    )


def _new_but_contradicted(one: _Order, found: Sequence[Contradiction]) -> Decision:
    book = one.book
    for contradiction in found:
        hold = Hold(one.case.envelope.subject, contradiction.why)
        book = book.with_hold(contradiction.code, hold)
    return Decision(
        applied=False,
        reason="held: " + "; ".join(c.why for c in found),
        know=one.knows(book, HELD, body=one.body),
        exception=refusal(one.order.number, found),
        verdicts=as_verdicts(found),
        held=True,
    )


def contradicted(case: Case, order: Known, book: Book, found: Sequence[Contradiction]) -> Decision:
    """News that cannot be true beside what is known: nothing of it is applied, and the order waits
    wherever it was given to."""
    for contradiction in found:
        hold = Hold(case.envelope.subject, contradiction.why)
        book = book.with_hold(_own_name(contradiction.code, book, hold.about), hold)
    know, wishes, unable = stopping.stopped(case, order, book)
    return Decision(
        applied=False,
        reason="held: " + "; ".join(c.why for c in found),
        know=know,
        wishes=wishes,
        exception=refusal(order.label, found, unable),
        verdicts=as_verdicts(found),
        held=True,
    )


def _own_name(code: str, book: Book, about: str) -> str:
    """The code, or one of its own where other news holds the order for the same reason."""
    before = book.holds.get(code)
    return code if before is None or before.about == about else f"{code}~{about[-6:]}"


def resume(case: Case, order: Known) -> Decision:
    """Nothing holds the order any more: it is released where it was held, and what was kept of
    its channel's news in the meantime takes effect."""
    order, wishes = _let_go(case, order, Book.load(order.facts))
    domain = case.rules.domains.get("orders")
    if not order.body or domain is None:
        return Decision(
            applied=True, reason="it goes on", know=order, wishes=wishes, went_on=order.id
        )
    envelope = replace(
        case.envelope,
        type=f"crossdock.order.updated.v{Order.major}",
        subject=order.id,
        key=order.id,
        connection=order.connection,
        native=order.native_id,
        revision=order.revision,
    )
    told = replace(
        case,
        envelope=envelope,
        known={**case.known, order.id: order},
        domain=domain,
        twins=(),
        text=order.body,
    )
    decision = judge(told, Order.parse(order.body))
    return replace(decision, wishes=(*wishes, *decision.wishes), went_on=order.id)


def _let_go(case: Case, order: Known, book: Book) -> tuple[Known, tuple[Wish, ...]]:
    """The order held nowhere any more, and the word to the system that was asked to hold it."""
    if not book.held_there:
        return order, ()
    execute = stopping.executor(case, order, book)
    wish = None
    if execute and case.rules.can(execute, "order.release"):
        wish = stopping.hold_order(case, order, execute, "release")
    order = replace(order, facts=replace(book, held_there=False).dump())
    return order, () if wish is None else (wish,)


def with_order(case: Case, before: Known, after: Known, decision: Decision) -> Decision:
    """The same decision, and its order as it is known with it; it goes on where this settles it."""
    holds = Book.load(before.facts).holds.values()
    if not holds:
        return changed(decision, also=(after,))
    # what this entity said before is answered by what it says now
    settles = tuple({hold.about for hold in holds} & {case.envelope.subject})
    decision = changed(decision, settles=settles)
    if Book.load(after.facts).holds:
        return changed(decision, also=(after,))
    went = resume(case, after)
    return replace(
        decision,
        reason=f"{decision.reason}; its order waits no longer: {went.reason}"[:2000],
        also=(went.know or after,),
        wishes=(*decision.wishes, *went.wishes),
        exception=decision.exception or went.exception,
        verdicts=went.verdicts,
        went_on=after.id,
    )


def refusal(
    label: str, found: Sequence[Contradiction], unable: Sequence[str] = ()
) -> RejectedError:
    """The words for the desk; `unable` are who has the order and cannot be told to stop."""
    why = "; ".join(contradiction.why for contradiction in found)
    if unable:
        why += f"; {' and '.join(unable)} cannot be told to wait: ask by hand"
    return RejectedError(f"order {label} is held: {why}", reason=found[0].code)


def as_verdicts(found: Sequence[Contradiction]) -> tuple[Verdict, ...]:
    """Contradictions as the ledger keeps them beside the checks."""
    return tuple(Verdict("contradiction", "review", one.why, one.code) for one in found)


def _cancelled(one: _Order) -> Decision:
    case, order, book = one.case, one.order, one.book
    if one.know.state == CANCELLED:
        return recorded("cancelled already", one.knows(book))
    houses, book = shipping.call_off(case, order, book)
    known = one.knows(replace(book, holds={}), CANCELLED)
    able = case.rules.can(one.target, "order.cancel")
    wishes = (one.wish("cancel"), *houses) if able else houses
    unable = [] if able else [one.target]
    unable += [given.house for given in book.instructions.values()]
    if unable:
        whom = " and ".join(dict.fromkeys(unable))
        return Decision(
            applied=True,
            reason=f"cancelled after it was given to {whom}",
            know=known,
            wishes=wishes,
            exception=RejectedError(
                f"order {order.number} was cancelled at {case.envelope.connection} after it was "
                f"given to {whom}, and the connector of {whom} cannot cancel",
                reason="order_cancelled",
            ),
        )
    return Decision(
        applied=True,
        reason=f"to be cancelled at {one.target}",
        know=known,
        wishes=wishes,
        went_on=one.know.id if book.holds else "",
    )


def _edited(one: _Order, before: Known) -> Decision:
    case, order = one.case, one.order
    wishes: list[Wish] = []
    missing: list[str] = []
    if before.digest != one.know.digest:
        if case.rules.can(one.target, "order.update"):
            wishes.append(one.wish("update", one.news))
        else:
            missing.append(one.target)
    given = shipping.instruct(case, order, one.book, one.target)
    missing += given.unable
    if before.digest != one.know.digest:
        missing += given.untold
    wishes += given.wishes
    know = one.knows(given.book, body=one.kept(given.book))
    if not missing and not wishes:
        return recorded(UNCHANGED, know)
    reason = f"to be updated at {', '.join(dict.fromkeys(w.target for w in wishes))}"
    if not missing:
        return Decision(applied=True, reason=reason, know=know, wishes=tuple(wishes))
    whom = " and ".join(missing)
    return Decision(
        applied=True,
        reason=f"edited after it was given to {whom}",
        know=know,
        wishes=tuple(wishes),
        exception=RejectedError(
            f"order {order.number} was edited at {case.envelope.connection} after it was given to "
            f"{whom}, and the connector of {whom} cannot take edits",
            reason="order_edited",
        ),
    )


_MATTER = {"shipping", "totals", "currency", "shipping_address", "billing_address"}


def order_digest(order: Order) -> str:
    """Stands for what the executing system must know: goods, prices, addresses, totals."""
    return mark_of({**plain(order, _MATTER), "lines": [_matter(line) for line in order.lines]})


def _matter(line: OrderLine) -> dict[str, Any]:
    """By hand, for the serializer takes twice as long to leave most of a line out."""
    price = line.unit_price
    return {
        "line_id": line.line_id,
        "sku": line.sku,
        "ordered": str(line.ordered),
        "cancelled": str(line.cancelled),
        "unit_price": {"amount": str(price.amount), "currency": price.currency},
        "discounts": [plain(one) for one in line.discounts],
        "taxes": [plain(one) for one in line.taxes],
    }
