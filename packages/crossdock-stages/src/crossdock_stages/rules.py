"""Who owns what, and who is told: the table of domains as a value.

Every question decide asks is answered here, so that ownership can be read, checked and tested
without a bus or a ledger.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

DOMAINS: Mapping[str, str] = {
    "order": "orders",
    "inventory": "inventory",
    "fulfillment": "fulfillment",
    "product": "catalog",
    "customer": "customers",
}
"""Which domain governs which kind of entity."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """One governed area.

    `owner` is the system of record; `capture` lists the channels whose orders count; `execute` is
    where they become work; `publish_to` lists who is told what the owner says.
    """

    owner: str | None = None
    capture: tuple[str, ...] = ()
    execute: str | None = None
    publish_to: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The connections whose word counts here."""
        return self.capture or ((self.owner,) if self.owner else ())


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The whole table, and what each connection can be asked to do."""

    domains: Mapping[str, Domain]
    handles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    production: bool = False

    def domain(self, kind: str) -> Domain | None:
        """The domain that governs entities of this kind; None when the deployment has none."""
        return self.domains.get(DOMAINS.get(kind, ""))

    def can(self, connection: str, command: str) -> bool:
        """Whether this connection's connector handles this command."""
        return command in self.handles.get(connection, frozenset())
