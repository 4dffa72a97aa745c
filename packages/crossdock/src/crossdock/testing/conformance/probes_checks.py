"""Does a probe tell the truth about the connection, before the first order does?"""

from pydantic import SecretStr

from crossdock.connector import Health
from crossdock.errors import AuthError, UnavailableError
from crossdock.testing.conformance.bench import Case, caught
from crossdock.testing.conformance.kit import Failed, NotForThis, check
from crossdock.testing.conformance.subject import Features
from crossdock.testing.conformance.wire import CUT


def _probes(features: Features) -> bool:
    return features.probes


@check("probe.says-it-is-well", "bronze", wants=_probes)
async def well(case: Case) -> None:
    """`crossdock check --live` prints it."""
    async with case.bench() as bench:
        health = await bench.port.probe()
        if not isinstance(health, Health):
            raise Failed(f"probe returns {health!r}", "return crossdock.Health(…)")
        if health.rate_budget is not None and not 0 <= health.rate_budget <= 1:
            raise Failed(f"rate_budget is {health.rate_budget}", "a share from 0 to 1")


@check("probe.asks-the-vendor", "bronze", wants=lambda f: f.probes and f.http)
async def asks(case: Case) -> None:
    """A probe that asks nobody is always well."""
    async with case.bench() as bench:
        await bench.port.probe()
        if not bench.wire.seen:
            raise Failed(
                "probe sent no request", "ask for something cheap that needs the credential"
            )


@check("probe.notices-a-wrong-credential", "bronze", wants=lambda f: f.probes and f.http)
async def credential(case: Case) -> None:
    """A wrong key is found by `crossdock check --live`, not by the first order."""
    async with case.bench() as bench:
        refused: list[str] = []
        errors = []
        for name, value in case.secrets(bench.config).items():
            if not value:
                continue
            wrong = bench.config.model_copy(update={name: SecretStr("kit" + value[:-3][::-1])})
            async with case.open(wrong) as port:
                error = await caught(port.probe)
            errors.append(f"{name}: {error!r:.120}")
            if isinstance(error, AuthError):
                refused.append(name)
        if not errors:
            raise NotForThis("the config has no secret")
        if not refused:
            raise Failed(
                f"no wrong secret makes probe raise AuthError: {'; '.join(errors)}",
                "let the sandbox check the credential, and probe need it",
            )


@check("probe.notices-that-nobody-is-there", "bronze", wants=lambda f: f.probes and f.http)
async def away(case: Case) -> None:
    """A vendor that is away is told as such."""
    async with case.bench() as bench:
        bench.wire.always(CUT)
        error = await caught(bench.port.probe)
        if not isinstance(error, UnavailableError):
            raise Failed(f"nobody answers: {error!r:.150}", "let UnavailableError rise")


@check("probe.writes-nothing", "silver", wants=lambda f: f.probes and f.applies)
async def writes_nothing(case: Case) -> None:
    """It runs every minute, against production."""
    async with case.bench() as bench:
        before = bench.effects()
        await bench.port.probe()
        if bench.effects() != before:
            raise Failed("a probe changed the vendor", "only read in probe")


@check("open.speaks-to-nobody", "bronze", wants=lambda f: f.http)
async def silent(case: Case) -> None:
    """Opening must work while the vendor is away, or one vendor keeps the whole line down."""
    async with case.bench() as bench:
        if bench.wire.seen:
            raise Failed(
                f"opening sent {bench.wire.seen[0].method} {bench.wire.seen[0].path}",
                "ask when a port is first used",
            )


@check("open.twice-side-by-side", "silver")
async def side_by_side(case: Case) -> None:
    """Two shops of one kind live in one process and know nothing of each other."""
    async with case.bench() as one, case.bench() as two:
        if one.port is two.port:
            raise Failed("two connections are one object", "make everything within open")
        calls = case.calls(two)
        before = len(one.wire.seen)
        for call in calls.values():
            await call()
        if len(one.wire.seen) != before:
            raise Failed(
                "a call of one connection reached the other's vendor",
                "keep nothing in modules or classes",
            )
