"""A connector opened on a fresh sandbox with a wire between: what most checks work with."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from importlib import import_module
from typing import Any, TypeVar

from pydantic import SecretStr

from crossdock import plugins
from crossdock.connector import Config, Connector, Context, Ignore
from crossdock.errors import ConfigError, ContractError, CrossdockError, RejectedError
from crossdock.events import Command, Event, Raw, Receipt
from crossdock.http import Http, Retry
from crossdock.testing.conformance.subject import Sample, Subject
from crossdock.testing.conformance.wire import Wire
from crossdock.testing.sandbox import serve

T = TypeVar("T")
NO_ANSWER_S = 0.25
"""How long a connector waits at the wire in the kit's hands, when nobody answers."""


QUICK = Retry(attempts=3, first_s=0.005, total_s=0.05)
"""As a runner's client repeats safe calls, but without its pauses."""


@dataclass(frozen=True, kw_only=True)
class KitContext(Context):
    """What a runner gives a connector, in a hurry: short pauses, and a short patience if asked."""

    timeout_s: float | None = None

    def http(self, **options: Any) -> Http:
        """As `Context.http`."""
        options.setdefault("retry", QUICK)
        if self.timeout_s is not None:
            options["timeout_s"] = self.timeout_s
        return super().http(**options)


@dataclass
class Bench:
    """One fresh sandbox, served; and the connector opened on it."""

    case: "Case"
    box: Any
    url: str
    wire: Wire
    port: Any
    config: Config

    async def change(self, number: int) -> str:
        """See `Subject.change`."""
        change = self.case.need("change", "polls")
        with _authors("change"):
            return str(await _maybe(change(self.box, number)))

    async def change_at(self, number: int, moment: datetime) -> str:
        """See `Subject.change_at`."""
        change = self.case.need("change_at", "polls")
        with _authors("change_at"):
            return str(await _maybe(change(self.box, number, moment)))

    def command(self, type_: str, number: int = 1) -> Command[Any]:
        """See `Subject.commands`."""
        with _authors(f"commands[{type_!r}]"):
            return self.case.subject.commands[type_](self.box, number)

    def effects(self) -> object:
        """See `Subject.effects`."""
        effects: Callable[[Any], object] = self.case.need("effects", "applies")
        with _authors("effects"):
            return effects(self.box)

    @asynccontextmanager
    async def reopened(self) -> AsyncIterator[Any]:
        """The connector opened anew on the same sandbox, as after a restart."""
        async with self.case.open(self.config) as port:
            yield port

    async def poll(self, cursor: str | None = None, port: Any = None) -> list[Raw]:
        """Everything a poll yields."""
        return [raw async for raw in (port or self.port).poll(cursor)]

    async def again(self, command: Command[Any], port: Any = None) -> Receipt:
        """As DELIVER does after a try that ended in the dark: look, then try again."""
        port = port or self.port
        retry = replace(command, attempt=command.attempt + 1)
        found: Receipt | None = await port.find(retry)
        return found if found is not None else await port.apply(retry)


class Case:
    """One run of one check."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.features = subject.features

    @cached_property
    def connector(self) -> Connector:
        """The registration. ConfigError when it cannot be loaded."""
        given = self.subject.connector
        return given if isinstance(given, Connector) else plugins.load([given])[given]

    @property
    def name(self) -> str:
        """The connector's name."""
        given = self.subject.connector
        return given.name if isinstance(given, Connector) else given

    def need(self, part: str, feature: str) -> Any:
        """A part of the subject that a feature needs."""
        value = getattr(self.subject, part)
        if value is None:
            from crossdock.testing.conformance.kit import Failed

            raise Failed(
                f"features say {feature}, but the subject gives no `{part}`",
                f"give Subject({part}=…); see the docstring of Subject.{part}",
            )
        return value

    def sandbox(self) -> Any:
        """A fresh one."""
        if self.subject.sandbox is not None:
            return self.subject.sandbox()
        spec = self.connector.sandbox
        if spec is None:
            raise ConfigError(f"connector {self.name!r} registers no sandbox")
        module, _, attribute = spec.partition(":")
        return getattr(import_module(module), attribute)()

    def given(self, box: Any, url: str) -> dict[str, Any]:
        """What an integrator would write to reach this sandbox, without `connector`."""
        told = {**box.connection(url), **self.subject.config}
        told.pop("connector", None)
        return told

    def configure(self, given: Mapping[str, Any]) -> Config:
        """ValidationError as pydantic has it."""
        return self.connector.config.model_validate(dict(given))

    def secrets(self, config: Config) -> dict[str, str]:
        """Every secret of a config in the clear, by field; nested ones by dotted name."""
        found: dict[str, str] = {}
        for name in type(config).model_fields:
            value = getattr(config, name)
            if isinstance(value, SecretStr):
                found[name] = value.get_secret_value()
        return found

    @asynccontextmanager
    async def bench(
        self,
        *,
        box: Any = None,
        config: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> AsyncIterator[Bench]:
        """A fresh sandbox (or this one), served, and the connector opened on it."""
        box = self.sandbox() if box is None else box
        wire = Wire(box.app)
        try:
            async with serve(wire, dated=False) as url:
                made = self.configure({**self.given(box, url), **(config or {})})
                async with self.open(made, timeout_s=timeout_s) as port:
                    yield Bench(self, box, url, wire, port, made)
        finally:
            aclose = getattr(box, "aclose", None)
            if aclose is not None:
                await aclose()

    def open(
        self, config: Config, *, timeout_s: float | None = None
    ) -> AbstractAsyncContextManager[Any]:
        """The connector, opened as a runner opens it."""
        secrets = tuple(self.secrets(config).values())
        context = KitContext(connection="kit", secrets=secrets, timeout_s=timeout_s)
        return self.connector.open(config, context)

    def translate(self, raw: Raw) -> list[Event[Any]]:
        """All events; ContractError for what pydantic refuses, as the translate stage has it."""
        from pydantic import ValidationError

        from crossdock.canonical.entity import contract_error

        try:
            events: list[Any] = list(self.connector.translate(raw))
            for event in events:
                _ = event.data  # a Statement is checked when its model is asked for
        except ValidationError as error:
            raise contract_error(error.title, error) from None
        return events

    def outcome(self, raw: Raw) -> list[Event[Any]] | str:
        """The events, or the reason why there are none. Anything else passes through."""
        try:
            return self.translate(raw)
        except Ignore as reason:
            return f"ignored: {reason}"
        except ContractError as error:
            return f"refused: {error}"
        except RejectedError as error:
            return f"for a person: {error}"

    def telling(self) -> list[Sample]:
        """Samples that say something."""
        return [sample for sample in self.subject.samples if sample.says]

    def calls(self, bench: Bench) -> dict[str, Callable[[], Any]]:
        """One call of each port that speaks to the vendor, each made afresh when called."""
        made: dict[str, Callable[[], Any]] = {}
        if self.features.probes:
            made["probe"] = bench.port.probe
        if self.features.polls:
            made["poll"] = lambda: bench.poll(None)
        for kind in self.features.snapshots:
            made[f"snapshot {kind}"] = partial(snapshot, bench.port, kind)
        if self.features.applies:
            for type_ in self.subject.commands:
                # prepared while the wire is calm
                command = bench.command(type_, 90 + len(made))
                made[type_] = partial(bench.port.apply, command)
        return made


@asynccontextmanager
async def opened(subject: Subject, **options: Any) -> AsyncIterator[Bench]:
    """The subject's connector on a fresh sandbox, for an author's own tests: see `Case.bench`.

    `bench.port` is the connector, `bench.box` the sandbox, `bench.wire` what lies between.
    """
    async with Case(subject).bench(**options) as bench:
        yield bench


def spread(count: int, most: int) -> list[int]:
    """Numbers from 1 to `count`: all of them, or `most`, evenly, with the first and the last."""
    if count <= most:
        return list(range(1, count + 1))
    return sorted({1 + round(step * (count - 1) / (most - 1)) for step in range(most)})


async def snapshot(port: Any, kind: str, **window: Any) -> list[Raw]:
    """Every record of a kind."""
    from crossdock.connector import Window

    return [raw async for raw in port.snapshot(Window(kind=kind, **window))]


async def caught(call: Callable[[], Any]) -> CrossdockError | BaseException | None:
    """What a call raised."""
    try:
        await call()
    except Exception as error:  # noqa: BLE001 - the check judges it
        return error
    return None


@contextmanager
def _authors(part: str) -> Iterator[None]:
    """A function of the subject's own: when it fails, that is not the connector's fault."""
    try:
        yield
    except Exception as error:
        from crossdock.testing.conformance.kit import Failed

        raise Failed(
            f"Subject.{part} raises {type(error).__name__}: {error!s:.300}",
            "mend it in tests/test_conformance.py; the connector was not asked",
        ) from error


async def _maybe(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
