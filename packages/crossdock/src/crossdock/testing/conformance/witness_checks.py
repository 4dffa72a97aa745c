"""Is an amount in the right unit, and a moment in the right zone?

1250 may be 12.50, 1,250 or 1.250, and `10:00` a dozen moments: no other check can know. What the
payload itself shows is believed: a decimal that an amount follows one to one, a time with its
offset, seconds or milliseconds since 1970. Anything else needs a witness: `Sample.means`, written
by whoever read the vendor's manual.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from crossdock.canonical.texts import rfc3339
from crossdock.errors import ContractError
from crossdock.events import Event
from crossdock.jsontext import parse
from crossdock.testing.conformance import hostile
from crossdock.testing.conformance.bench import Case
from crossdock.testing.conformance.kit import Failed, NotForThis, check
from crossdock.testing.conformance.subject import Sample
from crossdock.testing.conformance.values_checks import aware_time, is_decimal, money_of

_AMOUNT = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?) ([A-Z]{3})")
_EPOCH = re.compile(r"[0-9]{10}|[0-9]{13}|[0-9]{16}")
_PLAIN = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")
_MORE = Decimal("7.13")
MOST_TOLD = 6
"""Places in one message."""


class _Fact(NamedTuple):
    """One value of an event, and what is compared with the statements."""

    event: int
    path: hostile.Path
    kind: str
    value: Any

    @property
    def place(self) -> str:
        """The same place in every event of the kind, whichever element of a list."""
        steps = ("*" if isinstance(step, int) else step for step in self.path)
        return f"/{'/'.join(map(str, steps))} of {self.kind}"


class _Amount(NamedTuple):
    number: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.number:f} {self.currency}"


@check("values.amounts-have-a-witness", "bronze")
def amounts(case: Case) -> None:
    """1250 is 12.50, 1,250 or 1.250: who read the manual says which, and it must come out so."""
    facts = [(sample, list(_amounts(case.translate(sample.raw())))) for sample in case.telling()]
    stated = {id(sample): _stated(sample, _an_amount) for sample, _ in facts}
    shown = _held(facts, stated, "amount")
    for sample, told in facts:
        if any(one.place not in shown for one in told):
            shown |= _followed(case, sample, told)
    if not any(told for _, told in facts):
        raise NotForThis("no sample tells an amount")
    _all_shown(
        facts,
        shown,
        lambda one: one.value.number != 0,
        "no decimal of the payload shows in which unit it is told",
        "read in the vendor's manual what the number means, and state it: Sample(means=(\"12.50 "
        'EUR",)); for minor units: Money.of_minor',
    )


@check("values.moments-have-a-witness", "bronze")
def moments(case: Case) -> None:
    """`10:00` is a dozen moments: a zone that nobody wrote needs somebody who knows it."""
    facts = [(sample, list(_moments(case.translate(sample.raw())))) for sample in case.telling()]
    stated = {id(sample): _stated(sample, _a_moment) for sample, _ in facts}
    shown = _held(facts, stated, "moment")
    for sample, told in facts:
        written = list(_written(sample))
        for one in told:
            if any(abs(one.value - moment) < timedelta(seconds=1) for moment in written):
                shown.add(one.place)
    if not any(told for _, told in facts):
        raise NotForThis("no sample tells a moment")
    _all_shown(
        facts,
        shown,
        lambda one: True,
        "the payload has no such moment, neither with an offset nor in seconds or milliseconds "
        "since 1970",
        "if it is a local time, attach the zone that the vendor documents; then state what the "
        'payload means: Sample(means=("2026-11-20T14:03:22Z",))',
    )


def _held(
    facts: Sequence[tuple[Sample, list[_Fact]]], stated: dict[int, list[Any]], what: str
) -> set[str]:
    """The places whose value was stated; a statement that is not told is a finding."""
    shown: set[str] = set()
    for sample, told in facts:
        for wanted in stated[id(sample)]:
            places = {one.place for one in told if one.value == wanted}
            if not places:
                others = ", ".join(sorted({_said(one.value) for one in told})[:MOST_TOLD])
                raise Failed(
                    f"{sample}: means {_said(wanted)}, but its {what}s are {others or 'none'}",
                    "mend the unit or the zone in translate, or the statement in Sample(means=…)",
                )
            shown |= places
    return shown


def _all_shown(
    facts: Sequence[tuple[Sample, list[_Fact]]],
    shown: set[str],
    counts: Any,
    why: str,
    do: str,
) -> None:
    blind: dict[str, str] = {}
    for sample, told in facts:
        for one in told:
            if one.place not in shown and counts(one):
                blind.setdefault(one.place, f"{sample}: {one.place}")
    if blind:
        places = "; ".join(list(blind.values())[:MOST_TOLD])
        more = f" and {len(blind) - MOST_TOLD} more" if len(blind) > MOST_TOLD else ""
        # without the value that came out: who copies it states nothing
        raise Failed(f"{places}{more}: {why}", do)


def _followed(case: Case, sample: Sample, told: list[_Fact]) -> set[str]:
    """The places whose amount follows a decimal of the payload that is an amount itself.

    It is one where some amount grows by as much as it does, and no quantity or rate does. What
    else it moves, a total say, is then in its unit too.
    """
    try:
        body = sample.raw().body
    except ContractError:
        return set()
    before = {(one.event, one.path): one.value.number for one in told}
    calm = case.translate(sample.raw())
    others = dict(_others(calm))
    shown: set[str] = set()
    found = [path for path, value in hostile.leaves(body) if is_decimal(value)]
    for path in found:
        value = hostile.at(body, path)
        more: Any = Decimal(repr(value) if isinstance(value, float) else value) + _MORE
        by = float(more) if isinstance(value, float) else f"{more:f}"
        events = case.outcome(sample.raw(hostile.encoded(hostile.replaced(body, path, by))))
        if not isinstance(events, list):
            continue
        after = {(one.event, one.path): one for one in _amounts(events)}
        moved = [one for key, one in after.items() if before.get(key) != one.value.number]
        same = any(
            abs(one.value.number - before[one.event, one.path]) == _MORE
            for one in moved
            if (one.event, one.path) in before
        )
        beside = any(
            abs(number - others[key]) == _MORE for key, number in _others(events) if key in others
        )
        if same and not beside:
            shown |= {one.place for one in moved}
    return shown


def _amounts(events: Sequence[Event[Any]]) -> Iterator[_Fact]:
    """Every Money of the entities, extensions aside."""
    for number, event in enumerate(events):
        for path, money in money_of(event):
            amount = _Amount(Decimal(money["amount"]), money["currency"])
            yield _Fact(number, path, event.kind, amount)


def _others(events: Sequence[Event[Any]]) -> Iterator[tuple[tuple[int, hostile.Path], Decimal]]:
    """Quantities, rates and measures."""
    for number, event in enumerate(events):
        for path, found in hostile.leaves(parse(event.data.dump())):
            plain = isinstance(found, str) and _PLAIN.fullmatch(found)
            if plain and path[-1] != "amount" and path[0] != "extensions":
                yield (number, path), Decimal(found)


def _moments(events: Sequence[Event[Any]]) -> Iterator[_Fact]:
    """Every moment of the events, extensions aside."""
    for number, event in enumerate(events):
        if event.occurred_at is not None and event.occurred_at.tzinfo is not None:
            yield _Fact(number, ("occurred_at",), event.kind, event.occurred_at)
        for path, found in hostile.leaves(parse(event.data.dump())):
            moment = aware_time(found)
            if moment is not None and path[0] != "extensions":
                yield _Fact(number, path, event.kind, moment)


def _written(sample: Sample) -> Iterator[datetime]:
    """The moments that the record itself tells beyond doubt."""
    values: list[Any] = list(sample.headers.values())
    try:
        body = sample.raw().body
        values += [value for _, value in hostile.leaves({"": body})]
    except ContractError:
        pass
    for value in values:
        moment = aware_time(value) or _of_mail(value) or _since_1970(value)
        if moment is not None:
            yield moment


def _of_mail(value: Any) -> datetime | None:
    """`Tue, 20 Nov 2012 00:00:00 +0000`."""
    if not isinstance(value, str) or not 20 < len(value) < 40:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _since_1970(value: Any) -> datetime | None:
    """Seconds, milliseconds or microseconds, by their length: 2001 to 2286."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    whole, _, fraction = str(value).partition(".")
    if not _EPOCH.fullmatch(whole) or not (fraction or "0").isdecimal():
        return None
    unit = 10 ** (len(whole) - 10)
    return datetime.fromtimestamp(int(whole) // unit, UTC)


def _stated(sample: Sample, read: Any) -> list[Any]:
    """The statements of one sort; what is of no sort is a mistake of the subject."""
    for text in sample.means:
        if _an_amount(text) is None and _a_moment(text) is None:
            raise Failed(
                f"{sample}: means {text!r}, which is neither an amount nor a moment",
                'write "12.50 EUR", or "2026-11-20T14:03:22Z" with its offset',
            )
    return [value for text in sample.means if (value := read(text)) is not None]


def _an_amount(text: str) -> _Amount | None:
    found = _AMOUNT.fullmatch(text)
    return _Amount(Decimal(found[1]), found[2]) if found else None


def _a_moment(text: str) -> datetime | None:
    return aware_time(text)


def _said(value: Any) -> str:
    if isinstance(value, datetime):
        return rfc3339(value)
    return str(value)
