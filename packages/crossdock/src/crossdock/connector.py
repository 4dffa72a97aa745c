"""The six ports of a connector, and what the framework gives it.

A connector offers the ports it can serve by having their methods; it inherits nothing. Ports with
I/O are called from one event loop, several calls at a time; `translate` is called from any thread.
"""

import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Protocol, TypeVar, get_args, get_type_hints, runtime_checkable

from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr

from crossdock.errors import ConfigError, CrossdockError
from crossdock.events import COMMAND_TYPES, EVENT_TYPES, Command, Fact, Raw, Receipt
from crossdock.http import MAX_RESPONSE_BYTES, Auth, Http, Redactor, Retry
from crossdock.http.client import IDEMPOTENCY_HEADER
from crossdock.pacing import Pacer
from crossdock.rates import Limit


class Config(BaseModel):
    """What an integrator writes under one connection. Secrets are `pydantic.SecretStr`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )


@dataclass(frozen=True, kw_only=True)
class Request:
    """A webhook as it arrived: header names in lower case, `body` byte for byte what was sent."""

    method: str = "POST"
    path: str = ""
    url: str = ""
    """The URL as the sender addressed it, for signatures that cover it."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Health:
    """What a probe found. `notes` are for people: versions, sunset dates, missing rights."""

    version: str = ""
    rate_budget: float | None = None
    """Share of the vendor's rate limit that is left, 0 to 1."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Window:
    """What a snapshot is asked for: a kind, changed in [since, until) where that applies."""

    kind: str
    since: datetime | None = None
    until: datetime | None = None


@runtime_checkable
class Webhooks(Protocol):
    """Is this request genuine, and what is it about?"""

    def receive(self, request: Request) -> Raw:
        """Called once for each request, before anything is stored; no I/O.

        Returns the record with `topic`, `key`, `delivery_id` set and `data` equal to the body.
        AuthError: not genuine (answered 401, nothing stored). ContractError: genuine, but no
        message (answered 202, kept as a dead letter: sending it again would change nothing).
        The signature is checked over the bytes before they are parsed.
        """
        ...


@runtime_checkable
class Polls(Protocol):
    """What changed since this cursor?"""

    def poll(self, cursor: str | None) -> AsyncIterator[Raw]:
        """Yield records changed after `cursor`, oldest first.

        Each has `key`, `delivery_id` and `cursor`. None means from the beginning as configured.
        Records may overlap with those already given: their `delivery_id` tells. Called every
        `poll_every_s` of the registration, never twice at once for one connection.
        """
        ...


class Translates(Protocol):
    """What does this raw record say? A pure function: no I/O, no clock, no chance."""

    def __call__(self, raw: Raw) -> Iterator[Fact]:
        """Yield the events; none when the record says nothing of interest.

        ContractError with a pointer: the record cannot be mapped (dead letter). RejectedError:
        nothing follows by itself, a person must read it (a privacy request). Raise `Ignore` to
        say in words why a record has no events.
        """
        ...


@runtime_checkable
class Applies(Protocol):
    """Carry out this command once; or find what an earlier try left."""

    async def apply(self, command: Command[Any]) -> Receipt:
        """Called for one entity at a time, for different entities concurrently.

        TransientError: again later. RejectedError: the vendor's no, for a person.
        """
        ...

    async def find(self, command: Command[Any]) -> Receipt | None:
        """What an earlier try of this very command left at the vendor; None when it left nothing.

        Called instead of `apply` when an intent has no receipt. Changes nothing at the vendor.
        """
        ...


@runtime_checkable
class AppliesMany(Protocol):
    """Carry out many commands at once, for vendors that are faster so. Optional beside Applies."""

    async def apply_many(
        self, commands: Sequence[Command[Any]]
    ) -> Sequence[Receipt | CrossdockError]:
        """One answer for each command, in their order: what `apply` would return or raise.

        Called with any number of commands of any types in `handles`, no two about one entity;
        the connector cuts them as its vendor likes. One bad command harms no other. A command
        whose earlier try ended in the dark was given to `find` before, as for `apply`, and has
        `attempt` above 1. Nothing is raised but what no single command is to blame for; then
        what became of each is unknown. May be called several times at once, also beside `apply`,
        for different entities.
        """
        ...


@runtime_checkable
class Snapshots(Protocol):
    """What do you hold now?"""

    def snapshot(self, window: Window) -> AsyncIterator[Raw]:
        """Yield every record of `window.kind`; records are those `translate` understands."""
        ...


@runtime_checkable
class Probes(Protocol):
    """Are you there, and is the credential good?"""

    async def probe(self) -> Health:
        """Writes nothing. AuthError and UnavailableError tell what is wrong."""
        ...


class Ignore(Exception):  # noqa: N818 - an answer, not an error
    """Raised by `translate`: this record has no events, for this reason."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a connector is given when it is opened."""

    connection: str
    """Its name in the deployment."""
    environment: str = ""
    namespace: str = "crossdock"
    """Prefix for marks that we leave at the vendor (external ids, notes)."""
    pacer: Pacer | None = field(default=None, repr=False)
    """The connection's rate budgets, where several runners share them."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """The secrets in its configuration; they are never shown."""

    def http(
        self,
        *,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        timeout_s: float = 30.0,
        max_connections: int = 20,
        max_bytes: int = MAX_RESPONSE_BYTES,
        retry: Retry | None = None,
        limits: Mapping[str, Limit] | None = None,
        idempotency_header: str = IDEMPOTENCY_HEADER,
    ) -> Http:
        """An HTTP client whose every failure is already one of our errors; use `async with`.

        Unlike a bare `Http` it repeats safe calls (`Retry()`), keeps to the connection's rate
        budgets, and hides the secrets of its configuration. See docs/guides/http.md.
        """
        return Http(
            name=self.connection,
            base_url=str(base_url),
            headers=headers,
            auth=auth,
            timeout_s=timeout_s,
            max_connections=max_connections,
            max_bytes=max_bytes,
            retry=Retry() if retry is None else retry,
            limits=limits,
            pacer=self.pacer,
            redact=Redactor(self.secrets),
            idempotency_header=idempotency_header,
        )

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)


C = TypeVar("C", bound=Config)
Open = Callable[[Any, Context], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True, kw_only=True)
class Connector:
    """One registration: everything the framework knows about a connector before opening it."""

    name: str
    title: str
    config: type[Config]
    open: Open
    translate: Translates
    handles: frozenset[str]
    poll_every_s: float
    sandbox: str | None
    """`module:callable` that makes the sandbox; see `crossdock.testing.sandbox`."""
    plugin: str = ""
    fields: str | None = None
    """`package:file` with the fields that each topic may have; see `fields_of`."""
    tells: frozenset[str] = frozenset()
    """Kinds of entity that `translate` tells of; empty where that is not declared."""

    def fields_of(self, topic: str) -> tuple[str, ...]:
        """The fields that a topic may have, as patterns; none when they are not declared."""
        return _declared(self.fields).get(topic, ()) if self.fields else ()

    @property
    def ports(self) -> frozenset[str]:
        """The names of the ports it serves, read from the return type of `open`."""
        return ports_of(self)


@cache
def _declared(where: str) -> dict[str, tuple[str, ...]]:
    """What `python -m crossdock.testing.coverage --write` wrote: topic to its fields, or to the
    topic whose body it shares."""
    package, _, file = where.partition(":")
    told = json.loads(files(package).joinpath(file).read_text("utf-8"))
    return {
        topic: tuple(told[listed] if isinstance(listed, str) else listed)
        for topic, listed in told.items()
    }


def ports_of(connector: Connector) -> frozenset[str]:
    """ConfigError when `open` does not say what it opens."""
    function = inspect.unwrap(connector.open)
    opened = get_args(get_type_hints(function).get("return", None))
    if not opened:
        raise ConfigError(
            f"connector {connector.name}: open must be annotated, as in "
            "`async def open_acme(…) -> AsyncIterator[Acme]`, so that its ports are known"
        )
    ports = {
        port.__name__
        for port, method in _METHODS.items()
        if callable(getattr(opened[0], method, None))
    }
    return frozenset(ports | {"Translates"})


_METHODS: dict[type, str] = {
    Webhooks: "receive",
    Polls: "poll",
    Applies: "apply",
    Snapshots: "snapshot",
    Probes: "probe",
}


def secrets_in(config: BaseModel) -> tuple[str, ...]:
    """The secrets that a configuration holds, at any depth: what must never be shown."""
    found: list[str] = []

    def look(value: Any) -> None:
        if isinstance(value, SecretStr | SecretBytes):
            plain = value.get_secret_value()
            found.append(plain.decode("utf-8", "replace") if isinstance(plain, bytes) else plain)
        elif isinstance(value, BaseModel):
            for _, item in value:
                look(item)
        elif isinstance(value, Mapping):
            for item in value.values():
                look(item)
        elif isinstance(value, list | tuple | set | frozenset):
            for item in value:
                look(item)

    look(config)
    return tuple(found)


class Register:
    """What `register_connectors` is given: call it once for each connector."""

    def __init__(self) -> None:
        self.connectors: dict[str, Connector] = {}

    def __call__(
        self,
        name: str,
        *,
        config: type[Config],
        open: Open,  # noqa: A002 - the author's word for it
        translate: Translates,
        title: str = "",
        handles: tuple[str, ...] = (),
        poll_every_s: float = 5.0,
        sandbox: str | None = None,
        fields: str | None = None,
        tells: tuple[str, ...] = (),
    ) -> None:
        """`handles` lists the commands that `apply` understands, out of COMMAND_TYPES.

        `tells` lists the kinds of entity that `translate` tells of (`order`, `payment` …): so
        `crossdock check` refuses a deployment that waits for something else from it.

        `fields` names the file that says which fields each topic may have, `package:fields.json`,
        as `python -m crossdock.testing.coverage --write` makes it; any other field is told as
        drift. Without it a topic is learnt from its first payloads.
        """
        if name in self.connectors:
            raise ConfigError(f"connector {name!r} is registered twice")
        unknown = sorted(set(handles) - set(COMMAND_TYPES))
        if unknown:
            raise ConfigError(
                f"connector {name!r} handles {unknown}, which are no commands; "
                f"known: {', '.join(sorted(COMMAND_TYPES))}"
            )
        kinds = {event.partition(".")[0] for event in EVENT_TYPES}
        if strange := sorted(set(tells) - kinds):
            raise ConfigError(
                f"connector {name!r} tells {strange}, of which there is no event; "
                f"known: {', '.join(sorted(kinds))}"
            )
        self.connectors[name] = Connector(
            name=name,
            title=title or name,
            config=config,
            open=open,
            translate=translate,
            handles=frozenset(handles),
            poll_every_s=poll_every_s,
            sandbox=sandbox,
            fields=fields,
            tells=frozenset(tells),
        )
