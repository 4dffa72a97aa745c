"""What connectors and stages hand to each other: raw records, events, commands, receipts.

On the wire all of them travel in one envelope, CloudEvents 1.0 in binary mode: the attributes are
headers (`ce-…`), the body is plain JSON, so that routing never parses a body.
Source: cloudevents/spec v1.0.2, "NATS Protocol Binding", binary content mode.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote, unquote

from crossdock import jsontext
from crossdock.canonical import ENTITIES, Entity
from crossdock.canonical.eventtypes import EVENTS
from crossdock.canonical.texts import rfc3339
from crossdock.errors import ContractError
from crossdock.frozen import made_at_once

E_co = TypeVar("E_co", bound=Entity, covariant=True)

MAX_ID = 255
MAX_REVISION = 64
REVISION_DIGITS = 20
"""Numbers are compared as text of this width."""

EVENT_TYPES: dict[str, type[Entity]] = {name: event.entity for name, event in EVENTS.items()}
"""Every event a connector may tell, with the entity it carries."""

COMMAND_TYPES: dict[str, type[Entity]] = {
    f"{kind}.{verb}": ENTITIES[kind]
    for kind, verbs in {
        "order": ("create", "update", "cancel", "hold", "release"),
        "inventory": ("publish",),
        "fulfillment_order": ("create", "cancel"),
        "fulfillment": ("create", "update", "cancel"),
        "return": ("create", "cancel"),
        "return_receipt": ("create",),
        "refund": ("create",),
        "payment": ("create",),
        "settlement": ("create",),
        "transfer": ("create",),
        "product": ("publish",),
        "price": ("publish",),
        "customer": ("publish",),
    }.items()
    for verb in verbs
}
"""Every wish a connection may be asked to carry out, with the entity it carries."""


class Raw:
    """One record in a vendor's own dialect, as it was received.

    `topic` is the vendor's word for what it is (`orders/create`); `key` names the entity it is
    about, so that all news of one entity stays in sequence; `delivery_id` is equal for two
    deliveries of the same news and different for different news. `cursor` (polls only) is where
    to resume after this record. `headers` are lower-case. `backfill`: it is from before we came,
    so it travels in the lane of replays and no customer is written to because of it.
    """

    def __init__(
        self,
        topic: str,
        body: Any = None,
        *,
        data: bytes | None = None,
        key: str = "",
        delivery_id: str = "",
        cursor: str | None = None,
        headers: Mapping[str, str] | None = None,
        received_at: datetime | None = None,
        backfill: bool = False,
    ) -> None:
        if data is None:
            data = jsontext.dump(body)
            self.__dict__["body"] = body
        self.topic = topic
        self.data = data
        self.key = key
        self.delivery_id = delivery_id
        self.cursor = cursor
        self.headers = dict(headers or {})
        self.received_at = received_at
        self.backfill = backfill

    @cached_property
    def body(self) -> Any:
        """The data as JSON. ContractError when it is none; see `crossdock.jsontext.parse`."""
        return jsontext.parse(self.data, what=f"the {self.topic} payload")

    def glance(self, *names: str) -> Any:
        """As `body`, with these fields of the object alone: the quick way for a webhook's key.

        See `crossdock.jsontext.glance`.
        """
        if "body" in self.__dict__ or not isinstance(self.data, bytes):
            return self.body
        return jsontext.glance(self.data, *names, what=f"the {self.topic} payload")

    def __repr__(self) -> str:
        return f"Raw(topic={self.topic!r}, key={self.key!r}, {len(self.data)} bytes)"


@dataclass(frozen=True, kw_only=True)
class Event(Generic[E_co]):
    """A fact, as a connector's `translate` states it.

    `native_id` is the entity's id in the system that spoke. `revision` says how new the fact is:
    within one entity of one source a larger one is newer; integers compare as numbers, text as
    text (so times must be UTC and of one width: use `revision_of`). `partition_key` is the
    canonical or native id of the entity whose sequence this belongs to, if not the own one.
    """

    type: str
    data: E_co
    native_id: str
    revision: int | str | None = None
    occurred_at: datetime | None = None

    def __post_init__(self) -> None:
        expected = _entity_of(self.type)
        if not isinstance(self.data, expected):
            raise ContractError(
                f"{self.type} carries {expected.__name__}, not {type(self.data).__name__}"
            )
        _refuse_unkept(self.type, self.native_id, self.revision)

    @property
    def kind(self) -> str:
        """The entity's kind."""
        return self.type.partition(".")[0]


@made_at_once
@dataclass(frozen=True, kw_only=True)
class Statement:
    """A fact as an `Event` states it, with the entity as JSON values: the quick way for much news.

    `document` is the entity as its published schema has it: decimals and times as text, fields in
    the order of the model, without nulls and without what is left at its default. It is checked
    and travels as it is; no model is made, which is most of what an event costs (decision 0015).
    """

    type: str
    document: dict[str, Any]
    native_id: str
    revision: int | str | None = None
    occurred_at: datetime | None = None

    def __post_init__(self) -> None:
        _entity_of(self.type)
        _refuse_unkept(self.type, self.native_id, self.revision)

    @property
    def kind(self) -> str:
        """The entity's kind."""
        return self.type.partition(".")[0]

    @cached_property
    def data(self) -> Entity:
        """The entity as a model. ContractError when the document is none."""
        model = _entity_of(self.type)
        return model.parse(model.write(self.document))


Fact = Event[Entity] | Statement
"""What a connector's `translate` yields."""


def _entity_of(type_: str) -> type[Entity]:
    model = EVENT_TYPES.get(type_)
    if model is None:
        raise ContractError(
            f"there is no event type {type_!r}; known: {', '.join(sorted(EVENT_TYPES))}"
        )
    return model


def _refuse_unkept(type_: str, native_id: str, revision: int | str | None) -> None:
    """What the ledger has no room for."""
    if not 0 < len(native_id) <= MAX_ID:
        raise ContractError(
            f"{type_}: native_id has {len(native_id)} characters, must be 1 to {MAX_ID}"
        )
    if isinstance(revision, int) and not 0 <= revision < 10**REVISION_DIGITS:
        raise ContractError(
            f"{type_}: revision {jsontext.shorten(revision)} must be 0 or more "
            f"and have at most {REVISION_DIGITS} digits"
        )
    if isinstance(revision, str) and len(revision) > MAX_REVISION:
        raise ContractError(
            f"{type_}: revision has {len(revision)} characters, at most {MAX_REVISION} are kept"
        )


@dataclass(frozen=True, kw_only=True)
class Command(Generic[E_co]):
    """A wish addressed to one connection.

    `id` is the same for every try of the same effect: send it to the vendor as idempotency key.
    `native_ids` maps canonical ids to what the target calls them, as far as it is known there.
    `attempt` counts from 1; above 1 an earlier try may have left something behind.
    """

    id: str
    type: str
    data: E_co
    entity_id: str
    native_ids: Mapping[str, str] = field(default_factory=dict)
    attempt: int = 1
    correlation_id: str = ""
    notify: bool = True
    """False when this comes from a replay or a backfill: the vendor must write to no customer."""

    def native_id(self, canonical_id: str | None) -> str | None:
        """What the target calls this entity, or None where it never told us."""
        return None if canonical_id is None else self.native_ids.get(canonical_id)


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a vendor answered to a command that it carried out.

    `native_id` is what the vendor calls the entity; `extra_ids` names further ones it made
    (canonical id or line id to native id). `changed` is False when there was nothing to do.
    `note` is one sentence for `crossdock trace`.
    """

    native_id: str | None = None
    changed: bool = True
    note: str = ""
    extra_ids: Mapping[str, str] = field(default_factory=dict)


def moment_of(text: str) -> datetime:
    """A vendor's time with its offset (`reading.Moment`), in UTC.

    ContractError: no such day, no offset, or beyond the years 1 to 9999 in UTC.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    shown = jsontext.shorten(text)
    raise ContractError(
        f"expected a time such as 2026-01-31T12:00:00-05:00, found {shown}", value=shown
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def since_1970(count: int | str, per_second: int = 1) -> datetime:
    """A vendor's time as a count since 1970, in UTC: seconds, or `per_second=1000` of them.

    ContractError for text that is no whole number, and beyond the years 1 to 9999.
    """
    try:
        whole, rest = divmod(int(count), per_second)
        return _EPOCH + timedelta(seconds=whole, microseconds=rest * 1_000_000 // per_second)
    except (ValueError, OverflowError):
        shown = jsontext.shorten(count)
        raise ContractError(f"expected a time since 1970, found {shown}", value=shown) from None


def revision_of(moment: datetime | str) -> str:
    """A time as a revision: UTC, microseconds, 27 characters, so that text order is time order.

    Text is read by `moment_of`.
    """
    at = moment_of(moment) if isinstance(moment, str) else moment
    text = rfc3339(at)
    return text if at.microsecond else f"{text[:-1]}.000000Z"


@made_at_once
@dataclass(frozen=True, kw_only=True)
class Envelope:
    """CloudEvents attributes of one message on the bus.

    `subject` is the canonical id of the entity, `key` the entity whose sequence it belongs to,
    `landing` the row of the raw payload it came from, `revision` the source's own, as text,
    `native` what the source calls the entity, `refs` further canonical ids parted by commas,
    `retry` how often it was tried before, `vendor` the vendor's headers as JSON (raw only),
    `mode` empty for live news, `replay` for news told again,
    `claim` where the ledger keeps the body when it is too large to travel.
    """

    id: str
    source: str
    type: str
    subject: str
    key: str
    time: str
    connection: str
    revision: str = ""
    landing: str = ""
    cause: str = ""
    correlation: str = ""
    schema: str = ""
    topic: str = ""
    native: str = ""
    refs: str = ""
    retry: str = ""
    vendor: str = ""
    mode: str = ""
    claim: str = ""

    @property
    def kind(self) -> str:
        """The entity's kind: `order` in `crossdock.order.placed.v1`."""
        return _kind(self.type)

    @property
    def name(self) -> str:
        """The type without prefix and version: `order.placed`."""
        return _name(self.type)

    @property
    def major(self) -> int:
        """The major version of the body: 1 in `crossdock.order.placed.v1`; 1 where none is told."""
        digits = self.type.rpartition(".v")[2]
        return int(digits) if digits.isdecimal() and len(digits) < 6 else 1

    def headers(self) -> dict[str, str]:
        """NATS headers; empty attributes are left out, non-ASCII text is percent-encoded."""
        out = {"ce-specversion": "1.0", "content-type": "application/json"}
        out.update({_HEADERS[name]: value for name, value in vars(self).items() if value})
        text = "".join(out.values())
        if not text.isascii() or text.encode().translate(None, _SIMPLE):
            out = {header: _as_header(value) for header, value in out.items()}
        return out

    @classmethod
    def read(cls, headers: Mapping[str, str] | None) -> Self:
        """ContractError names the first required attribute that is missing."""
        values = {
            _ATTRIBUTES[name]: value
            for name, value in (headers or {}).items()
            if name in _ATTRIBUTES
        }
        if "%" in "".join(values.values()):
            values = {name: unquote(value) for name, value in values.items()}
        for required in ("id", "source", "type"):
            if not values.get(required):
                raise ContractError(f"a message without the header ce-{required} cannot be routed")
        for name in ("subject", "key", "time", "connection"):  # the others have a default
            if name not in values:
                values[name] = ""
        envelope = cls.__new__(cls)
        _put(envelope, values)
        return envelope

    def with_claim(self, claim: str) -> Self:
        """The same envelope for a body that is kept in the ledger under `claim`."""
        return replace(self, claim=claim)


@lru_cache(1_024)
def _name(type_: str) -> str:
    return type_.removeprefix("crossdock.").rpartition(".v")[0]


@lru_cache(1_024)
def _kind(type_: str) -> str:
    return _name(type_).partition(".")[0]


_HEADERS = {
    "id": "ce-id",
    "source": "ce-source",
    "type": "ce-type",
    "subject": "ce-subject",
    "key": "ce-partitionkey",
    "time": "ce-time",
    "connection": "ce-connection",
    "revision": "ce-revision",
    "landing": "ce-landing",
    "cause": "ce-causationid",
    "correlation": "ce-correlationid",
    "schema": "ce-dataschema",
    "topic": "ce-topic",
    "native": "ce-nativeid",
    "refs": "ce-refs",
    "retry": "ce-retry",
    "vendor": "ce-vendorheaders",
    "mode": "ce-mode",
    "claim": "ce-dataref",
}
_ATTRIBUTES = {header: attribute for attribute, header in _HEADERS.items()}
_put: Any = vars(Envelope)["__dict__"].__set__
_SIMPLE = bytes(range(ord("!"), ord("~") + 1)).replace(b"%", b"")
"""What a header brings through as it is, wherever it stands."""


def _plain(text: str) -> bool:
    """Whether a header brings it through as it is; blanks at its ends apart, which are lost."""
    return text.isascii() and text.isprintable() and "%" not in text


def _as_header(value: str) -> str:
    if _plain(value) and value == value.strip():
        return value
    return quote(value, safe="/:#?&=+@,;!*'()[]$~")


def now_text() -> str:
    """The present moment in UTC, RFC 3339."""
    return revision_of(datetime.now(UTC))
