"""What every judgement is given and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from crossdock import jsontext
from crossdock.canonical import Entity
from crossdock.canonical.values import Model
from crossdock.checks import Verdict
from crossdock.errors import RejectedError
from crossdock.events import Envelope
from crossdock.identity import command_id, fingerprint

from crossdock_stages.judgement.checks import Twin
from crossdock_stages.ledger.things import Known
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.stock import Shortage
from crossdock_stages.values import changed

REQUESTED, SUBMITTED, CANCELLED, NOT_TAKEN = "requested", "submitted", "cancelled", "not_taken"
HELD = "held"
"""An order that was not given to anybody yet, for it must wait."""
UNCHANGED = "nothing that matters to others changed"

Knowledge = Mapping[str, Known]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A command to be sent: to whom, what, about which entity, in which sequence."""

    target: str
    type: str
    id: str
    data: Entity
    entity_id: str
    key: str
    refs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tie:
    """What a payment service's news belongs to, beside its order: see `crossdock_stages.ties`."""

    told: Entity
    """The entity as it was told, before it named the order by our id."""
    wish: str = ""
    """The refund that somebody wished, which this one answers."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What follows."""

    applied: bool
    reason: str = ""
    know: Known | None = None
    also: tuple[Known, ...] = ()
    """Others that are known better now: the order that a shipment belongs to."""
    wishes: tuple[Wish, ...] = ()
    exception: RejectedError | None = None
    verdicts: tuple[Verdict, ...] = ()
    """What the checks said of the order, in sequence."""
    held: bool = False
    """The event itself waits for a person, who may try it again; nothing of it is applied."""
    went_on: str = ""
    """The order that waits no longer: cases of it on the desk are settled."""
    settles: tuple[str, ...] = ()
    """Entities whose earlier news was held, and is answered by this: their cases are settled."""
    case_id: str = ""
    """Names the case that the exception opens, where newer news of it must not open another."""
    over: str = ""
    """The case of that name is settled by this news."""
    lets_go: tuple[tuple[str, str, str], ...] = ()
    """Orders that may go on as far as one reason is concerned: order, reason, who says so."""
    look_again: tuple[str, ...] = ()
    """Entities whose held news may agree with what is known now."""
    named: str = ""
    """The entity that the source's name is kept for, where that is another one: a wish."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One event with all that a judgement on it may look at."""

    envelope: Envelope
    known: Knowledge
    rules: Rules
    domain: Domain
    twins: tuple[Twin, ...] = ()
    shortages: tuple[Shortage, ...] = ()
    places: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    """Lines to the places that ship so much of them, where that is not all from the first one."""
    text: bytes = b""
    """The event's entity as it was told, where that says the same as writing it out again."""
    tie: Tie | None = None

    def mark(self, data: Entity) -> str:
        """Stands for the whole entity as its source tells it."""
        return content_mark(self.tie.told if self.tie else data)

    @property
    def before(self) -> Known | None:
        """What was known of the event's own entity."""
        return self.known.get(self.envelope.subject)

    @property
    def moment(self) -> str:
        """Tells this news from other news of the same content.

        A source without revisions may go back and forth; there each telling is news of its own.
        """
        return self.envelope.revision or self.envelope.id

    def learnt(self, digest: str, *, state: str = "", label: str = "") -> Known:
        """The event's entity as it is known from now on."""
        envelope = self.envelope
        return Known(
            id=envelope.subject,
            kind=envelope.kind,
            connection=envelope.connection,
            native_id=envelope.native,
            revision=envelope.revision,
            digest=digest,
            state=state,
            label=label[:255],
        )

    def wish(
        self,
        target: str,
        verb: str,
        data: Entity,
        *,
        key: str = "",
        queue: str = "",
        refs: tuple[str | None, ...] = (),
    ) -> Wish:
        """Ask `target` for `verb` on the event's entity.

        `key` tells one such wish from the next, `queue` is the entity behind whose commands it
        stands, `refs` are further canonical ids whose names at the target it needs.
        """
        subject = self.envelope.subject
        wanted = (subject, *(ref for ref in refs if ref))
        return Wish(
            target=target,
            type=verb,
            id=command_id(target, verb, f"{subject}:{key}" if key else subject),
            data=data,
            entity_id=subject,
            key=queue or subject,
            refs=tuple(dict.fromkeys(wanted)),
        )


def recorded(reason: str, know: Known | None = None) -> Decision:
    """Applied, and nothing follows."""
    return Decision(applied=True, reason=reason, know=know)


def evidence(reason: str) -> Decision:
    """Kept, and not applied."""
    return Decision(applied=False, reason=reason)


def unsupported(reason: str, know: Known, message: str, code: str) -> Decision:
    """Applied here, but nobody can be asked for what follows: a person must do it."""
    return Decision(
        applied=True, reason=reason, know=know, exception=RejectedError(message, reason=code)
    )


def plain(value: Model, include: Any = None) -> Any:
    """The JSON values of a part of an entity, its defaults too; `model_dump` takes half as much
    again."""
    return value.__pydantic_serializer__.to_python(value, mode="json", include=include)


def mark_of(matter: object) -> str:
    """Stands for this content, which has no floats in it."""
    return fingerprint(jsontext.canonical_quickly(matter))


def content_mark(data: Entity) -> str:
    """Stands for the whole entity but for when it was last touched."""
    return fingerprint(data.model_copy(update={"updated_at": None}).dump())


def again(known: Known, state: str) -> Known:
    """The same knowledge in another state."""
    return changed(known, state=state)
