# ruff: noqa: N815 - field names are the vendor's
"""Money: each transaction as settlement lines, each closed statement as a settlement. Pure.

A transaction's items carry trees of charges; every leaf becomes a line, and what the leaves leave
of the transaction's total becomes one more, so that the lines always come to the total.
Source: models/finances-api-model/finances_2024-06-19.json and financesV0.json.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import crossdock
from crossdock import jsontext
from crossdock.canonical import Entity, EntityRef, Money, Settlement, SettlementLine
from crossdock.canonical.finance import SettlementSum
from crossdock.events import revision_of
from crossdock.identity import fingerprint
from crossdock.reading import Count, Moment, Required, Shape, Text, TypedDict, fault
from pydantic_core import core_schema

from crossdock_amazon.moments import in_utc, moment

TRANSACTION = "transaction"
STATEMENT = "statement"
Word = Text | None
ZERO = Decimal(0)
STATEMENT_IDS = ("SETTLEMENT_ID", "FINANCIAL_EVENT_GROUP_ID")
MOST_DEPTH = 8


class _Number:
    """A JSON number that is an amount."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.float_schema(
            strict=False,
            allow_inf_nan=False,
            gt=-1e12,
            lt=1e12,
            metadata={"words": "an amount such as 12.3"},
        )


Figure = Annotated[float, _Number()]


class Currency(TypedDict, total=False):
    currencyCode: Word
    currencyAmount: Figure | None


class Breakdown(TypedDict, total=False):
    """One charge; itself a sum of others, perhaps."""

    breakdownType: Word
    breakdownAmount: Currency | None
    breakdowns: Any


class Related(TypedDict, total=False):
    relatedIdentifierName: Word
    relatedIdentifierValue: Word


class ItemRelated(TypedDict, total=False):
    itemRelatedIdentifierName: Word
    itemRelatedIdentifierValue: Word


class Context(TypedDict, total=False):
    """What is known of an item; of the many sorts of context that of products is read."""

    sku: Word
    quantityShipped: Count | None


class Item(TypedDict, total=False):
    """One thing that the transaction is about."""

    description: Word
    relatedIdentifiers: list[ItemRelated] | None
    totalAmount: Currency | None
    breakdowns: list[Breakdown] | None
    contexts: list[Context] | None


class Transaction(TypedDict, total=False):
    """Money moved, or will."""

    transactionId: Required[Text]
    transactionType: Word
    transactionStatus: Word
    description: Word
    postedDate: Required[Moment]
    totalAmount: Required[Currency]
    relatedIdentifiers: list[Related] | None
    items: list[Item] | None
    breakdowns: list[Breakdown] | None


class V0Money(TypedDict, total=False):
    CurrencyCode: Word
    CurrencyAmount: Figure | None


class Group(TypedDict, total=False):
    """One statement."""

    FinancialEventGroupId: Required[Text]
    ProcessingStatus: Word
    FundTransferStatus: Word
    OriginalTotal: V0Money | None
    BeginningBalance: V0Money | None
    FundTransferDate: Moment | None
    FinancialEventGroupStart: Moment | None
    FinancialEventGroupEnd: Moment | None


class Sum(TypedDict):
    category: Text
    amount: Text


class Statement(TypedDict, total=False):
    """A statement with the sums of its lines."""

    group: Required[Group]
    sums: list[Sum] | None
    lineCount: Count | None


TRANSACTIONS = Shape(Transaction)
STATEMENTS = Shape(Statement)
_BREAKDOWN = Shape(Breakdown)

_SORTS = (
    # part of the path of charges, the sort of sum it belongs to
    ("commission", "commissions"),
    ("referral", "commissions"),
    ("fba", "fulfilment_fees"),
    ("storage", "storage_fees"),
    ("advertis", "advertising"),
    ("taxwithheld", "tax_withheld"),
    ("marketplacefacilitator", "tax_withheld"),
    ("tax", "tax"),
    ("shipping", "shipping"),
    ("promo", "promotions"),
    ("chargeback", "chargebacks"),
    ("reserve", "reserves"),
    ("fee", "fees"),
    ("product", "sales"),
    ("principal", "sales"),
    ("sales", "sales"),
)


def record(body: Any) -> crossdock.Raw:
    """One transaction as Amazon answered it."""
    raw = crossdock.Raw(TRANSACTION, data=jsontext.dump(body))
    named = body.get("transactionId") if isinstance(body, dict) else None
    raw.key = f"transaction:{named if isinstance(named, str) else 'unreadable'}"[:180]
    raw.delivery_id = f"{raw.key}:{fingerprint(raw.data)[:32]}"[:255]
    return raw


def statement(body: Any, connection: str) -> crossdock.Raw:
    """One statement as Amazon answered it, with the sums of its transactions."""
    raw = crossdock.Raw(STATEMENT, data=jsontext.dump(body), headers={"x-connection": connection})
    raw.key = f"statement:{body['group'].get('FinancialEventGroupId')}"[:180]
    raw.delivery_id = f"{raw.key}:{fingerprint(raw.data)[:16]}"[:255]
    return raw


def lines(raw: crossdock.Raw) -> Iterator[crossdock.Event[Entity]]:
    """One event for each line. Ignore: the money is deferred and belongs to no statement yet."""
    told = TRANSACTIONS.read(raw)
    if (told.get("transactionStatus") or "") == "DEFERRED":
        raise crossdock.Ignore(
            f"transaction {told['transactionId'][:60]} is deferred: it is told when it is released"
        )
    posted = moment(raw.topic, "/postedDate", told["postedDate"])
    ids = {
        one.get("relatedIdentifierName") or "": one.get("relatedIdentifierValue") or ""
        for one in told.get("relatedIdentifiers") or ()
    }
    settlement = next((ids[name] for name in STATEMENT_IDS if ids.get(name)), None)
    order = ids.get("ORDER_ID")
    kind = _type_of(told)
    for number, (path, amount, sku, item_id, many) in enumerate(_leaves(raw.topic, told)):
        line_id = f"{told['transactionId']}:{number}"
        yield crossdock.Event(
            type="settlement_line.recorded",
            data=SettlementLine(
                settlement=EntityRef(native_id=settlement or "open"),
                line_id=line_id,
                type=kind if sort_of(path) in _OF_SALE else "fee",
                category=path[:200],
                amount=amount,
                posted_at=posted,
                order=EntityRef(native_id=order) if order else None,
                order_line_id=item_id or None,
                sku=sku or None,
                quantity=Decimal(many) if many else None,
                extensions={
                    "com.amazon": {
                        name: word
                        for name, word in (
                            ("status", told.get("transactionStatus")),
                            ("type", told.get("transactionType")),
                            ("description", told.get("description")),
                            ("related", {k: v for k, v in ids.items() if k and v}),
                        )
                        if word
                    }
                },
            ),
            native_id=line_id,
            revision=revision_of(posted),
            occurred_at=posted,
        )


_OF_SALE = frozenset({"sales", "tax", "shipping", "promotions", "refunds", "adjustments"})


def closed(raw: crossdock.Raw) -> Iterator[crossdock.Event[Entity]]:
    """A statement. Ignore: it is still open."""
    told = STATEMENTS.read(raw)
    group = told["group"]
    number = group["FinancialEventGroupId"]
    until = group.get("FinancialEventGroupEnd")
    if not until or (group.get("ProcessingStatus") or "").lower() == "open":
        raise crossdock.Ignore(f"statement {number[:60]} is open; it is told when it is closed")
    since = group.get("FinancialEventGroupStart")
    if not since:
        raise fault(raw.topic, "/group/FinancialEventGroupStart", "when it began", since)
    total = group.get("OriginalTotal") or {}
    currency = total.get("currencyCode") or total.get("CurrencyCode")
    if not currency or total.get("CurrencyAmount") is None:
        raise fault(raw.topic, "/group/OriginalTotal", "an amount in a currency", total)
    ended = moment(raw.topic, "/group/FinancialEventGroupEnd", until)
    opening = (group.get("BeginningBalance") or {}).get("CurrencyAmount")
    sums = [
        (one["category"], _exact_text(raw.topic, one["amount"])) for one in told.get("sums") or ()
    ]
    yield crossdock.Event(
        type="settlement.closed",
        data=Settlement(
            number=number,
            channel=raw.headers.get("x-connection") or "amazon",
            period_start=moment(raw.topic, "/group/FinancialEventGroupStart", since),
            period_end=ended,
            currency=currency,
            opening=Money(amount=_exact(opening), currency=currency) if opening else None,
            sums=tuple(
                SettlementSum(category=category, amount=Money(amount=amount, currency=currency))
                for category, amount in sums
            ),
            total=Money(amount=_exact(total["CurrencyAmount"]), currency=currency),  # type: ignore[arg-type]
            line_count=told.get("lineCount"),
            closed_at=ended,
            extensions={
                "com.amazon": {
                    name: word
                    for name in ("ProcessingStatus", "FundTransferStatus", "FundTransferDate")
                    if (word := in_utc(group.get(name)))
                }
            },
        ),
        native_id=number,
        revision=revision_of(ended),
        occurred_at=ended,
    )


def amounts(told: Any) -> Iterator[tuple[str, Money]]:
    """Each leaf's sort of sum and amount: what a statement adds up."""
    transaction = TRANSACTIONS.of(told, TRANSACTION)
    refund = _type_of(transaction) == "refund"
    for path, amount, *_ in _leaves(TRANSACTION, transaction):
        sort = sort_of(path)
        yield ("refunds" if refund and sort == "sales" else sort), amount


def sort_of(path: str) -> str:
    """The canonical sort of a charge, by Amazon's words for it; else an adjustment."""
    low = path.lower().replace(" ", "").replace("_", "")
    return next((sort for word, sort in _SORTS if word in low), "adjustments")


Leaf = tuple[str, Money, str, str, int]
"""Path of charges, amount, SKU, order item, quantity."""


def _leaves(topic: str, told: Transaction) -> list[Leaf]:
    total = _money(topic, "/totalAmount", told["totalAmount"])
    found: list[Leaf] = []
    for number, item in enumerate(told.get("items") or ()):
        at = f"/items/{number}"
        context = next((one for one in item.get("contexts") or () if one.get("sku")), Context())
        item_id = next(
            (
                value
                for one in item.get("relatedIdentifiers") or ()
                if one.get("itemRelatedIdentifierName") == "ORDER_ADJUSTMENT_ITEM_ID"
                and (value := one.get("itemRelatedIdentifierValue"))
            ),
            "",
        )
        sku, many = context.get("sku") or "", context.get("quantityShipped") or 0
        for path, amount in _walk(topic, f"{at}/breakdowns", item.get("breakdowns") or (), ""):
            found.append((path, amount, sku, item_id, many))
        if not item.get("breakdowns") and item.get("totalAmount"):
            amount = _money(topic, f"{at}/totalAmount", item["totalAmount"] or Currency())
            found.append((item.get("description") or "item", amount, sku, item_id, many))
    if not found:
        charges = _walk(topic, "/breakdowns", told.get("breakdowns") or (), "")
        found = [(path, amount, "", "", 0) for path, amount in charges]
    for number, (_, amount, *_rest) in enumerate(found):
        if amount.currency != total.currency:
            raise fault(
                topic,
                "/totalAmount/currencyCode",
                f"one currency; part {number + 1} is in {amount.currency}",
                total.currency,
            )
    rest = total.amount - sum((one[1].amount for one in found), ZERO)
    if rest or not found:
        what = told.get("description") or told.get("transactionType") or "unexplained"
        found.append((what, Money(amount=rest, currency=total.currency), "", "", 0))
    return found


def _walk(topic: str, at: str, told: Any, above: str) -> Iterator[tuple[str, Money]]:
    """The leaves of a tree of charges, each by its path."""
    if at.count("/breakdowns") > MOST_DEPTH:
        raise fault(topic, at, f"charges of at most {MOST_DEPTH} levels", "more")
    for number, one in enumerate(told):
        here = f"{at}/{number}"
        part = _BREAKDOWN.of(one, topic)
        path = f"{above}/{part.get('breakdownType') or 'other'}".lstrip("/")
        inner = part.get("breakdowns")
        if inner and not isinstance(inner, list):
            raise fault(topic, f"{here}/breakdowns", "a list", inner)
        if inner:
            yield from _walk(topic, f"{here}/breakdowns", inner, path)
        else:
            amount = part.get("breakdownAmount")
            if amount is not None:
                yield path, _money(topic, f"{here}/breakdownAmount", amount)


def _money(topic: str, at: str, told: Currency) -> Money:
    amount, currency = told.get("currencyAmount"), told.get("currencyCode")
    if amount is None or not currency:
        raise fault(topic, at, "an amount in a currency", dict(told))
    return Money(amount=_exact(amount), currency=currency)


def _exact(number: float) -> Decimal:
    """A JSON number as it was written, to six places."""
    return Decimal(repr(float(number))).quantize(Decimal("0.000001")).normalize() + ZERO


def _exact_text(topic: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        raise fault(topic, "/sums", "an amount as text", text) from None


def _type_of(told: Transaction) -> str:
    word = f"{told.get('transactionType') or ''} {told.get('description') or ''}".lower()
    for part, type_ in (
        ("refund", "refund"),
        ("chargeback", "chargeback"),
        ("transfer", "transfer"),
        ("reserve", "reserve"),
        ("fee", "fee"),
        ("shipment", "order"),
        ("order", "order"),
    ):
        if part in word:
            return type_
    return "adjustment"


def ended(body: Any) -> datetime | None:
    """When a statement was closed; None when it is open."""
    until = STATEMENTS.of({"group": body}, STATEMENT)["group"].get("FinancialEventGroupEnd")
    return moment(STATEMENT, "/group/FinancialEventGroupEnd", until) if until else None
