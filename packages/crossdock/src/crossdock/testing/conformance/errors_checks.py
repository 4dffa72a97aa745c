"""Does every failure of the other side become the error that says what to do next?

Each check puts one failure between every port and the vendor. What the runner does then follows
from the class alone (docs/reference/errors.md).
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from crossdock.errors import (
    AuthError,
    ContractError,
    CrossdockError,
    PermanentError,
    RateLimitedError,
    TransientError,
    UnavailableError,
)
from crossdock.testing.conformance.bench import NO_ANSWER_S, Bench, Case, caught
from crossdock.testing.conformance.kit import Failed, NotForThis, check
from crossdock.testing.conformance.subject import Features
from crossdock.testing.conformance.wire import CUT, SILENT, Answer, Fault, Seen, refuse

_LET_IT_RISE = "let errors of context.http rise as they are; catch none of them"


def _calls(features: Features) -> bool:
    return features.http and bool(
        features.probes or features.polls or features.applies or features.snapshots
    )


async def _each(
    case: Case, fault: Fault, *, timeout_s: float | None = None, only: Collection[str] = ()
) -> list[tuple[str, BaseException | None, Bench]]:
    """What each port's call raises when every request meets this fault."""
    told = []
    async with case.bench(timeout_s=timeout_s) as bench:
        calls = case.calls(bench)
        if not calls:
            raise Failed("no port can be called", "give Subject(commands=…) for what it handles")
        for name, call in calls.items():
            if only and name not in only:
                continue
            bench.wire.always(fault)
            error = await caught(call)
            if bench.wire.count == 0 and error is None:
                continue  # this call asks the vendor nothing
            told.append((name, error, bench))
            bench.wire.plan(None)
    return told


def _must(
    told: list[tuple[str, BaseException | None, Bench]],
    means: type[CrossdockError] | tuple[type[CrossdockError], ...],
    what: str,
    do: str = _LET_IT_RISE,
) -> None:
    names = means if isinstance(means, tuple) else (means,)
    for name, error, _ in told:
        if not isinstance(error, names):
            found = (
                "nothing is raised" if error is None else f"{type(error).__name__}: {error!s:.200}"
            )
            wanted = " or ".join(one.__name__ for one in names)
            raise Failed(f"{name}, {what}: {found}; must be {wanted}", do)


@check("errors.nobody-listens", "bronze", wants=_calls)
async def nobody_listens(case: Case) -> None:
    """The vendor is away altogether: nothing was sent, so it is safe to try again."""
    async with case.bench() as bench:
        given = {**case.given(bench.box, bench.url)}
    # the server is gone now, its address still stands in the config
    async with case.open(case.configure(given)) as port:
        gone = Bench(case, bench.box, bench.url, bench.wire, port, bench.config)
        for name, call in case.calls(gone).items():
            error = await caught(call)
            if not isinstance(error, UnavailableError):
                raise Failed(f"{name}, nobody listens: {error!r:.200}", _LET_IT_RISE)
            if error.outcome != "not_sent":
                raise Failed(
                    f"{name}: outcome is {error.outcome!r}, must be 'not_sent'", _LET_IT_RISE
                )


@check("errors.connection-cut", "bronze", wants=_calls)
async def cut(case: Case) -> None:
    """Cut while waiting: it may or may not have been done, so look before trying again."""
    told = await _each(case, CUT)
    _must(told, UnavailableError, "the connection is cut")
    for name, error, _ in told:
        if isinstance(error, UnavailableError) and error.outcome == "failed":
            raise Failed(
                f"{name}: a cut connection is told as outcome 'failed'",
                "a request that was sent and not answered has outcome 'unknown'",
            )


@check("errors.no-answer-in-time", "bronze", wants=_calls)
async def silence(case: Case) -> None:
    """A time-out means unknown, never failed."""
    told = await _each(case, SILENT, timeout_s=NO_ANSWER_S)
    _must(told, TransientError, "no answer comes")


@check("errors.401-is-auth", "bronze", wants=_calls)
async def unauthorised(case: Case) -> None:
    """A wrong credential pauses the connection and tells a person."""
    _must(await _each(case, refuse(401, {"error": "unauthorized"})), AuthError, "401")


@check("errors.403-is-permanent", "bronze", wants=_calls)
async def forbidden(case: Case) -> None:
    """A missing right does not come back by waiting."""
    told = await _each(case, refuse(403, {"error": "forbidden"}))
    _must(told, PermanentError, "403", "raise AuthError (or RejectedError for one record alone)")


@check("errors.429-waits-as-told", "bronze", wants=_calls)
async def rate_limited(case: Case) -> None:
    """Retry-After is an instruction; ignoring it gets the account blocked."""
    told = await _each(case, refuse(429, {"error": "slow down"}, retry_after="7"))
    _must(told, RateLimitedError, "429")
    for name, error, _ in told:
        if isinstance(error, RateLimitedError) and not 6.5 <= error.retry_after_s <= 8:
            raise Failed(f"{name}: Retry-After: 7 becomes {error.retry_after_s} s", _LET_IT_RISE)


@check("errors.429-with-a-date", "silver", wants=_calls)
async def rate_limited_until(case: Case) -> None:
    """Retry-After may be a date (RFC 9110 10.2.3)."""
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    told = await _each(case, refuse(429, b"", retry_after=until))
    _must(told, RateLimitedError, "429 until a date")
    for name, error, _ in told:
        if isinstance(error, RateLimitedError) and not 30 <= error.retry_after_s <= 61:
            raise Failed(f"{name}: a minute becomes {error.retry_after_s} s", _LET_IT_RISE)


@check("errors.429-is-not-hammered", "silver", wants=_calls)
async def no_hammering(case: Case) -> None:
    """Within one call a limited vendor is not asked again and again."""
    async with case.bench() as bench:
        for name, call in case.calls(bench).items():
            bench.wire.always(refuse(429, b"", retry_after="30"))
            await caught(call)
            if bench.wire.count > 6:
                raise Failed(
                    f"{name}: {bench.wire.count} requests though each was told to wait 30 s",
                    "raise RateLimitedError and let the framework wait",
                )
            bench.wire.plan(None)


@check("errors.500-is-transient", "bronze", wants=_calls)
async def server_error(case: Case) -> None:
    """A vendor's own failure passes; the message waits."""
    for status in (500, 502, 503, 504):
        told = await _each(case, refuse(status, b"<html>oops</html>", content_type="text/html"))
        _must(told, TransientError, str(status))


@check("errors.400-is-permanent", "bronze", wants=_calls)
async def rejected(case: Case) -> None:
    """A request that is wrong stays wrong: the exception desk, not an endless retry."""
    for status in (400, 422):
        told = await _each(case, refuse(status, {"error": "kit says no"}))
        _must(told, PermanentError, str(status), "raise RejectedError with the vendor's words")


@check("errors.409-is-looked-at-again", "silver", wants=_calls)
async def conflict(case: Case) -> None:
    """It changed under us: read again (ConflictError), or a person's case; never bad data."""
    told = await _each(case, refuse(409, {"error": "kit changed it"}))
    _must(told, (PermanentError, TransientError), "409")


@check("errors.vendor-words-are-kept", "silver", wants=_calls)
async def words(case: Case) -> None:
    """The desk shows what the vendor said; without it a person must guess."""
    for name, error, _ in await _each(case, refuse(422, {"error": "KIT-4711 is out of stock"})):
        if error is not None and "KIT-4711" not in str(error):
            raise Failed(
                f"{name}: the vendor's words are lost: {error!s:.150}",
                "put the vendor's message into the error",
            )


@check("errors.request-id-is-kept", "silver", wants=_calls)
async def request_id(case: Case) -> None:
    """The vendor's support asks for the id of the request that failed."""
    fault = refuse(422, {"error": "no"}, x_request_id="kit-req-0815")
    for name, error, _ in await _each(case, fault):
        if error is not None and "kit-req-0815" not in str(error):
            raise Failed(
                f"{name}: the request id is lost: {error!s:.150}",
                "pass request_id=response.request_id to the errors you raise yourself",
            )


@check("errors.not-json-is-ours", "bronze", wants=_calls)
async def not_json(case: Case) -> None:
    """A proxy's page with status 200 is no answer, and no KeyError either."""
    page = Answer(body=b"<html>Please log in</html>", headers={"content-type": "text/html"})
    for body in (page, Answer(body=b""), Answer(body=b'{"data": {"or'), Answer(body=b"\xff\xfe")):
        told = await _each(case, Fault(kind="answer", answer=body))
        _must(
            told,
            (TransientError, ContractError, PermanentError),
            f"200 with {body.body!r:.30}",
            "use response.json(), which raises ContractError; where the vendor's good answer is "
            "empty, ask by a call that has a body",
        )


@check("errors.other-shapes-are-ours", "silver", wants=_calls)
async def other_shapes(case: Case) -> None:
    """JSON of another shape than the manual's must end in one of our errors, or in nothing."""
    bodies: list[Any] = [None, [], {}, "x", 7, [None], {"data": None}, {"errors": []}, [[]]]
    for body in bodies:
        for name, error, _ in await _each(case, Fault(kind="answer", answer=Answer(body=body))):
            if error is not None and not isinstance(error, CrossdockError):
                raise Failed(
                    f"{name}, answered {body!r}: {type(error).__name__}: {error!s:.150}",
                    "check the shape of an answer before reading it; raise ContractError",
                )


@check("errors.redirects-are-not-followed", "silver", wants=_calls)
async def redirects(case: Case) -> None:
    """Following a redirect sends the credential to whoever is named there."""
    fault = refuse(302, b"", location="http://127.0.0.1:9/elsewhere")
    _must(await _each(case, fault), CrossdockError, "302")


@check("errors.show-no-secret", "bronze", wants=_calls)
async def no_secret(case: Case) -> None:
    """Some vendors echo the request in their error; our message goes to the desk and to logs."""

    def echo(seen: Seen) -> bytes:
        headers = "\n".join(f"{k}: {v}" for k, v in seen.headers.items())
        return f"bad request\n{headers}\n{seen.query}\n{seen.body.decode('latin-1')}".encode()

    for status in (400, 401, 500):
        fault = Fault(kind="answer", answer=Answer(status=status, body=echo))
        for name, error, bench in await _each(case, fault):
            shown = f"{error} {error!r} {getattr(error, 'parts', '')}"
            for field, secret in case.secrets(bench.config).items():
                if len(secret) >= 4 and secret in shown:
                    raise Failed(
                        f"{name}, {status} that echoes the request: the message shows {field}",
                        "tell context.http what is secret (headers are masked by it), and put "
                        "no request into messages",
                    )


@check("errors.messages-are-short", "silver", wants=_calls)
async def short(case: Case) -> None:
    """A megabyte of HTML in a message makes the desk unreadable."""
    told = await _each(case, refuse(400, b"<p>no</p>" * 100_000, content_type="text/html"))
    for name, error, _ in told:
        if len(str(error)) > 2_000:
            raise Failed(f"{name}: a message of {len(str(error))} characters", "shorten it")


@check("errors.vendor-dialect", "bronze", wants=_calls)
async def dialect(case: Case) -> None:
    """Errors that the vendor tells in its own way (with status 200, say) mean the same."""
    if not case.subject.refusals:
        raise NotForThis("Subject.refusals is empty: this vendor speaks HTTP's own language")
    for refusal in case.subject.refusals:
        fault = Fault(kind="answer", answer=refusal.answer)
        told = await _each(case, fault, only=refusal.only)
        if not told:
            raise Failed(
                f"{refusal.name}: no call is named {sorted(refusal.only)}",
                "name probe, poll, `snapshot <kind>` or a command's type in Refusal.only",
            )
        _must(
            told,
            refusal.means,
            refusal.name,
            "read the vendor's error and raise ours; it is played at every call, "
            "so say Refusal(only=…) where the vendor gives it to some alone",
        )
