"""What an integrator writes under a connection of kind `odoo`."""

from decimal import Decimal
from typing import Annotated, Literal

import crossdock
from pydantic import Field, HttpUrl, SecretStr


class OdooConfig(crossdock.Config):
    """One Odoo database, spoken to as one user."""

    url: HttpUrl
    """The address of the server, without a path: `https://erp.example.com`."""
    database: str = Field(min_length=1)
    """The name of the database."""
    api_key: SecretStr = Field(min_length=1)
    """An API key of the integration user (Preferences, Account Security). It is the whole user."""
    login: str = ""
    """The user's login. Needed up to Odoo 18, where a key alone does not say whose it is."""
    company: int | None = None
    """Database id of the company that sells. Without it: the default company of the user."""
    warehouses: tuple[str, ...] = ()
    """Short names (`WH`) of the warehouses whose stock is told; empty: all. Orders are given to
    the first; with none given, Odoo picks the warehouse."""
    taxes: dict[str, int | str] = Field(default_factory=dict)
    """Which Odoo tax stands for a rate, by database id or exact name: `{"0.19": "19% VAT",
    "0.19 included": 7}`. A rate that is not listed is looked up among the sales taxes by
    percentage and by whether prices include it."""
    pricelists: dict[str, int | str] = Field(default_factory=dict)
    """Which pricelist gives an order its currency: `{"EUR": "Web EUR"}`, by database id or exact
    name. A currency that is not listed takes the pricelist in it with the lowest id. Also where
    the prices of a price list go, by its id at the source: `{"b2b-eu": "Dealers EUR"}`."""
    match_customers: Literal["email", "never"] = "email"
    """Whether a published customer takes over the one contact that has the same email."""
    tills: dict[str, int | str] = Field(default_factory=dict)
    """Which point of sale of Odoo's stands for a sales channel: `{"pos": "Shop Berlin"}`, by
    database id or exact name. Orders of these channels become till orders, paid and handed over
    (Odoo 18 and later); all others sales orders."""
    till_payments: dict[str, int | str] = Field(default_factory=dict)
    """Which payment method of the point of sale stands for the channel's word for how it was
    paid: `{"visa": "Card"}`, by database id or exact name. A word that is not listed is looked
    for among their names; `cash` also takes the cash method."""
    shipping_product: str = "SHIPPING"
    """Internal reference of the service product for what the customer pays for carriage."""
    discount_product: str = "DISCOUNT"
    """Internal reference of the service product for what a unit price cannot express exactly."""
    max_total_difference: Annotated[Decimal, Field(ge=0)] | None = None
    """By how much Odoo's total may differ from the channel's before an order is not confirmed but
    goes to the exception desk (`total_differs`), in the order's currency; empty: it is confirmed,
    and the receipt tells the difference."""
    adjust_totals: bool = False
    """Whether a total that differs by no more than `max_total_difference` is made equal by a line
    of the discount product without taxes; if not, the receipt tells the difference."""
    return_locations: dict[str, int | str] = Field(default_factory=dict)
    """Where returned goods go by their disposition, by full name or database id of a location:
    `{"quarantine": "WH/Quarantine", "scrap": "WH/Quarantine"}`. `restock` needs none (the place
    where Odoo's returns go); what is to be scrapped is taken in there and then scrapped."""
    invoices: Literal["odoo", "create"] = "odoo"
    """Who makes the invoice of an order that is paid or refunded before it has one: people and
    rules in Odoo, or Crossdock, which then invoices what can be invoiced, and posts it."""
    payment_journals: dict[str, int | str] = Field(default_factory=dict)
    """In which journal a captured payment and a refund are registered, by payment provider, by
    method, or for all others: `{"stripe": "STRP", "card": "BNK1", "*": "BNK1"}`, by short code or
    database id. Without any, payments are not registered: bank statements or people tell Odoo."""
    settlement_journal: int | str = "MISC"
    """The journal of settlements, by short code or database id."""
    settlement_accounts: dict[str, int | str] = Field(default_factory=dict)
    """The account of each part of a settlement, by code or database id: its categories (`sales`,
    `fees`, `refunds` …), `payout` for what is paid out, and `other` for every category that is not
    listed. Without any, settlements are refused."""
    closed_period: Literal["reject", "shift"] = "reject"
    """What to do with a refund, payment or settlement of a day for which the books are closed: put
    it on the exception desk (`closed_period`), or let Odoo date it into the next open period, as
    it does without a word; the receipt then tells the day."""
    poll_documents: tuple[Literal["invoice", "credit_note", "payment", "return_receipt"], ...] = ()
    """Which documents are told as they are posted or received; the first three need the right to
    read Accounting."""
    unknown_region: Literal["with_city", "reject"] = "with_city"
    """What to do with a state or province that Odoo does not have: write it beside the city, or
    put the order on the exception desk."""
    batch_max: Annotated[int, Field(ge=1, le=500)] = 50
    """Orders created and confirmed at once at most; fewer where the server is slow or fails."""
    batch_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    """How long a batch may take: its size adapts to that. Its locks hold up other users."""
    page_size: Annotated[int, Field(ge=1, le=5000)] = 1000
    """Records read at once while polling."""
    overlap_s: Annotated[int, Field(ge=0, le=86_400)] = 120
    """How far each poll reaches back before its cursor, in seconds: a transaction of Odoo's
    that takes longer than this from its start to its commit may be missed."""
    sweep_s: Annotated[int, Field(ge=0, le=604_800)] = 3600
    """How often all places that have stock are compared with those that had it, so that a quant
    that was deleted without any move is told as 0, in seconds; 0: never."""
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    """How long one call may take. Odoo retries by itself behind a lock: 23 s were measured."""
