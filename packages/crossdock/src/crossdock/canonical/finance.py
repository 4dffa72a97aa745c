"""Documents and statements: invoices, credit notes, settlements, payouts."""

from decimal import Decimal
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from crossdock.canonical.entity import Entity
from crossdock.canonical.payment import same_currency
from crossdock.canonical.values import (
    Address,
    Count,
    Currency,
    Day,
    Discount,
    EntityRef,
    Id,
    Instant,
    Model,
    Money,
    MoneyPair,
    TaxLine,
    Text,
    Unit,
    Vocabulary,
)


class InvoiceLine(Model):
    """One position of an invoice or credit note."""

    line_id: Id
    """Stable within the document."""
    order_line_id: Id | None = None
    """The order line it charges."""
    sku: Text | None = None
    """What is charged."""
    title: Text | None = None
    """What the customer reads."""
    quantity: Count = Decimal(1)
    """How much."""
    unit: Unit = "EA"
    """The unit of `quantity`."""
    unit_price: Money
    """For one `unit`, before discounts."""
    discounts: tuple[Discount, ...] = ()
    """For the whole line."""
    taxes: tuple[TaxLine, ...] = ()
    """For the whole line."""
    total: Money | None = None
    """What the line comes to, without taxes that are not included."""
    account: Text | None = None
    """The ledger account it is booked to, in the ERP's words."""


class Invoice(Entity):
    """What the merchant charges, as posted in the books."""

    kind: ClassVar[str] = "invoice"

    number: Text
    """The legal number."""
    order: EntityRef | None = None
    """What it charges."""
    customer: EntityRef | None = None
    """Whom it charges."""
    issued_on: Day
    """The day it bears."""
    due_on: Day | None = None
    """When it must be paid."""
    currency: Currency
    """Of every amount here."""
    lines: tuple[InvoiceLine, ...] = Field(min_length=1)
    """What is charged."""
    shipping: Money | None = None
    """Carriage, where it is no line."""
    tax: Money | None = None
    """All taxes together."""
    total: Money
    """What is owed."""
    paid: Money | None = None
    """What has been paid."""
    billing_address: Address | None = None
    """Whom it names."""
    tax_number: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    """The customer's VAT or tax number."""
    posted_at: Instant | None = None
    """When it entered the books."""
    cancelled_at: Instant | None = None
    """When it was reversed."""

    @model_validator(mode="after")
    def _one_currency(self) -> Self:
        same_currency("invoice", self.currency, self.shipping, self.tax, self.total, self.paid)
        return self


class CreditNote(Entity):
    """What the merchant gives back, as posted in the books. Amounts are positive."""

    kind: ClassVar[str] = "credit_note"

    number: Text
    """The legal number."""
    invoice: EntityRef | None = None
    """The invoice it corrects."""
    order: EntityRef | None = None
    """The order behind it."""
    refund: EntityRef | None = None
    """The refund it books; that refund has succeeded."""
    issued_on: Day
    """The day it bears."""
    currency: Currency
    """Of every amount here."""
    lines: tuple[InvoiceLine, ...] = Field(min_length=1)
    """What is given back."""
    tax: Money | None = None
    """All taxes together."""
    total: Money
    """What is given back in all."""
    reason: Text | None = None
    """Why."""
    posted_at: Instant | None = None
    """When it entered the books."""

    @model_validator(mode="after")
    def _one_currency(self) -> Self:
        same_currency("credit note", self.currency, self.tax, self.total)
        return self


class Payout(Entity):
    """Money sent by a marketplace or payment service to the merchant's bank."""

    kind: ClassVar[str] = "payout"

    number: Text
    """The sender's id of it; what the bank statement shows where it can."""
    amount: Money
    """How much arrives; negative when the merchant owes."""
    state: Annotated[str, Vocabulary("scheduled in_transit paid failed cancelled")]
    """Where it stands; a fact of the sender."""
    initiated_at: Instant | None = None
    """When it was sent."""
    arrives_on: Day | None = None
    """When the bank should have it."""
    settlement: EntityRef | None = None
    """The statement it pays."""
    bank_account: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    """The end of the account's number."""
    conversion: MoneyPair | None = None
    """Where it was converted: before and after."""
    failure: Text | None = None
    """Why it failed."""


class SettlementSum(Model):
    """One sort of money within a settlement."""

    category: Annotated[
        str,
        Vocabulary(
            "sales shipping tax refunds fees commissions fulfilment_fees storage_fees advertising "
            "reserves adjustments promotions chargebacks tax_withheld previous_balance"
        ),
    ]
    """Which sort."""
    amount: Money
    """Signed, as seen by the merchant: fees are negative."""


class Settlement(Entity):
    """A statement of a marketplace or payment service over a period: what it owes, and why."""

    kind: ClassVar[str] = "settlement"

    number: Text
    """The sender's id of the statement."""
    channel: Id
    """The connection it comes from."""
    period_start: Instant
    """From this moment on."""
    period_end: Instant
    """Until this moment, excluded."""
    currency: Currency
    """Of every amount here."""
    opening: Money | None = None
    """What was carried over."""
    closing: Money | None = None
    """What is carried on."""
    sums: tuple[SettlementSum, ...] = ()
    """By category; the lines add up to them."""
    total: Money
    """What is paid out."""
    payout: EntityRef | None = None
    """The payment of it."""
    line_count: int | None = Field(default=None, ge=0, le=1_000_000_000)
    """How many lines it has."""
    closed_at: Instant | None = None
    """When the sender closed it."""

    @model_validator(mode="after")
    def _one_currency(self) -> Self:
        same_currency("settlement", self.currency, self.opening, self.closing, self.total)
        return self


class SettlementLine(Entity):
    """One booking within a settlement: a sale, a fee, a refund."""

    kind: ClassVar[str] = "settlement_line"

    settlement: EntityRef
    """The statement it belongs to."""
    line_id: Id
    """Stable within the statement."""
    type: Annotated[str, Vocabulary("order refund fee reserve adjustment transfer chargeback")]
    """What was booked."""
    category: Text | None = None
    """The sender's own word for it."""
    amount: Money
    """Signed, as seen by the merchant: fees are negative."""
    posted_at: Instant
    """When it was booked."""
    order: EntityRef | None = None
    """The order it belongs to."""
    order_line_id: Id | None = None
    """The order line it belongs to."""
    sku: Text | None = None
    """The thing it belongs to."""
    quantity: Count | None = None
    """How much of it."""
    unit: Unit = "EA"
    """The unit of `quantity`."""
    remitted_tax: Money | None = None
    """Tax that the marketplace collected and pays itself."""
    matched: EntityRef | None = None
    """The booking of ours it was matched with."""
