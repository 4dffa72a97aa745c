"""A person or company that buys."""

from typing import ClassVar

from pydantic import Field

from crossdock.canonical.entity import Entity
from crossdock.canonical.values import Address, Text


class Customer(Entity):
    """A customer as one channel knows them."""

    kind: ClassVar[str] = "customer"

    name: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    email: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    phone: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    company: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    language: Text | None = None
    """BCP 47 tag."""
    tax_exempt: bool = False
    addresses: tuple[Address, ...] = ()
    note: Text | None = None
    tags: tuple[Text, ...] = ()
