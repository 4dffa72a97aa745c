"""Who buys and sells: customers and organisations."""

from typing import Annotated, ClassVar

from pydantic import Field

from crossdock.canonical.entity import Entity
from crossdock.canonical.values import (
    PII,
    Address,
    Country,
    Currency,
    EntityRef,
    Gln,
    Instant,
    Model,
    Money,
    Text,
    Vocabulary,
)


class Consent(Model):
    """What a customer allowed or forbade, with the proof of it."""

    purpose: Annotated[str, Vocabulary("email_marketing sms_marketing phone profiling sharing")]
    """For what."""
    granted: bool
    """True: allowed; false: forbidden."""
    at: Instant
    """When they said so."""
    source: Text | None = None
    """Where: a form, a call, a checkout."""


class Customer(Entity):
    """A customer as one channel knows them."""

    kind: ClassVar[str] = "customer"

    name: Text | None = Field(default=None, json_schema_extra=PII)
    """Full name."""
    email: Text | None = Field(default=None, json_schema_extra=PII)
    """Address for mail."""
    phone: Text | None = Field(default=None, json_schema_extra=PII)
    """E.164 (`+15025550100`) where the source has it so."""
    company: Text | None = Field(default=None, json_schema_extra=PII)
    """For whom they buy, as they write it."""
    language: Text | None = None
    """BCP 47 tag."""
    tax_exempt: bool = False
    """Whether no tax is charged."""
    addresses: tuple[Address, ...] = ()
    """Where they live and receive; the first is the default."""
    note: Text | None = Field(default=None, json_schema_extra=PII)
    """What the merchant noted."""
    tags: tuple[Text, ...] = ()
    """The merchant's own labels."""
    organization: EntityRef | None = None
    """The organisation they buy for."""
    groups: tuple[Text, ...] = ()
    """Groups by which prices and rights are given."""
    tax_number: Text | None = Field(default=None, json_schema_extra=PII)
    """VAT or tax number."""
    consents: tuple[Consent, ...] = ()
    """What they allowed or forbade."""
    merged_into: EntityRef | None = None
    """The customer this one is now part of."""
    erased_at: Instant | None = None
    """When their data was erased on request; personal fields are then empty."""


class Organization(Entity):
    """A company: a business customer, a supplier, a carrier, a marketplace."""

    kind: ClassVar[str] = "organization"

    name: Text
    """What it calls itself."""
    legal_name: Text | None = None
    """Its name in the register."""
    roles: tuple[
        Annotated[str, Vocabulary("customer supplier carrier marketplace warehouse merchant")], ...
    ] = ()
    """What it is to us."""
    tax_number: Text | None = None
    """VAT or tax number."""
    registration_number: Text | None = None
    """Number in the register of companies."""
    gln: Gln | None = None
    """Its Global Location Number."""
    country: Country | None = None
    """Where it is registered."""
    addresses: tuple[Address, ...] = ()
    """Where it is; the first is the default."""
    email: Text | None = Field(default=None, json_schema_extra=PII)
    """Address for mail."""
    phone: Text | None = Field(default=None, json_schema_extra=PII)
    """E.164 where the source has it so."""
    parent: EntityRef | None = None
    """The organisation it belongs to."""
    currency: Currency | None = None
    """What it is charged in."""
    credit_limit: Money | None = None
    """How much it may owe."""
    payment_terms: Text | None = None
    """When it pays: `net 30`."""
