"""Money that moves between customer and merchant: payments, refunds, gift cards, disputes."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from crossdock.canonical.entity import Entity
from crossdock.canonical.values import (
    PII,
    Count,
    Currency,
    EntityRef,
    Id,
    Instant,
    Model,
    Money,
    MoneyPair,
    Text,
    Unit,
    Vocabulary,
)

PaymentMethod = Annotated[
    str,
    Vocabulary(
        "card wallet bank_transfer direct_debit invoice instalments cash cheque gift_card "
        "store_credit marketplace points"
    ),
]

RefundReason = Annotated[str, Vocabulary("return cancellation goodwill price_match dispute")]


def same_currency(what: str, currency: str, *amounts: Money | None) -> None:
    """Refuse a sum in another currency than the whole is in."""
    for money in amounts:
        if money is not None and money.currency != currency:
            raise PydanticCustomError(
                "currency_differs",
                "the {what} is in {currency}, but one of its amounts is in {other}: "
                "convert it, or state the pair in `settlement`",
                {"what": what, "currency": currency, "other": money.currency},
            )


def not_more(small_name: str, small: Money | None, large_name: str, large: Money | None) -> None:
    """Refuse a part that is more than its whole; what is not stated is not compared."""
    if small is not None and large is not None and small.amount > large.amount:
        raise PydanticCustomError(
            "counters",
            "{small_name} is {small}, more than {large_name}, which is {large}",
            {
                "small_name": small_name,
                "small": str(small.amount),
                "large_name": large_name,
                "large": str(large.amount),
            },
        )


class Payment(Entity):
    """One tender for an order, with the amounts it has come to.

    Its status follows from the amounts (`payment_status`).
    """

    kind: ClassVar[str] = "payment"

    order: EntityRef | None = None
    """What is paid."""
    method: PaymentMethod
    """How. Gift cards and store credit are tenders, never discounts."""
    provider: Text | None = None
    """The payment service: `stripe`, `adyen` …"""
    label: Text | None = Field(default=None, json_schema_extra=PII)
    """What the customer recognises: `Visa •••• 4242`. Never a full number."""
    currency: Currency
    """Of every amount here."""
    authorised: Money | None = None
    """Promised by the customer's bank."""
    captured: Money | None = None
    """Taken."""
    voided: Money | None = None
    """Promised and let go."""
    refunded: Money | None = None
    """Given back for good; pending refunds do not count."""
    disputed: Money | None = None
    """Called back by the customer's bank and not yet decided."""
    settlement: MoneyPair | None = None
    """Where the provider pays out in another currency."""
    authorised_at: Instant | None = None
    """When it was promised."""
    expires_at: Instant | None = None
    """When the promise lapses."""
    failed_at: Instant | None = None
    """When it failed for good."""
    failure: Text | None = None
    """Why, in the provider's words."""
    gift_card: EntityRef | None = None
    """The card it was paid with."""
    source_status: Text | None = None
    """The vendor's word. Never taken as truth."""

    @model_validator(mode="after")
    def _amounts_agree(self) -> Self:
        amounts = (self.authorised, self.captured, self.voided, self.refunded, self.disputed)
        same_currency("payment", self.currency, *amounts)
        not_more("refunded", self.refunded, "captured", self.captured)
        not_more("voided", self.voided, "authorised", self.authorised)
        return self


def payment_status(payment: Payment) -> str:
    """`pending`, `authorised`, `captured`, `partially_captured`, `partially_refunded`,
    `refunded`, `voided`, `disputed` or `failed`: from amounts and times alone."""

    def amount(money: Money | None) -> int:
        return 0 if money is None or money.amount == 0 else 1

    if amount(payment.disputed):
        return "disputed"
    if amount(payment.refunded) and payment.refunded and payment.captured:
        whole = payment.refunded.amount >= payment.captured.amount
        return "refunded" if whole else "partially_refunded"
    if amount(payment.captured) and payment.captured:
        promised = payment.authorised
        if promised is not None and payment.captured.amount < promised.amount:
            return "partially_captured"
        return "captured"
    if payment.failed_at is not None:
        return "failed"
    if amount(payment.voided):
        return "voided"
    return "authorised" if amount(payment.authorised) else "pending"


class PaymentTransaction(Entity):
    """One thing the payment service did or tried. Only ever added."""

    kind: ClassVar[str] = "payment_transaction"

    payment: EntityRef
    """The tender it belongs to."""
    order: EntityRef | None = None
    """What is paid."""
    type: Annotated[str, Vocabulary("authorisation capture sale void refund chargeback adjustment")]
    """What was tried."""
    state: Annotated[str, Vocabulary("pending succeeded failed")]
    """What came of it; a fact of the payment service."""
    amount: Money
    """How much; positive."""
    occurred_at: Instant
    """When, by the service's clock."""
    provider_id: Id | None = None
    """The service's own id."""
    parent: EntityRef | None = None
    """The transaction it follows: a capture follows an authorisation."""
    error_code: Text | None = None
    """Why it failed, as a code."""
    error: Text | None = None
    """Why it failed, in words."""


class RefundLine(Model):
    """What is refunded for one order line."""

    line_id: Id
    """The order line's `line_id`."""
    quantity: Count | None = None
    """For how much of it; empty when only money is given back."""
    unit: Unit = "EA"
    """The unit of `quantity`."""
    amount: Money
    """How much money, tax included."""
    tax: Money | None = None
    """The tax within `amount`."""


class Refund(Entity):
    """Money given back. A pending one is a promise and is never booked."""

    kind: ClassVar[str] = "refund"

    order: EntityRef
    """The order it is for."""
    return_ref: EntityRef | None = None
    """The return it follows; empty for goodwill."""
    payment: EntityRef | None = None
    """The tender it goes back to."""
    state: Annotated[str, Vocabulary("pending succeeded failed")]
    """Whether the money is there; a fact of the payment service."""
    amount: Money
    """How much; positive."""
    lines: tuple[RefundLine, ...] = ()
    """For which lines."""
    shipping: Money | None = None
    """The part that is for carriage."""
    fee: Money | None = None
    """What the merchant keeps for restocking."""
    reason: (
        Annotated[str, Vocabulary("return cancellation goodwill price_match dispute")] | None
    ) = None
    """Why."""
    requested_at: Instant
    """When it was asked of the payment service."""
    settled_at: Instant | None = None
    """When the service said succeeded or failed."""
    failure: Text | None = None
    """Why it failed, in the service's words."""

    @model_validator(mode="after")
    def _amounts_agree(self) -> Self:
        lines = [line.amount for line in self.lines]
        same_currency("refund", self.amount.currency, self.shipping, self.fee, *lines)
        return self


class GiftCard(Entity):
    """A voucher of value: a liability until it is spent. Selling one is no revenue."""

    kind: ClassVar[str] = "gift_card"

    last_characters: Text | None = None
    """The end of its code, to tell it from others; the code itself is never stored."""
    issued: Money
    """What it was worth at first."""
    balance: Money
    """What is left."""
    issued_at: Instant
    """When it was issued."""
    expires_at: Instant | None = None
    """When it lapses; empty: never."""
    disabled_at: Instant | None = None
    """When it was blocked."""
    order: EntityRef | None = None
    """The order it was sold in."""
    customer: EntityRef | None = None
    """Who may spend it."""

    @model_validator(mode="after")
    def _balance_fits(self) -> Self:
        same_currency("gift card", self.issued.currency, self.balance)
        not_more("balance", self.balance, "issued", self.issued)
        return self


class Dispute(Entity):
    """A customer's bank calls a payment back."""

    kind: ClassVar[str] = "dispute"

    payment: EntityRef
    """The tender in dispute."""
    order: EntityRef | None = None
    """What was paid."""
    amount: Money
    """How much is called back."""
    fee: Money | None = None
    """What the payment service charges for it."""
    reason: Annotated[
        str,
        Vocabulary(
            "fraudulent not_received not_as_described duplicate credit_not_processed general"
        ),
    ]
    """What the customer says."""
    state: Annotated[str, Vocabulary("inquiry needs_response under_review won lost accepted")]
    """Where it stands; a fact of the payment service."""
    opened_at: Instant
    """When it began."""
    respond_by: Instant | None = None
    """Until when evidence counts."""
    closed_at: Instant | None = None
    """When it was decided."""
    evidence: tuple[Text, ...] = ()
    """What was handed in, by name."""
