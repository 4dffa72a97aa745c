"""The register of checks, and how one is run."""

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from crossdock.errors import CrossdockError
from crossdock.testing.conformance.bench import Case
from crossdock.testing.conformance.subject import Features, Subject

Tier = Literal["bronze", "silver", "gold", "platinum"]
FRAMES = 6
"""Lines of the author's own code that a failure shows."""
TIERS: tuple[Tier, ...] = ("bronze", "silver", "gold", "platinum")

MODULES = (
    "plugin",
    "config",
    "requests",
    "translate",
    "values",
    "witness",
    "errors",
    "polls",
    "clocks",
    "applies",
    "batches",
    "snapshots",
    "probes",
    "secrets",
    "weather",
    "docs",
)


class Failed(AssertionError):  # noqa: N818 - a verdict of the kit
    """A check found something. `do` says what to do about it."""

    def __init__(self, found: str, do: str) -> None:
        super().__init__(f"{found}\nWhat to do: {do}")
        self.found = found
        self.do = do


class NotForThis(Exception):  # noqa: N818 - an answer, not an error
    """This check has nothing to look at here, for a reason."""


@dataclass(frozen=True)
class Check:
    """One thing that must hold. `why` is for an author who has just met it."""

    id: str
    tier: Tier
    why: str
    wants: Callable[[Features], Any]
    run: Callable[[Case], Awaitable[None] | None]

    @property
    def area(self) -> str:
        """The part of the id before the point."""
        return self.id.partition(".")[0]


@dataclass(frozen=True)
class Outcome:
    """`passed`, `failed`, or `none` where there is nothing to check; `said` tells why."""

    check: Check
    state: Literal["passed", "failed", "none"]
    said: str = ""


LIMIT_S = 120.0
"""No check needs a tenth of it, even on a busy machine."""
_checks: dict[str, Check] = {}
Body = Callable[[Case], Awaitable[None] | None]


def check(
    id_: str, tier: Tier, *, wants: Callable[[Features], Any] | None = None
) -> Callable[[Body], Body]:
    """Register a check. Its docstring's first paragraph is its `why`."""

    def register(run: Body) -> Body:
        if id_ in _checks:
            raise ValueError(f"two checks are called {id_}")
        why = " ".join((inspect.getdoc(run) or "").split("\n\n")[0].split())
        _checks[id_] = Check(id_, tier, why, wants or (lambda _: True), run)
        return run

    return register


def checks() -> dict[str, Check]:
    """Every check by id, in the order of the areas."""
    for module in MODULES:
        import_module(f"crossdock.testing.conformance.{module}_checks")
    return dict(_checks)


def chosen(features: Features) -> Iterator[Check]:
    """Those that a connector with these features must pass."""
    return (one for one in checks().values() if one.wants(features))


def run_check(subject: Subject, one: Check) -> Outcome:
    """Run one check in an event loop of its own; nothing is left running."""
    try:
        asyncio.run(_run(subject, one))
    except NotForThis as reason:
        return Outcome(one, "none", str(reason))
    except Failed as failed:
        return Outcome(one, "failed", str(failed))
    except Exception as error:  # noqa: BLE001 - whatever a connector raises is a finding
        told = _where_from(subject, error)
        return Outcome(
            one,
            "failed",
            f"{type(error).__name__}: {error}\n"
            "What to do: this error came out of the connector, the sandbox or the subject's "
            f"functions where none was expected; mend it there.\n{told}",
        )
    return Outcome(one, "passed")


def _where_from(subject: Subject, error: Exception) -> str:
    """The frames of the author's own code; where there are none, the last few of all."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    homes = _homes(subject)
    own = [one for one in frames if any(home in Path(one.filename).parents for home in homes)]
    return "".join(traceback.format_list((own or frames)[-FRAMES:]))


def _homes(subject: Subject) -> list[Path]:
    """The subject's folder and the package that is registered, wherever it was installed."""
    homes = [subject.home] if subject.home is not None else []
    try:
        package = Case(subject).connector.translate.__module__.partition(".")[0]
    except CrossdockError:
        return homes
    file = getattr(sys.modules.get(package), "__file__", None)
    if file and Path(file).name == "__init__.py":
        homes.append(Path(file).parent)
    return homes


async def _run(subject: Subject, one: Check) -> None:
    case = Case(subject)
    answer = one.run(case)
    if not inspect.isawaitable(answer):
        return
    limit = asyncio.timeout(LIMIT_S)
    try:
        async with limit:
            await answer
    except TimeoutError:
        if not limit.expired():
            raise
        raise Failed(
            f"it did not end in {LIMIT_S:g} s",
            "something goes on for ever. Does `poll` end at the last page, with each page asked "
            "for once? Does the sandbox end its list? Does anything wait for what never comes?",
        ) from None
