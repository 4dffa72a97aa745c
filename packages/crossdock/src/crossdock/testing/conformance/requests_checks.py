"""Webhooks: only genuine requests are let in, and each is told apart from the others."""

from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from crossdock.connector import Request
from crossdock.errors import AuthError, ContractError
from crossdock.events import Raw
from crossdock.testing.conformance import hostile
from crossdock.testing.conformance.bench import Bench, Case
from crossdock.testing.conformance.kit import Failed, NotForThis, check
from crossdock.testing.conformance.subject import Features, Sample

_SIGN = "compare the signature over request.body with hmac.compare_digest before parsing anything"


_WRONG: tuple[Any, ...] = (None, [], {}, "", "x" * 5_000, -1, 10**400, 1.5)


def _hooks(features: Features) -> bool:
    return features.webhooks


def _signed(features: Features) -> bool:
    return features.webhooks and features.signed


def _requests(case: Case, bench: Bench) -> list[tuple[Sample, Request]]:
    sign = case.need("sign", "webhooks")
    signed = [(sample, sign(bench.box, sample)) for sample in case.subject.samples]
    found = [(sample, request) for sample, request in signed if request is not None]
    if not found:
        raise Failed("there is no sample to send", "give Subject(samples=…)")
    return found


def _answer(port: Any, request: Request, what: str) -> Raw | AuthError | ContractError:
    """What `receive` says; anything but a record and its two errors is a finding."""
    try:
        raw: Raw = port.receive(request)
    except (AuthError, ContractError) as error:
        return error
    except Exception as error:
        raise Failed(
            f"{what}: receive raises {type(error).__name__}: {error}",
            "raise AuthError for what is not genuine, ContractError for what is no message",
        ) from error
    return raw


def _refused(port: Any, request: Request, what: str) -> AuthError:
    answer = _answer(port, request, what)
    if not isinstance(answer, AuthError):
        told = "a ContractError" if isinstance(answer, ContractError) else "accepted"
        raise Failed(f"{what}: {told}, must be an AuthError", _SIGN)
    return answer


@check("webhook.genuine-is-accepted", "bronze", wants=_hooks)
async def genuine(case: Case) -> None:
    """Every sample, sent as the vendor sends it, lands whole."""
    async with case.bench() as bench:
        for sample, request in _requests(case, bench):
            raw = _answer(bench.port, request, str(sample))
            if not isinstance(raw, Raw):
                raise Failed(f"{sample}: {raw}", "accept what the vendor really sends")
            if raw.data != request.body:
                raise Failed(
                    f"{sample}: the record's data differs from the request's body",
                    "hand on request.body byte for byte: Raw(topic, data=request.body)",
                )
            if raw.topic != sample.topic:
                raise Failed(
                    f"{sample}: topic is {raw.topic!r}, must be {sample.topic!r}",
                    "take the topic from where the vendor says it",
                )


@check("webhook.record-is-addressed", "bronze", wants=_hooks)
async def addressed(case: Case) -> None:
    """Without key and delivery id there is no sequence and no sieve for duplicates."""
    async with case.bench() as bench:
        for sample, request in _requests(case, bench):
            raw = _answer(bench.port, request, str(sample))
            if isinstance(raw, Raw) and not (raw.key and raw.delivery_id):
                raise Failed(
                    f"{sample}: key {raw.key!r}, delivery id {raw.delivery_id!r}",
                    "set key to the entity, delivery_id to the vendor's id of the news",
                )


@check("webhook.altered-body-is-refused", "bronze", wants=_signed)
async def altered(case: Case) -> None:
    """Whoever changes one byte on the way must not get in."""
    async with case.bench() as bench:
        for sample, request in _requests(case, bench):
            for place in sorted({0, len(request.body) // 2, len(request.body) - 1}):
                body = bytearray(request.body)
                body[place] ^= 1
                _refused(
                    bench.port,
                    replace(request, body=bytes(body)),
                    f"{sample} with byte {place} changed",
                )
            longer = replace(request, body=request.body + b" ")
            _refused(bench.port, longer, f"{sample} with a blank at its end")


@check("webhook.unsigned-is-refused", "bronze", wants=_signed)
async def unsigned(case: Case) -> None:
    """A request without any signature is a stranger's."""
    async with case.bench() as bench:
        for sample, request in _requests(case, bench):
            bare = replace(request, headers={}, query={}, url=request.url.partition("?")[0])
            _refused(bench.port, bare, f"{sample} without headers and query")


@check("webhook.other-secret-is-refused", "bronze", wants=_signed)
async def other_secret(case: Case) -> None:
    """A signature made with somebody else's secret is no signature."""
    async with case.bench() as bench:
        requests = _requests(case, bench)
        changed = {
            name: SecretStr(value[:-1] + ("A" if value[-1:] != "A" else "B"))
            for name, value in case.secrets(bench.config).items()
            if value
        }
        if not changed:
            raise Failed("the config has no secret", "keep the webhook secret as a SecretStr")
        other = bench.config.model_copy(update=changed)
        async with case.open(other) as port:
            for sample, request in requests:
                _refused(port, request, f"{sample} signed with another secret")


@check("webhook.signature-of-another-message-is-refused", "bronze", wants=_signed)
async def swapped(case: Case) -> None:
    """A good signature of one message does not open the door for another."""
    async with case.bench() as bench:
        requests = _requests(case, bench)
        others = [(s, r) for s, r in requests if r.body != requests[0][1].body]
        if not others:
            raise NotForThis("there is one sample only")
        for sample, request in others:
            mixed = replace(requests[0][1], body=request.body)
            _refused(bench.port, mixed, f"{sample} with the signature of {requests[0][0]}")


@check("webhook.hostile-headers-do-no-harm", "bronze", wants=_hooks)
async def headers(case: Case) -> None:
    """Headers are a stranger's text until the signature is checked, and some of them after it."""
    wrong = ("", "\xff\xfe", "=" * 200, "a" * 8_000, "sha256=", "t=,v1=", "\u202e", "0", "9" * 400)
    async with case.bench() as bench:
        sample, request = _requests(case, bench)[0]
        for name in request.headers:
            for value in wrong:
                given = replace(request, headers={**request.headers, name: value})
                _answer(bench.port, given, f"{sample} with {name}: {value!r:.40}")
            less = {key: value for key, value in request.headers.items() if key != name}
            _answer(bench.port, replace(request, headers=less), f"{sample} without {name}")


@check("webhook.hostile-bodies-do-no-harm", "bronze", wants=_hooks)
async def bodies(case: Case) -> None:
    """A genuine sender may still send nonsense: a dead letter, not a crash."""
    sign = case.need("sign", "webhooks")
    async with case.bench() as bench:
        for sample in {one.topic: one for one in case.subject.samples}.values():
            for body in hostile.BODIES:
                try:
                    request = sign(bench.box, replace(sample, data=body))
                except Exception:  # noqa: BLE001, S112 - the author's helper may read the body
                    continue
                if request is not None:
                    _answer(bench.port, request, f"{sample} with the body {body[:30]!r}")


@check("webhook.hostile-fields-do-no-harm", "silver", wants=_hooks)
async def fields(case: Case) -> None:
    """The key is read from the body, so every place of the body may be of the wrong kind."""
    sign = case.need("sign", "webhooks")
    async with case.bench() as bench:
        for sample in {one.topic: one for one in case.subject.samples}.values():
            body = sample.raw().body
            places = [path for path in hostile.paths(body) if len(path) <= 2]
            for path in hostile.thinned(places, 40):
                for wrong in _WRONG:
                    try:
                        data = hostile.encoded(hostile.replaced(body, path, wrong))
                        request = sign(bench.box, replace(sample, data=data))
                    except Exception:  # noqa: BLE001, S112 - the author's helper may read the body
                        continue
                    if request is not None:
                        _answer(bench.port, request, f"{sample} with {path} = {wrong!r:.20}")


@check("webhook.same-news-has-one-id", "bronze", wants=_hooks)
async def same_news(case: Case) -> None:
    """Vendors deliver twice; equal delivery ids are how the second is recognised."""
    async with case.bench() as bench:
        for sample, request in _requests(case, bench):
            first = _answer(bench.port, request, str(sample))
            async with bench.reopened() as port:
                second = _answer(port, request, str(sample))
            if isinstance(first, Raw) and isinstance(second, Raw):
                one, two = (first.delivery_id, first.key), (second.delivery_id, second.key)
                if one != two:
                    raise Failed(
                        f"{sample} sent twice has {one}, then {two}",
                        "derive both from the request alone: no clock, no counter, no chance",
                    )


@check("webhook.other-news-has-another-id", "bronze", wants=_hooks)
async def other_news(case: Case) -> None:
    """Two news under one delivery id: the second would be thrown away as a duplicate."""
    async with case.bench() as bench:
        ids: dict[str, tuple[Sample, bytes]] = {}
        for sample, request in _requests(case, bench):
            raw = _answer(bench.port, request, str(sample))
            if not isinstance(raw, Raw):
                continue
            before = ids.setdefault(raw.delivery_id, (sample, request.body))
            if before[1] != request.body:
                raise Failed(
                    f"{sample} and {before[0]} both have the delivery id {raw.delivery_id!r}",
                    "put topic and the vendor's event id (or a fingerprint of the body) into it",
                )


@check("webhook.signature-is-not-kept", "silver", wants=_signed)
async def not_kept(case: Case) -> None:
    """What is kept beside the body is shown to operators; a signature is of no use there."""
    async with case.bench() as bench:
        for sample, request in _requests(case, bench):
            raw = _answer(bench.port, request, str(sample))
            for name, value in request.headers.items():
                worse = {**request.headers, name: "x" + value}
                tampered = _answer(bench.port, replace(request, headers=worse), str(sample))
                kept = isinstance(raw, Raw) and value in raw.headers.values()
                if isinstance(tampered, AuthError) and kept and len(value) >= 20:
                    raise Failed(
                        f"{sample}: the record keeps the header {name}, which is the signature",
                        "keep only the headers that translate needs",
                    )


@check("webhook.receives-without-io", "silver", wants=_hooks)
async def no_io(case: Case) -> None:
    """`receive` runs before anything is stored; a call to the vendor there costs the 2xx."""
    async with case.bench() as bench:
        for _, request in _requests(case, bench):
            _answer(bench.port, request, "a request")
        if bench.wire.seen:
            raise Failed(
                f"receive called the vendor: {bench.wire.seen[0].path}",
                "ask the vendor in poll or apply, never in receive",
            )


@check("webhook.refusal-tells-no-secret", "bronze", wants=_signed)
async def refusal_tells_nothing(case: Case) -> None:
    """A refusal that shows the expected signature is an oracle for forgers."""
    async with case.bench() as bench:
        secrets = case.secrets(bench.config)
        for sample, request in _requests(case, bench):
            forged = replace(request, body=request.body + b" ")
            good = request.headers.values()
            error = _answer(bench.port, forged, str(sample))
            told = f"{error} {getattr(error, 'parts', '')}"
            for name, value in secrets.items():
                if value in told:
                    raise Failed(f"the refusal shows {name}", "say what is wrong, not the values")
            real = case.need("sign", "webhooks")(
                bench.box, replace(sample, data=forged.body)
            ).headers.values()
            shown = [one for one in real if one not in good and len(one) > 15 and one in told]
            if shown:
                raise Failed(
                    "the refusal shows the signature that would have been right",
                    "say that the signature does not fit, not which one would",
                )
