"""The control plane: channels, connections, drift, ownership, exceptions, reconciliation, cutover.

These tell how Crossdock itself is doing; they carry no commerce of their own.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from crossdock.canonical.entity import Entity
from crossdock.canonical.values import (
    NOTHING,
    PII,
    Currency,
    Day,
    EntityRef,
    Id,
    Instant,
    Model,
    Money,
    Sha256,
    Text,
    Url,
    Vocabulary,
)

Domain = Annotated[
    str,
    Vocabulary("catalog inventory orders fulfillment returns pricing customers settlement"),
]


class Channel(Entity):
    """Somewhere the merchant sells: a shop, a marketplace, a till."""

    kind: ClassVar[str] = "channel"

    name: Text
    """What people call it."""
    connection: Id
    """The connection that speaks to it."""
    type: Annotated[str, Vocabulary("storefront marketplace pos b2b social agent")]
    """What kind of place it is."""
    currency: Currency | None = None
    """What it sells in, where it is one."""
    language: Text | None = None
    """BCP 47 tag of its customers."""
    url: Url | None = None
    """Where customers find it."""
    active: bool = True
    """Whether it sells."""


class Connection(Entity):
    """One configured use of a connector, and how it is doing."""

    kind: ClassVar[str] = "connection"

    name: Id
    """As named in the deployment."""
    connector: Id
    """Which connector it uses."""
    connector_version: Text | None = None
    """Which release of it."""
    health: Annotated[str, Vocabulary("healthy degraded paused unreachable unauthorised")]
    """How it is doing."""
    since: Instant | None = None
    """Since when."""
    detail: Text | None = None
    """Why, and what to do."""
    last_received_at: Instant | None = None
    """When it last told us something."""
    last_delivered_at: Instant | None = None
    """When it last did something for us."""
    api_version: Text | None = None
    """The version of the vendor's interface in use."""
    api_sunset_on: Day | None = None
    """When that version ends."""


class IdentityLink(Entity):
    """Two systems' names for one thing, tied together, and how surely."""

    kind: ClassVar[str] = "identity_link"

    entity_kind: Id
    """What kind of thing: `product`, `customer` …"""
    connection: Id
    """Who calls it so."""
    native_id: Id
    """The name there."""
    canonical: EntityRef
    """The thing itself."""
    matched_by: Annotated[str, Vocabulary("native_id sku gtin email order_number person")]
    """What told us."""
    confidence: int = Field(default=100, ge=0, le=100)
    """Per cent; below 100 somebody should look."""
    made_at: Instant
    """When it was tied."""
    confirmed_by: Text | None = Field(default=None, json_schema_extra=PII)
    """Who looked."""
    ended_at: Instant | None = None
    """When it was untied."""


class ExceptionCase(Entity):
    """A business case that a person must settle."""

    kind: ClassVar[str] = "exception"

    code: Id
    """A stable word to filter by: `unknown_sku`, `total_differs` …"""
    severity: Annotated[str, Vocabulary("info warning error critical")] = "error"
    """How bad."""
    state: Annotated[str, Vocabulary("open assigned waiting resolved dismissed")] = "open"
    """How far it is."""
    subject: EntityRef
    """What it is about."""
    subject_kind: Id
    """What kind of thing that is."""
    connection: Id | None = None
    """Where it happened."""
    message: Text
    """What is wrong, with the values."""
    suggestion: Text | None = None
    """What to do next."""
    impact: Money | None = None
    """What is at stake."""
    owner: Text | None = Field(default=None, json_schema_extra=PII)
    """Who looks after it."""
    opened_at: Instant
    """Since when."""
    due_at: Instant | None = None
    """Until when it should be settled."""
    resolved_at: Instant | None = None
    """When it was settled."""
    resolution: Text | None = None
    """How."""


class ReconciliationRun(Entity):
    """One scheduled comparison of two systems, and what it found."""

    kind: ClassVar[str] = "reconciliation_run"

    domain: Domain
    """What was compared."""
    left: Id
    """The system of record."""
    right: Id
    """The system compared with it."""
    started_at: Instant
    """When it began."""
    completed_at: Instant | None = None
    """When it ended; empty: it runs."""
    window_start: Instant | None = None
    """What changed from here on was compared."""
    window_end: Instant | None = None
    """Until here."""
    compared: int = Field(default=0, ge=0, le=1_000_000_000)
    """How many things were compared."""
    equal: int = Field(default=0, ge=0, le=1_000_000_000)
    """How many agreed."""
    differences: int = Field(default=0, ge=0, le=1_000_000_000)
    """How many did not."""
    repaired: int = Field(default=0, ge=0, le=1_000_000_000)
    """How many of those were put right at once."""


class Difference(Entity):
    """One thing on which two systems disagree."""

    kind: ClassVar[str] = "difference"

    run: EntityRef
    """The comparison that found it."""
    domain: Domain
    """What was compared."""
    subject: EntityRef
    """The thing."""
    pointer: Text
    """JSON pointer of the field; empty when the whole thing is missing on one side."""
    left_value: Text | None = None
    """What the system of record says."""
    right_value: Text | None = None
    """What the other says."""
    type: Annotated[str, Vocabulary("missing_left missing_right value late duplicate")]
    """How they differ."""
    found_at: Instant
    """When it was found."""
    resolved_at: Instant | None = None
    """When they agreed again."""
    resolution: Annotated[str, Vocabulary("repaired accepted vanished manual")] | None = None
    """How that came."""


class Drift(Entity):
    """A field that a connection sent and never sent before: news, not a failure."""

    kind: ClassVar[str] = "drift"

    connection: Id
    """Who sent it."""
    topic: Text
    """The vendor's word for what it came in."""
    pointer: Text
    """Where it stands there: a JSON pointer, with `*` for any element of a list."""
    type: Annotated[str, Vocabulary("text number boolean object list null")]
    """What kind of JSON value it had."""
    sample: Text = Field(json_schema_extra=PII)
    """The first value; of one that may be personal or a secret only its form, as in `Xxx 99`."""
    payload: Id
    """The first payload that had it, as the ledger calls it."""
    count: int = Field(ge=1, le=1_000_000_000)
    """How many payloads had it when it was found."""
    found_at: Instant
    """When it was found."""


class OwnershipRule(Entity):
    """Who owns a domain: whose word is final, and who may only listen."""

    kind: ClassVar[str] = "ownership_rule"

    domain: Domain
    """What is owned."""
    owner: Id
    """The connection whose word is final."""
    capture: tuple[Id, ...] = ()
    """Connections that may bring in new things."""
    publish_to: tuple[Id, ...] = ()
    """Connections that are told."""
    latency_s: int | None = Field(default=None, ge=1, le=31_536_000)
    """Within how many seconds they should know."""
    reconcile: Text | None = None
    """When it is compared: a cron expression."""
    valid_from: Instant | None = None
    """Since when it holds."""


class Partner(Entity):
    """Somebody outside who pushes to us or pulls from us, and what they may."""

    kind: ClassVar[str] = "partner"

    name: Text
    """What people call them."""
    organization: EntityRef | None = None
    """The company."""
    contact: Text | None = Field(default=None, json_schema_extra=PII)
    """Whom to ask."""
    may_send: tuple[Id, ...] = ()
    """Event types they may push."""
    may_read: tuple[Id, ...] = ()
    """Event types they may pull."""
    schema_majors: dict[str, int] = NOTHING
    """Entity kind to the major version they read."""
    webhook_url: Url | None = None
    """Where we push to."""
    active: bool = True
    """Whether they may do anything."""


class SchemaRelease(Entity):
    """One published version of one schema."""

    kind: ClassVar[str] = "schema"

    entity: Id
    """The kind it describes."""
    version: Text
    """`major.minor`."""
    url: Url
    """Where it lies for ever."""
    sha256: Sha256
    """Of its bytes."""
    state: Annotated[str, Vocabulary("current deprecated withdrawn")] = "current"
    """Whether to build on it."""
    published_at: Instant
    """When it was released."""
    deprecated_at: Instant | None = None
    """When its successor came."""
    ends_at: Instant | None = None
    """When it will no longer be sent; at least 180 days after `deprecated_at`."""


class CutoverCheck(Model):
    """One condition of going on to the next stage."""

    name: Id
    """What must hold."""
    passed: bool
    """Whether it does."""
    detail: Text | None = None
    """The figures."""


class Cutover(Entity):
    """The move of one domain from an old road to Crossdock, stage by stage."""

    kind: ClassVar[str] = "cutover"

    domain: Domain
    """What moves."""
    connection: Id
    """For which system."""
    stage: Annotated[str, Vocabulary("planned backfill shadow parallel live rolled_back complete")]
    """How far it is."""
    changed_at: Instant
    """Since when."""
    changed_by: Text | None = Field(default=None, json_schema_extra=PII)
    """Who decided."""
    checks: tuple[CutoverCheck, ...] = ()
    """What had to hold."""
    note: Text | None = None
    """What a person should know."""
