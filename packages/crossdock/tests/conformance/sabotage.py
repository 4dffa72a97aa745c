"""One deliberately wrong connector for each check, by the check's id."""

import asyncio
import itertools
import json
import logging
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import crossdock
import toy
import toybox
from crossdock.canonical import Money
from crossdock.reading import Whole, moment_of, since_1970
from crossdock.testing.conformance import Answer, Refusal, Subject
from crossdock.testing.coverage import Coverage
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, field_validator
from toy import Toy, ToyConfig

Make = Callable[[], Subject]
F = toybox.subject().features
_counter = itertools.count()


def port(**members: Any) -> Subject:
    """The toy with other methods."""
    wrong = type("Wrong", (Toy,), members)

    @asynccontextmanager
    async def opened(config: Any, context: Any) -> Any:
        async with toy.open_toy(config, context) as good:
            yield wrong(good.config, good.http)

    opened.__wrapped__.__annotations__["return"] = "AsyncIterator[Toy]"  # type: ignore[attr-defined]
    opened.__wrapped__.__globals__.setdefault("AsyncIterator", _AsyncIterator)  # type: ignore[attr-defined]
    return toybox.subject(connector=toybox.registered(open=opened))


def opening(open_: Any) -> Subject:
    open_.__wrapped__.__annotations__["return"] = "AsyncIterator[Toy]"
    return toybox.subject(connector=toybox.registered(open=open_))


from collections.abc import AsyncIterator as _AsyncIterator  # noqa: E402 - named in annotations

AsyncIterator = _AsyncIterator


def says(translate: Any, **changes: Any) -> Subject:
    """The toy with another translation."""
    return toybox.subject(connector=toybox.registered(translate=translate), **changes)


def config(model: Any, **changes: Any) -> Subject:
    """The toy with another config."""
    return toybox.subject(connector=toybox.registered(config=model), **changes)


def box(**members: Any) -> Subject:
    """The toy with another sandbox."""
    return toybox.subject(sandbox=type("WrongBox", (toybox.ToyBox,), members))


def without(**features: Any) -> Subject:
    return toybox.subject(features=replace(F, **features))


def home(edit: Callable[[Path], None]) -> Subject:
    """The toy with another folder."""
    folder = Path(tempfile.mkdtemp(prefix="crossdock-toy-"))
    shutil.copytree(toybox.HERE / "home", folder, dirs_exist_ok=True)
    edit(folder)
    return toybox.subject(home=folder)


def readme(old: str, new: str = "") -> Subject:
    def edit(folder: Path) -> None:
        file = folder / "README.md"
        file.write_text(file.read_text().replace(old, new))

    return home(edit)


# requests


def _raw(self: Toy, request: Any, **changes: Any) -> crossdock.Raw:
    raw = Toy.receive(self, request)
    for name, value in changes.items():
        setattr(raw, name, value)
    return raw


def _trusting(self: Toy, request: Any) -> None:
    """Anything signed at all is good."""
    if not request.headers.get("x-signature"):
        raise crossdock.AuthError("no signature")


def _prefix_only(self: Toy, request: Any) -> None:
    expected = toy.sign(self.config.webhook_secret.get_secret_value(), request.body[:-1])
    real = toy.sign(self.config.webhook_secret.get_secret_value(), request.body)
    given = request.headers.get("x-signature", "")
    if given != real and not expected.startswith("~"):
        raise crossdock.AuthError("no")
    if len(request.headers["x-topic"]) > 100:
        raise KeyError("x-topic")


def _unsigned_passes(self: Toy, request: Any) -> None:
    if "x-signature" in request.headers:
        Toy.verify(self, request)


def _constant_secret(self: Toy, request: Any) -> None:
    expected = toy.sign(toybox.ToyBox.webhook_secret, request.body)
    if request.headers.get("x-signature") != expected:
        raise crossdock.AuthError("no")


def _carelessly(self: Toy, request: Any) -> crossdock.Raw:
    self.verify(request)
    body = json.loads(request.body)
    return crossdock.Raw(
        request.headers["x-topic"],
        data=request.body,
        key=f"order:{body['id']}",
        delivery_id=f"{request.headers['x-topic']}:{body['id']}:{body['version'] + 0}",
    )


def _oracle(self: Toy, request: Any) -> None:
    expected = toy.sign(self.config.webhook_secret.get_secret_value(), request.body)
    if request.headers.get("x-signature") != expected:
        raise crossdock.AuthError(f"the signature must be {expected}")


def _keeps_signature(self: Toy, request: Any) -> crossdock.Raw:
    return _raw(self, request, headers=dict(request.headers))


def _with_io(self: Toy, request: Any) -> crossdock.Raw:
    url = self.config.url
    with socket.create_connection((url.host, url.port)) as line:
        line.sendall(b"GET /me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(0.05)
    asyncio.get_running_loop().call_soon(lambda: None)
    return Toy.receive(self, request)


# translation


def _body(raw: Any) -> Any:
    return toy.BODY.read(raw)


def _event(raw: Any, **changes: Any) -> Any:
    (event,) = toy.translate(raw)
    return replace(event, **changes)


def _other_entity(**changes: Any) -> Any:
    def translate(raw: Any) -> Any:
        (event,) = toy.translate(raw)
        yield replace(event, data=event.data.model_copy(update=changes))

    return translate


def _wrap(make: Callable[[Any], Any]) -> Any:
    """A translation that is the toy's but for `make`, which may raise."""

    def translate(raw: Any) -> Any:
        made = make(raw)
        yield from toy.translate(raw) if made is None else made

    return translate


def _fragile(read: Callable[[Any], Any]) -> Subject:
    """A translation that looks at the body before it is checked."""

    def translate(raw: Any) -> Any:
        if raw.topic == "order":
            read(raw.body)
        yield from toy.translate(raw)

    return says(translate)


def _opens_a_file(raw: Any) -> None:
    Path(__file__).read_bytes()


def _changes_body(raw: Any) -> None:
    if raw.topic == "order":
        raw.body["seen"] = True


_shared: dict[str, Any] = {}


def _remembers(raw: Any) -> None:
    _shared["raw"] = raw.data
    time.sleep(0.0005)
    if _shared["raw"] != raw.data:
        raise crossdock.Ignore("somebody else was here")


def _with_float(raw: Any) -> Any:
    body = dict(_body(raw))
    total = Money(amount=format(float(body["total"]) * 1.1 / 1.1, ".6f"), currency="EUR")
    (event,) = toy.translate(raw)
    totals = event.data.totals.model_copy(update={"total": total})
    return [replace(event, data=event.data.model_copy(update={"totals": totals}))]


def _float_number(raw: Any) -> Any:
    body = dict(_body(raw))
    return [_event(raw, data=toy.entity({**body, "number": str(int(float(body["number"])))}))]


def _naive(raw: Any) -> Any:
    body = dict(_body(raw))
    return [_event(raw, data=toy.entity({**body, "placed_at": body["placed_at"][:19] + "Z"}))]


def minor(
    exponent: int, zone_s: int = 0, means: tuple[str, ...] = ("31.90 EUR",), by_float: bool = False
) -> Subject:
    """A toy whose vendor counts cents and seconds since 1970; -2 and 0 are right."""

    def translate(raw: Any) -> Any:
        if raw.topic != "order":
            raise crossdock.Ignore("topic is not order")
        body = SECONDS.read(raw)
        total = f"{Decimal(body['total']).scaleb(exponent):f}"
        if by_float:
            total = f"{float(body['total']) / 100:.2f}"
        at = since_1970(body["placed_at"] + zone_s)
        data = toy.entity({**body, "total": total, "placed_at": at, "updated_at": at})
        yield crossdock.Event(
            type="order.updated", data=data, native_id=body["id"], revision=body["version"]
        )

    one = toybox.sample(total=3190, placed_at=1_795_183_402, updated_at=1_795_183_402)
    return says(translate, samples=[replace(one, means=means)])


class Seconds(toy.TypedDict):
    id: toy.Text
    version: toy.Count
    number: toy.NumericId
    status: toy.Text
    placed_at: Whole
    updated_at: Whole
    currency: toy.Text
    total: Whole


SECONDS = toy.Shape(Seconds)


def _strict_words(raw: Any) -> None:
    if _body(raw)["status"] not in {"paid", "open"}:
        raise crossdock.ContractError("/status: unknown", pointer="/status")


def _unpublished(raw: Any) -> Any:
    (event,) = toy.translate(raw)
    line = event.data.lines[0].model_copy(update={"sku": "x" * 100_000})
    data = event.data.model_copy(update={"lines": (line,), "number": ""})
    return [replace(event, data=data)]


def _unpointed(raw: Any) -> None:
    try:
        _body(raw)
    except crossdock.ContractError:
        raise crossdock.ContractError("something is wrong with it") from None


# polls


def _polling(change: Callable[[crossdock.Raw], Any]) -> Subject:
    """A poll whose records are changed, or left out where None is returned."""

    async def poll(self: Toy, cursor: Any) -> Any:
        async for raw in Toy.poll(self, cursor):
            made = change(raw)
            if made is not None:
                yield made

    return port(poll=poll)


def _set(**values: Any) -> Callable[[crossdock.Raw], crossdock.Raw]:
    def change(raw: crossdock.Raw) -> crossdock.Raw:
        for name, value in values.items():
            setattr(raw, name, value(raw) if callable(value) else value)
        return raw

    return change


def coarse(played: bool = True, behind: str = "") -> Subject:
    """The only version is a second. `behind`: by whose clock nothing of the present is told."""

    async def poll(self: Toy, cursor: Any) -> Any:
        params = {"limit": "100"} | ({"since": cursor} if cursor else {})
        page = await self.http.get("orders", params=params)
        now = {"": None, "vendor's": page.date, "our own": datetime.now(UTC)}[behind]
        for one in page.json()["items"]:
            if now and moment_of(one["updated_at"]) > now - timedelta(seconds=1):
                return
            raw = self.record(one, one)
            raw.delivery_id = f"{raw.key}:{one['updated_at'][:19]}"
            yield raw

    def change_at(box: toybox.ToyBox, number: int, moment: datetime) -> str:
        key = toybox.change(box, number)
        stamp = moment.isoformat().replace("+00:00", ".000000Z")
        box.orders[f"o-{number}"]["updated_at"] = stamp
        return key

    return replace(port(poll=poll), change_at=change_at if played else None)


async def _strictly_after(self: Toy, cursor: Any) -> Any:
    """Leaves out the others of the cursor's own moment."""
    async for raw in Toy.poll(self, cursor):
        if cursor is None or raw.cursor > cursor:
            yield raw


async def _first_page(self: Toy, cursor: Any) -> Any:
    number = 0
    async for raw in Toy.poll(self, cursor):
        number += 1
        if number <= 3:
            yield raw


async def _whole_window_first(self: Toy, cursor: Any) -> Any:
    """The first record's cursor claims what was not yielded yet."""
    raws = [raw async for raw in Toy.poll(self, cursor)]
    for raw in raws:
        raw.cursor = raws[-1].cursor
        yield raw


async def _by_memory(self: Toy, cursor: Any) -> Any:
    """Goes on where this process was, whatever it is asked."""
    seen = _memory.setdefault(id(self.http), set())
    async for raw in Toy.poll(self, None):
        if raw.delivery_id not in seen:
            seen.add(raw.delivery_id)
            yield raw


_memory: dict[int, set[str]] = {}


async def _quietly(self: Toy, cursor: Any) -> Any:
    try:
        async for raw in Toy.poll(self, cursor):
            yield raw
    except crossdock.CrossdockError:
        return


async def _quietly_and_on(self: Toy, cursor: Any) -> Any:
    """Swallows a failure and claims to be further than it was."""
    last = None
    try:
        async for raw in Toy.poll(self, cursor):
            last = raw
            yield raw
    except crossdock.CrossdockError:
        if last is not None:
            last.cursor = "2099-01-01T00:00:00Z"
            yield last


async def _by_offset(self: Toy, cursor: Any) -> Any:
    """Pages by number over an order that moves."""
    for page in range(100):
        answer = await self.http.get("orders", params={"limit": "500"})
        items = answer.json()["items"]
        part = items[page * 3 : page * 3 + 3]
        for one in part:
            if cursor is None or one["updated_at"] > cursor:
                yield self.record(one, one)
        if not part:
            return


async def _parses_cursor(self: Toy, cursor: Any) -> Any:
    if (cursor is not None and cursor[:4] != "2026") or (cursor or "").startswith("2026-99"):
        raise KeyError(cursor)
    async for raw in Toy.poll(self, cursor):
        yield raw


async def _writing_poll(self: Toy, cursor: Any) -> Any:
    await self.http.post("refunds", json={"reference": "poll", "amount": "1"})
    async for raw in Toy.poll(self, cursor):
        yield raw


# commands


async def _no_key(self: Toy, command: Any) -> Any:
    answer = await self.http.post("refunds", json=self.body(command))
    return crossdock.Receipt(native_id=answer.json()["id"])


def refusing() -> Subject:
    """A vendor that refuses what it has, and a connector that looks by itself nowhere."""

    async def make(self: toybox.ToyBox, request: Any) -> Any:
        body = json.loads(await request.body())
        if any(one["reference"] == body["reference"] for one in self.refunds):
            return toybox.JSONResponse({"error": "refunded already"}, 422)
        self.refunds.append(body)
        return toybox.JSONResponse({"id": f"re_{len(self.refunds)}"}, 201)

    return replace(port(make=_no_key), sandbox=type("Refusing", (toybox.ToyBox,), {"make": make}))


def endless() -> Subject:
    """Asks for the first page for ever, and finds nothing on it that is new."""

    async def poll(self: Toy, cursor: Any) -> Any:
        while True:
            await self.http.get("orders", params={"limit": "2"})
            if cursor == "never":
                yield None

    return port(poll=poll)


async def _nothing(self: Toy, command: Any) -> None:
    return None


async def _key_by_attempt(self: Toy, command: Any) -> Any:
    key = f"{command.id}-{command.attempt if command.attempt > 2 else 1}"
    answer = await self.http.post("refunds", json=self.body(command), idempotency_key=key)
    return crossdock.Receipt(native_id=answer.json()["id"])


async def _claims_first(self: Toy, command: Any) -> Any:
    """Marks it as done before it is."""
    if command.id in _claimed:
        return crossdock.Receipt(native_id="re_1")
    _claimed.add(command.id)
    try:
        return await Toy.make(self, command)
    except crossdock.CrossdockError as error:
        if isinstance(error, crossdock.TransientError):
            raise
        _claimed.discard(command.id)
        raise


_claimed: set[str] = set()


def _claiming() -> Subject:
    def made(_: Any, number: int) -> Any:
        wish = toybox.refund(_, number)
        return replace(wish, id=f"{wish.id}_{next(_counter)}")

    return replace(port(make=_claims_first, find=_nothing), commands={"refund.create": made})


_current: dict[str, Any] = {}


async def _shared_state(self: Toy, command: Any) -> Any:
    _current["command"] = command
    await asyncio.sleep(0.005)
    wish = _current["command"]
    key = f"{command.id}"
    answer = await self.http.post("refunds", json=self.body(wish), idempotency_key=key)
    return crossdock.Receipt(native_id=answer.json()["id"])


async def _anything(self: Toy, command: Any) -> Any:
    return await self.make(command)


async def _ascii_only(self: Toy, command: Any) -> Any:
    (command.data.reason or "").encode("ascii")
    text = json.dumps(json.loads(command.data.dump()))
    if "\\u" in text or "<" in text:
        raise UnicodeEncodeError("ascii", text, 0, 1, "no")
    return await Toy.make(self, command)


async def _writes_then_refuses(self: Toy, command: Any) -> Any:
    try:
        return await Toy.make(self, command)
    except crossdock.RejectedError:
        return crossdock.Receipt(native_id="re_0")


async def _raises(self: Toy, *_: Any) -> Any:
    raise KeyError("oops")


def catching(make: Callable[[Exception], Any], *names: str) -> Subject:
    """All calls, their errors changed."""

    def wrapped(name: str) -> Any:
        async def call(self: Toy, *arguments: Any) -> Any:
            try:
                return await getattr(Toy, name)(self, *arguments)
            except crossdock.CrossdockError as error:
                made = make(error)
                if made is None:
                    return crossdock.Health() if name == "probe" else crossdock.Receipt()
                raise made from None

        return call

    return port(**{name: wrapped(name) for name in names or ("probe", "make")})


def _as(kind: Any, **parts: Any) -> Callable[[Exception], Any]:
    return lambda error: kind(str(error), **parts)


async def _hammering(self: Toy) -> Any:
    for _ in range(10):
        try:  # a new client each time, so that none remembers what it was told
            async with crossdock.Http(name="toy", base_url=str(self.config.url)) as http:
                await http.get("me")
        except (crossdock.RateLimitedError, crossdock.AuthError):
            continue
    raise crossdock.RateLimitedError("slow down", retry_after_s=30)


async def _trusting_probe(self: Toy) -> Any:
    answer = await self.http.get("me")
    try:
        return crossdock.Health(version=str(answer.json()["id"]))
    except crossdock.ContractError:
        return crossdock.Health()


async def _loose_shape(self: Toy) -> Any:
    return crossdock.Health(version=(await self.http.get("me")).json()["id"])


async def _following(self: Toy) -> Any:
    try:
        return await Toy.probe(self)
    except crossdock.RejectedError as error:
        if "302" in str(error):
            return crossdock.Health()
        raise


async def _echoing(self: Toy) -> Any:
    try:
        return await Toy.probe(self)
    except crossdock.CrossdockError as error:
        token = self.config.token.get_secret_value()
        raise (
            type(error)(f"{error} (sent {token})")
            if not isinstance(error, crossdock.RateLimitedError)
            else error
        ) from None


async def _verbose(self: Toy) -> Any:
    try:
        return await Toy.probe(self)
    except crossdock.RejectedError as error:
        raise crossdock.RejectedError(str(error) * 50) from None


# batches, snapshots, probes, secrets


async def _many_backwards(self: Toy, commands: Any) -> Any:
    return list(reversed(await Toy.apply_many(self, commands)))


async def _many_but_one(self: Toy, commands: Any) -> Any:
    done = await Toy.apply_many(self, commands[:-1])
    return [*done, crossdock.Receipt(native_id="re_9")] if commands else []


async def _all_or_nothing(self: Toy, commands: Any) -> Any:
    if any(command.type != "refund.create" for command in commands):
        return [crossdock.RejectedError("the batch is bad")] * len(commands)
    return await Toy.apply_many(self, commands)


async def _many_no_key(self: Toy, commands: Any) -> Any:
    return [await _no_key(self, command) for command in commands]


async def _many_blind(self: Toy, commands: Any) -> Any:
    answers = []
    for command in commands:
        try:
            answers.append(await self.apply(command))
        except crossdock.TransientError:
            answers.append(crossdock.RejectedError("did not work"))
    return answers


async def _never_empty(self: Toy, commands: Any) -> Any:
    return await Toy.apply_many(self, commands) or [crossdock.Receipt()]


def _snapping(change: Callable[[int, crossdock.Raw], Any]) -> Subject:
    async def snapshot(self: Toy, window: Any) -> Any:
        number = 0
        async for raw in Toy.snapshot(self, window):
            number += 1
            made = change(number, raw)
            if made is not None:
                yield made

    return port(snapshot=snapshot)


async def _quiet_snapshot(self: Toy, window: Any) -> Any:
    try:
        async for raw in Toy.snapshot(self, window):
            yield raw
    except crossdock.UnavailableError:
        return


async def _timeless(self: Toy, window: Any) -> Any:
    async for raw in Toy.snapshot(self, crossdock.Window(kind=window.kind)):
        yield raw


async def _any_kind(self: Toy, window: Any) -> Any:
    if window.kind == "order":
        async for raw in Toy.snapshot(self, window):
            yield raw


async def _writing_snapshot(self: Toy, window: Any) -> Any:
    await self.http.post("refunds", json={"reference": "snap", "amount": "1"})
    async for raw in Toy.snapshot(self, window):
        yield raw


def _dearer(number: int, raw: crossdock.Raw) -> crossdock.Raw:
    return crossdock.Raw("order", {**raw.body, "total": "99.99"}, key=raw.key)


async def _well(self: Toy) -> Any:
    return crossdock.Health()


async def _anonymous(self: Toy) -> Any:
    with suppress(crossdock.AuthError):
        await self.http.get("me", authenticated=False)
    return crossdock.Health()


async def _always_well(self: Toy) -> Any:
    try:
        return await Toy.probe(self)
    except crossdock.UnavailableError:
        return crossdock.Health()


async def _writing_probe(self: Toy) -> Any:
    await self.http.post("refunds", json={"reference": "probe", "amount": "1"})
    return await Toy.probe(self)


@asynccontextmanager
async def _eager(config: Any, context: Any) -> Any:
    async with toy.open_toy(config, context) as good:
        await good.probe()
        yield good


@asynccontextmanager
async def _one_for_all(config: Any, context: Any) -> Any:
    async with toy.open_toy(config, context) as good:
        yield _memory_port.setdefault("port", good)


_memory_port: dict[str, Any] = {}


def _one_port() -> Subject:
    _memory_port.clear()
    return opening(_one_for_all)


async def _logging_probe(self: Toy) -> Any:
    logging.getLogger("toy").debug("token %s", self.config.token.get_secret_value())
    return await Toy.probe(self)


async def _in_url(self: Toy) -> Any:
    await self.http.get("me", params={"token": self.config.token.get_secret_value()})
    return crossdock.Health()


def _in_records(raw: crossdock.Raw) -> crossdock.Raw:
    raw.headers = {"authorization": f"Bearer {toybox.ToyBox.token}"}
    return raw


@asynccontextmanager
async def _without_token(config: Any, context: Any) -> Any:
    async with context.http(base_url=str(config.url)) as http:
        yield Toy(config, http)


class OpenConfig(BaseModel):
    """Not of crossdock.Config."""

    model_config = ConfigDict(use_attribute_docstrings=True)
    url: HttpUrl
    """x"""
    token: SecretStr
    """x"""
    webhook_secret: SecretStr
    """x"""
    page_size: int = 100
    """x"""


class Lenient(ToyConfig):
    """Everything has a default."""

    token: SecretStr = SecretStr("none")


class Missing(crossdock.Config):
    """A validator of the whole that names no field."""

    url: HttpUrl
    """x"""
    token: SecretStr = Field(min_length=1)
    """x"""
    webhook_secret: SecretStr = Field(min_length=1)
    """x"""
    page_size: int = 100
    """x"""

    from pydantic import model_validator

    @model_validator(mode="before")
    @classmethod
    def _all(cls, value: Any) -> Any:
        if "token" not in value:
            raise ValueError("something is missing")
        return value


class PlainToken(crossdock.Config):
    """A secret in the clear."""

    url: HttpUrl
    """x"""
    token: str
    """x"""
    webhook_secret: SecretStr
    """x"""
    page_size: int = 100
    """x"""


class Talkative(ToyConfig):
    """Prints its secrets."""

    def __repr__(self) -> str:
        return f"Talkative({self.token.get_secret_value()})"


class Telling(ToyConfig):
    """Its messages show what was given."""

    @field_validator("token", mode="before")
    @classmethod
    def _shown(cls, value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError(f"{value} is no token")
        return value


class EmptySecret(ToyConfig):
    """Takes an empty secret."""

    token: SecretStr = Field()
    """x"""


class Crashing(ToyConfig):
    """A validator that falls over its input."""

    @field_validator("page_size", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return int(value) if not isinstance(value, dict) else value["size"]


class Silent(ToyConfig):
    """Without words about an option."""

    extra: int = 1


class Picky(ToyConfig):
    """Refuses what its own sandbox says."""

    page_size: int = Field(default=100, ge=50)
    """x"""


WRONG: dict[str, Make] = {
    "plugin.is-found": lambda: toybox.subject(connector="no-such-connector"),
    "plugin.ports-agree": lambda: without(snapshots=()),
    "plugin.handles-what-it-applies": lambda: toybox.subject(
        connector=toybox.registered(handles=())
    ),
    "plugin.every-command-is-examined": lambda: toybox.subject(commands={}),
    "plugin.sandbox-starts": lambda: box(connection=lambda self, url: {"connector": "other"}),
    "plugin.sandboxes-are-apart": lambda: toybox.subject(sandbox=cache(toybox.ToyBox)),
    "plugin.imports-lightly": lambda: says(_heavy()),
    "config.accepts-the-sandbox": lambda: config(Picky),
    "config.refuses-unknown-keys": lambda: config(OpenConfig),
    "config.names-what-is-missing": lambda: config(Missing),
    "config.is-frozen": lambda: config(OpenConfig),
    "config.secrets-are-secret": lambda: config(PlainToken),
    "config.repr-hides-secrets": lambda: config(Talkative),
    "config.errors-hide-secrets": lambda: config(Telling),
    "config.refuses-empty-secrets": lambda: config(EmptySecret),
    "config.wrong-types-are-named": lambda: config(Crashing),
    "config.every-field-is-explained": lambda: config(Silent),
    "webhook.genuine-is-accepted": lambda: port(receive=lambda s, r: _raw(s, r, topic="Order")),
    "webhook.record-is-addressed": lambda: port(receive=lambda s, r: _raw(s, r, key="")),
    "webhook.altered-body-is-refused": lambda: port(verify=_trusting),
    "webhook.unsigned-is-refused": lambda: port(verify=_unsigned_passes),
    "webhook.other-secret-is-refused": lambda: port(verify=_constant_secret),
    "webhook.signature-of-another-message-is-refused": lambda: port(verify=_trusting),
    "webhook.hostile-headers-do-no-harm": lambda: port(verify=_prefix_only),
    "webhook.hostile-bodies-do-no-harm": lambda: port(receive=_carelessly),
    "webhook.hostile-fields-do-no-harm": lambda: port(receive=_carelessly),
    "webhook.same-news-has-one-id": lambda: port(
        receive=lambda s, r: _raw(s, r, delivery_id=str(next(_counter)))
    ),
    "webhook.other-news-has-another-id": lambda: port(
        receive=lambda s, r: _raw(s, r, delivery_id="d1")
    ),
    "webhook.signature-is-not-kept": lambda: port(receive=_keeps_signature),
    "webhook.refusal-tells-no-secret": lambda: port(verify=_oracle),
    "translate.samples-say-what-they-mean": lambda: says(_wrap(lambda raw: [])),
    "translate.ignores-with-a-reason": lambda: says(
        _wrap(lambda raw: [] if raw.topic == "shop" else None)
    ),
    "translate.same-twice": lambda: says(
        _wrap(lambda raw: [_event(raw, revision=next(_counter))] if raw.topic == "order" else None)
    ),
    "translate.does-no-io": lambda: says(_wrap(_opens_a_file)),
    "translate.leaves-the-record-alone": lambda: says(_wrap(_changes_body)),
    "translate.bears-threads": lambda: says(_wrap(_remembers)),
    "translate.unknown-topics-are-ignored": lambda: says(
        lambda raw: (
            iter([_event(crossdock.Raw("order", data=raw.data))])
            if raw.topic in {"order", "shop"}
            else _raise(crossdock.ContractError("unknown topic"))
        )
    ),
    "translate.bodies-that-are-none-are-refused": lambda: _fragile(lambda body: body["id"]),
    "translate.missing-fields-do-no-harm": lambda: _fragile(lambda body: body["currency"]),
    "translate.other-shapes-do-no-harm": lambda: _fragile(lambda body: body.get("status").lower()),
    "translate.hostile-texts-do-no-harm": lambda: _fragile(
        lambda body: float(body.get("total", "1"))
    ),
    "translate.hostile-numbers-do-no-harm": lambda: _fragile(
        lambda body: float(body.get("number", 1)) if not isinstance(body, str) else 1
    ),
    "translate.hostile-times-do-no-harm": lambda: _fragile(
        lambda body: __import__("datetime").datetime.fromisoformat(body["placed_at"])
    ),
    "translate.new-fields-do-no-harm": lambda: says(
        _wrap(
            lambda raw: (
                _raise(crossdock.ContractError("new field", pointer="/x"))
                if len(raw.body) > 8
                else None
            )
        )
    ),
    "translate.errors-point-at-the-value": lambda: says(_wrap(_unpointed)),
    "translate.events-of-a-record-are-distinct": lambda: says(
        _wrap(lambda raw: [_event(raw), _event(raw)] if raw.topic == "order" else None)
    ),
    "translate.revisions-grow": lambda: says(_wrap(lambda raw: [_event(raw, revision=5)])),
    "values.money-is-exact": lambda: says(_wrap(_with_float)),
    "values.long-integers-are-exact": lambda: replace(
        says(_wrap(_float_number)), samples=[toybox.sample()]
    ),
    "values.times-keep-their-moment": lambda: says(_wrap(_naive)),
    "values.amounts-have-a-witness": lambda: minor(-3),
    "values.moments-have-a-witness": lambda: minor(-2, zone_s=19_800),
    "values.times-are-aware": lambda: says(
        _wrap(lambda raw: [_event(raw, occurred_at=__import__("datetime").datetime(2026, 1, 1))])
    ),
    "values.unknown-words-survive": lambda: says(_wrap(_strict_words)),
    "values.events-fit-the-published-schema": lambda: says(_wrap(_unpublished)),
    "values.native-ids-are-the-vendors": lambda: says(
        _wrap(lambda raw: [_event(raw, native_id="made-up")])
    ),
    "errors.nobody-listens": lambda: catching(_as(crossdock.RejectedError)),
    "errors.connection-cut": lambda: catching(_as(crossdock.RejectedError)),
    "errors.no-answer-in-time": lambda: catching(_as(crossdock.RejectedError)),
    "errors.401-is-auth": lambda: catching(_as(crossdock.RejectedError)),
    "errors.403-is-permanent": lambda: catching(_as(crossdock.UnavailableError)),
    "errors.429-waits-as-told": lambda: catching(_as(crossdock.RateLimitedError, retry_after_s=1)),
    "errors.429-with-a-date": lambda: catching(_as(crossdock.RateLimitedError, retry_after_s=1)),
    "errors.429-is-not-hammered": lambda: port(probe=_hammering),
    "errors.500-is-transient": lambda: catching(_as(crossdock.RejectedError)),
    "errors.400-is-permanent": lambda: catching(_as(crossdock.UnavailableError)),
    "errors.409-is-looked-at-again": lambda: catching(_as(crossdock.ContractError)),
    "errors.vendor-words-are-kept": lambda: catching(
        lambda error: crossdock.RejectedError("it did not work")
    ),
    "errors.request-id-is-kept": lambda: catching(
        lambda error: crossdock.RejectedError("it did not work")
    ),
    "errors.not-json-is-ours": lambda: port(probe=_trusting_probe),
    "errors.other-shapes-are-ours": lambda: port(probe=_loose_shape),
    "errors.redirects-are-not-followed": lambda: port(probe=_following),
    "errors.show-no-secret": lambda: port(probe=_echoing),
    "errors.messages-are-short": lambda: port(probe=_verbose),
    "errors.vendor-dialect": lambda: toybox.subject(
        refusals=[
            Refusal(
                name="an error with 200",
                answer=Answer(body={"id": "x", "items": [], "error": "no"}),
                means=crossdock.RejectedError,
            )
        ]
    ),
    "poll.tells-every-change": lambda: port(poll=_first_page),
    "poll.records-are-complete": lambda: _polling(_set(delivery_id="")),
    "poll.records-can-be-translated": lambda: _polling(_set(topic="orders")),
    "poll.says-the-same-again": lambda: _polling(_set(delivery_id=lambda _: str(next(_counter)))),
    "poll.same-news-has-the-same-bytes": lambda: _polling(
        _set(data=lambda raw: raw.data[:-1] + f',"at":{next(_counter)}}}'.encode())
    ),
    "poll.is-quiet-when-nothing-changed": lambda: _polling(
        _set(delivery_id=lambda _: str(random.random()))
    ),
    "poll.resumes-from-every-cursor": lambda: port(poll=_strictly_after),
    "poll.tells-a-later-change": lambda: _polling(_set(delivery_id=lambda raw: raw.key)),
    "poll.tells-both-changes-of-one-second": coarse,
    "poll.newer-news-has-a-larger-revision": lambda: says(
        _wrap(lambda raw: [_event(raw, revision=10**9 - _body(raw)["version"])])
    ),
    "poll.misses-nothing-while-it-reads": lambda: port(poll=_by_offset),
    "poll.interrupted-anywhere-loses-nothing": lambda: port(poll=_quietly_and_on),
    "poll.failure-is-not-the-end": lambda: _no_retries(_quietly),
    "poll.damaged-cursor-is-ours": lambda: port(poll=_parses_cursor),
    "poll.can-be-left-early": lambda: port(poll=_whole_window_first),
    "poll.writes-nothing": lambda: port(poll=_writing_poll),
    "poll.reads-pages": lambda: toybox.subject(config={}),
    "apply.changes-the-vendor": lambda: port(make=_pretends),
    "apply.gives-a-receipt": lambda: port(make=_no_receipt),
    "apply.twice-changes-once": lambda: port(make=_no_key),
    "apply.thrice-changes-once": lambda: port(make=_key_by_attempt),
    "apply.find-sees-nothing-before": lambda: port(find=_pretends),
    "apply.find-agrees-with-the-receipt": lambda: port(find=_after_the_fact),
    "apply.lost-answer-changes-once": lambda: port(make=_no_key, find=_nothing),
    "apply.interrupted-changes-once": _claiming,
    "apply.500-after-the-effect-changes-once": lambda: port(make=_no_key, find=_nothing),
    "apply.bad-gateway-changes-once": lambda: port(make=_no_key, find=_nothing),
    "apply.refused-once-goes-on": _claiming,
    "apply.cancelled-changes-once": _claiming,
    "apply.different-entities-go-together": lambda: port(make=_shared_state),
    "apply.unknown-commands-are-refused": lambda: port(apply=_anything),
    "apply.hostile-texts-do-no-harm": lambda: replace(
        port(make=_ascii_only), commands={"refund.create": _talking_refund}
    ),
    "apply.refusal-changes-nothing": lambda: port(make=_writes_then_refuses),
    "batch.declared-is-there": lambda: without(batches=False),
    "batch.is-as-one-by-one": lambda: port(apply_many=_many_but_one),
    "batch.answers-in-order": lambda: port(apply_many=_many_backwards),
    "batch.one-bad-harms-no-other": lambda: port(apply_many=_all_or_nothing),
    "batch.twice-changes-once": lambda: port(apply_many=_many_no_key),
    "batch.lost-answer-changes-once": lambda: port(apply_many=_many_blind, make=_no_key),
    "batch.may-be-empty-or-single": lambda: port(apply_many=_never_empty),
    "snapshot.is-complete": lambda: _snapping(lambda n, raw: None if n == 2 else raw),
    "snapshot.can-be-translated": lambda: _snapping(lambda n, raw: _set(topic="o")(raw)),
    "snapshot.changes-nothing": lambda: port(snapshot=_writing_snapshot),
    "snapshot.failure-is-not-the-end": lambda: _no_retries(None, snapshot=_quiet_snapshot),
    "snapshot.keeps-to-its-window": lambda: port(snapshot=_timeless),
    "snapshot.unknown-kinds-are-refused": lambda: port(snapshot=_any_kind),
    "snapshot.says-the-same-as-news": lambda: _snapping(_dearer),
    "probe.says-it-is-well": lambda: port(probe=_nothing),
    "probe.asks-the-vendor": lambda: port(probe=_well),
    "probe.notices-a-wrong-credential": lambda: port(probe=_anonymous),
    "probe.notices-that-nobody-is-there": lambda: port(probe=_always_well),
    "probe.writes-nothing": lambda: port(probe=_writing_probe),
    "open.speaks-to-nobody": lambda: opening(_eager),
    "open.twice-side-by-side": _one_port,
    "secrets.are-not-logged": lambda: port(probe=_logging_probe),
    "secrets.are-not-in-urls": lambda: port(probe=_in_url),
    "secrets.are-not-in-repr": lambda: port(
        __repr__=lambda self: f"Toy({self.config.token.get_secret_value()})"
    ),
    "secrets.are-not-in-records": lambda: _polling(_in_records),
    "secrets.are-sent-to-the-vendor": lambda: opening(_without_token),
    "weather.calm": lambda: port(poll=_first_page),
    "weather.transient": lambda: port(make=_no_key, find=_nothing),
    "weather.permanent": lambda: port(make=_writes_then_refuses),
    "weather.mixed": lambda: port(poll=_quietly_and_on),
    "docs.readme-shows-a-connection": lambda: readme("connector: toy"),
    "docs.every-option-is-told": lambda: readme("page_size"),
    "docs.every-command-is-told": lambda: readme("refund.create"),
    "docs.every-event-is-told": lambda: readme("order.updated"),
    "docs.limits-are-told": lambda: readme("cannot"),
    "docs.nothing-is-left-to-fill-in": lambda: readme("It cannot", "FILL IN. It cannot"),
    "docs.samples-have-an-origin": lambda: home(lambda f: (f / "ORIGIN.md").unlink()),
    "docs.changes-are-told": lambda: home(lambda f: (f / "CHANGELOG.md").unlink()),
    "docs.package-is-described": lambda: home(
        lambda f: (f / "pyproject.toml").write_text('[project]\nname = "x"\n')
    ),
    "mapping.every-field-is-explained": lambda: toybox.subject(
        coverage=[
            Coverage(name="order", samples=[toybox.sample(gift=True)], translate=toy.translate)
        ]
    ),
    "mapping.every-event-has-a-sample": lambda: readme("`shop` is"),
    "platinum.news-comes-by-two-roads": lambda: without(polls=False),
    "platinum.can-be-reconciled": lambda: without(snapshots=()),
    "platinum.is-probed": lambda: without(probes=False),
    "platinum.webhooks-are-signed": lambda: without(signed=False),
}
"""What is not sabotaged: webhook.receives-without-io, for `receive` runs in the sandbox's own loop
and would wait for itself."""


async def _pretends(self: Toy, command: Any) -> Any:
    return crossdock.Receipt(native_id="re_1")


async def _no_receipt(self: Toy, command: Any) -> Any:
    await Toy.make(self, command)


async def _after_the_fact(self: Toy, command: Any) -> Any:
    found = await Toy.find(self, command)
    return crossdock.Receipt(native_id="other") if found else None


def _talking_refund(box_: Any, number: int) -> Any:
    wish = toybox.refund(box_, number)
    extra = wish.data.model_copy(update={"extensions": {"com.toy.title": {"title": "words"}}})
    return replace(wish, data=extra)


def _raise(error: Exception) -> Any:
    raise error


def _heavy() -> Any:
    import heavytoy

    return heavytoy.translate


def _no_retries(poll: Any, **more: Any) -> Subject:
    """With a client that does not repeat, so that one failure is seen."""
    from crossdock.http import ONCE

    members = {**({"poll": poll} if poll else {}), **more}
    wrong = type("Wrong", (Toy,), members)

    @asynccontextmanager
    async def opened(config: Any, context: Any) -> Any:
        headers = {"Authorization": f"Bearer {config.token.get_secret_value()}"}
        async with context.http(base_url=str(config.url), headers=headers, retry=ONCE) as http:
            yield wrong(config, http)

    return opening(opened)
