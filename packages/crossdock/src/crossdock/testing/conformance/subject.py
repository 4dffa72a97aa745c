"""What a connector's tests tell the kit: one value of some 20 to 40 lines.

The kit learns the rest by itself: ports and config from the registration, secrets from the config,
every failure at the wire between the connector and its sandbox.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from crossdock.connector import Connector, Request
from crossdock.errors import CrossdockError
from crossdock.events import Command, Raw
from crossdock.testing.conformance.wire import Answer


@dataclass(frozen=True, kw_only=True)
class Features:
    """What the connector can do; the checks follow from it. Must agree with the code."""

    webhooks: bool = False
    """It has `receive`."""
    signed: bool = True
    """The vendor proves who sends: a signature or a shared secret. False only where it has none."""
    polls: bool = False
    """It has `poll`."""
    applies: bool = False
    """It has `apply` and `find`."""
    batches: bool = False
    """It has `apply_many`."""
    snapshots: tuple[str, ...] = ()
    """The kinds that `snapshot` can tell: `("order", "inventory")`."""
    probes: bool = False
    """It has `probe`."""
    http: bool = True
    """It speaks HTTP to its sandbox through `context.http`, so that faults can be put between."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One payload as the vendor sends it, and what it means."""

    topic: str
    data: bytes
    says: tuple[str, ...] = ()
    """Types of the events it must mean, in order; empty: it says nothing of interest."""
    means: tuple[str, ...] = ()
    """Amounts and moments that its events must tell, worked out by hand from the vendor's manual:
    `("12.50 EUR", "2026-11-20T14:03:22Z")`. Needed where the payload does not show them, as with
    minor units and local times; what stands there as a decimal, with an offset, or in seconds or
    milliseconds since 1970, needs no witness."""
    headers: Mapping[str, str] = field(default_factory=dict)
    name: str = ""

    def raw(self, data: bytes | None = None) -> Raw:
        """As `translate` is given it."""
        return Raw(self.topic, data=self.data if data is None else data, headers=self.headers)

    def __str__(self) -> str:
        return self.name or self.topic


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An answer in the vendor's own words (an error with status 200, say), and what it means."""

    name: str
    answer: Answer
    means: type[CrossdockError]
    only: Collection[str] = ()
    """At these calls alone (`probe`, `poll`, `snapshot order`, a command's type); else at all."""


Box = Any
"""The connector's own sandbox: only the author's functions look into it."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A connector to be examined. Give what its ports need; a missing part is a failed check."""

    connector: str | Connector
    """Its registered name, or the registration itself."""
    features: Features
    home: Path | None = None
    """Its folder, with pyproject.toml, README.md and quality.yaml."""
    sandbox: Callable[[], Box] | None = None
    """Makes a fresh sandbox; without it, the registered one."""
    config: Mapping[str, object] = field(default_factory=dict)
    """Options beside those that `sandbox.connection(url)` gives: small pages, say."""

    samples: Sequence[Sample] = ()
    """One for each topic at least, recorded where possible."""
    newer: Sequence[Sample] = ()
    """States of one entity, oldest first: their revisions must grow."""
    sign: Callable[[Box, Sample], Request | None] | None = None
    """The webhook by which the vendor would send this sample, signed for the sandbox's account;
    None for what is only ever polled. Webhooks only. Equal samples must give equal requests."""

    change: Callable[[Box, int], str | Awaitable[str]] | None = None
    """Somebody changes the `number`-th thing at the vendor (again), so that the next poll tells
    it; returns the `Raw.key` under which it is told. Polls only."""

    change_at: Callable[[Box, int, datetime], str | Awaitable[str]] | None = None
    """The same at this moment of the vendor's clock, something else each time. Needed where the
    only version is a time of whole seconds: the kit changes one thing twice within one."""

    commands: Mapping[str, Callable[[Box, int], Command[Any]]] = field(default_factory=dict)
    """For every command handled: prepare the sandbox (an order to ship) and make the `number`-th
    wish, each about another entity. Applies only."""
    effects: Callable[[Box], object] | None = None
    """What commands have left at the vendor, as a value that can be compared: without ids and
    times that the vendor invents. A second shipment must show as a second entry. Applies only."""

    holds: Callable[[Box, str], Collection[str]] | None = None
    """The `Raw.key` of everything of a kind that the sandbox holds. Snapshots only."""

    refusals: Sequence[Refusal] = ()
    """Errors in the vendor's own dialect."""
    gaps: Mapping[str, str] = field(default_factory=dict)
    """Checks known to fail, each with the reason. They cost the tier, and must still fail."""
    coverage: Sequence[Any] = ()
    """What becomes of each field of the vendor's schemas: `crossdock.testing.coverage.Coverage`."""

    calm: dict[str, tuple[object, object, int]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """The kit's own: what one calm application of each command leaves, once it was measured."""
