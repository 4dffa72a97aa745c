"""Stopping an order, also one that was given away already, until it goes on."""

from collections.abc import Sequence
from dataclasses import replace

from crossdock.canonical import Order
from crossdock.errors import RejectedError

from crossdock_stages.book import Book, Hold
from crossdock_stages.judgement import shipping
from crossdock_stages.judgement.basis import REQUESTED, SUBMITTED, Case, Wish
from crossdock_stages.ledger.things import Known
from crossdock_stages.values import changed

CHANNEL = "channel"
"""Of the reason to wait that an order's own channel gives."""


def by_channel(order: Order, channel: str, subject: str, book: Book) -> Book:
    """The book with the channel's own word that it must not be shipped yet; a person may let it
    pass, until the channel has taken it back."""
    if not order.holds:
        if CHANNEL not in book.passed:
            return book
        left = {name: who for name, who in book.passed.items() if name != CHANNEL}
        return changed(book, passed=left)
    if CHANNEL in book.passed:
        return book
    why = f"{channel} says that it must not be shipped yet: {', '.join(order.holds)}"
    return book.with_hold(CHANNEL, Hold(subject, why))


def stopped(case: Case, order: Known, book: Book) -> tuple[Known, tuple[Wish, ...], list[str]]:
    """The order with this book, stopped wherever it was given to, and who cannot be told to stop.

    Houses are called off for what has not left; they are asked anew when it goes on.
    """
    if order.state not in {REQUESTED, SUBMITTED}:
        return replace(order, facts=book.dump()), (), []
    wishes: tuple[Wish, ...] = ()
    execute = executor(case, order, book)
    unable = [] if book.held_there or execute is None else [execute]
    if unable and case.rules.can(execute, "order.hold"):
        wish = hold_order(case, order, execute or "", "hold")
        if wish is not None:
            wishes, book, unable = (wish,), replace(book, held_there=True), []
    if book.instructions and order.body:
        about = replace(
            case.envelope,
            subject=order.id,
            native=order.native_id,
            connection=order.connection,
        )
        case, whole = replace(case, envelope=about), Order.parse(order.body)
        busy = shipping.still_to_ship(case, whole, book)
        houses, left = shipping.call_off(case, whole, book, busy)
        if houses:
            wishes, book = (*wishes, *houses), replace(left, stopped=book.stopped + 1)
        unable += [one.house for place, one in book.instructions.items() if place in busy]
    else:
        unable += [one.house for one in book.instructions.values()]
    return replace(order, facts=book.dump()), wishes, list(dict.fromkeys(unable))


def unstopped(label: str, unable: Sequence[str], why: str) -> RejectedError:
    """The words for the desk: who must be asked by hand to wait."""
    whom = " and ".join(unable)
    return RejectedError(
        f"order {label} must wait ({why}), and the connector of {whom} cannot stop it",
        reason="not_stopped",
    )


def hold_order(case: Case, order: Known, execute: str, verb: str) -> Wish | None:
    """Ask the executing system to hold the order or let it go on; needs the order's last body."""
    if not order.body:
        return None
    wish = case.wish(
        execute,
        f"order.{verb}",
        Order.parse(order.body),
        key=f"{order.id}:{case.envelope.id}",
        queue=order.id,
        refs=(order.id,),
    )
    return replace(wish, entity_id=order.id)


def executor(case: Case, order: Known, book: Book) -> str | None:
    """The system that was given the order, or would be: of a region, where that is known."""
    if book.execute:
        return book.execute
    orders = case.rules.domains.get("orders")
    return orders.part(channel=order.connection).execute if orders else None
