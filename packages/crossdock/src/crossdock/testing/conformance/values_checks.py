"""Do money, times and words come through whole?"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from crossdock import validation
from crossdock.canonical.texts import rfc3339
from crossdock.events import EVENT_TYPES, Event
from crossdock.jsontext import parse
from crossdock.testing.conformance import hostile
from crossdock.testing.conformance.bench import Case
from crossdock.testing.conformance.kit import Failed, NotForThis, check
from crossdock.testing.conformance.subject import Sample
from crossdock.testing.conformance.translate_checks import _json, _where

_NUMBER = re.compile(r"-?[0-9]{1,12}\.[0-9]{1,6}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}")
_WORD = re.compile(r"[A-Za-z][A-Za-z_ -]{1,40}")
_WORDY = re.compile(
    r"(status|state|reason|method|type|kind|channel|policy|level|class|mode|priority)$",
    re.IGNORECASE,
)
_PRECISE = Decimal("90071992547.93")
"""Its neighbours in binary floating point show as soon as it is computed with."""
_WHOLE = (9_007_199_254_740_993, 987_654_321)
"""As minor units: 2^53 + 1, which is even as a float, and one for who takes no more than 10^9."""


def _decimals(value: Any) -> Iterator[Decimal]:
    """Every decimal text within an entity's JSON."""
    for _, found in hostile.leaves(value):
        if isinstance(found, str) and re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", found):
            yield Decimal(found)


def _told(case: Case, data: bytes, sample: Any) -> list[Event[Any]]:
    told = case.outcome(sample.raw(data))
    return told if isinstance(told, list) else []


@check("values.money-is-exact", "bronze")
def money(case: Case) -> None:
    """An amount is never off by a cent, and never gains digits that nobody wrote."""
    tried = 0
    for sample, body in _json(case):
        if not sample.says:
            continue
        for path, found in hostile.leaves(body):
            if not is_decimal(found):
                continue
            tried += 1
            by: Any = str(_PRECISE) if isinstance(found, str) else float(_PRECISE)
            for event in _told(case, hostile.encoded(hostile.replaced(body, path, by)), sample):
                for number in _decimals(parse(event.data.dump())):
                    if number != _PRECISE and abs(number - _PRECISE) < Decimal("0.005"):
                        raise Failed(
                            f"{sample}: {_where(path)} = {by} becomes {number}",
                            "make a Decimal of the text as it stands; of a float by "
                            "Decimal(repr(value)), never by Decimal(value) or arithmetic in float",
                        )
        tried += _minor_units(case, sample, body)
    if not tried:
        raise NotForThis("no sample has an amount")


def _minor_units(case: Case, sample: Sample, body: Any) -> int:
    """How many whole numbers are amounts; each must keep its digits, wherever the point is put."""
    found = 0
    for path, value in hostile.leaves(body):
        if not isinstance(value, int) or isinstance(value, bool):
            continue
        for whole in _WHOLE:
            data = hostile.encoded(hostile.replaced(body, path, whole))
            amounts = {
                Decimal(amount["amount"]).scaleb(places)
                for event in _told(case, data, sample)
                for _, amount in money_of(event)
                for places in range(7)
            }
            if whole - 1 in amounts:
                raise Failed(
                    f"{sample}: {_where(path)} = {whole} comes out as {whole - 1}",
                    "Money.of_minor(number, currency): no arithmetic in float",
                )
            found += whole in amounts
    return found


def money_of(event: Event[Any]) -> Iterator[tuple[hostile.Path, dict[str, str]]]:
    """Every Money of the entity, extensions aside."""
    body = parse(event.data.dump())
    for path in hostile.paths(body):
        one = hostile.at(body, path)
        if (
            isinstance(one, dict)
            and path[0] != "extensions"
            and isinstance(one.get("amount"), str)
            and "currency" in one
        ):
            yield path, one


@check("values.long-integers-are-exact", "silver")
def integers(case: Case) -> None:
    """Ids and minor units beyond 2^53 are ids all the same."""
    tried = 0
    for sample, body in _json(case):
        for path, found in hostile.leaves(body):
            if not isinstance(found, int) or isinstance(found, bool) or found < 1_000:
                continue
            tried += 1
            big = 9007199254740993  # 2^53 + 1: as a float it is even
            data = hostile.encoded(hostile.replaced(body, path, big))
            for event in _told(case, data, sample):
                dumped = event.data.dump().decode().replace(".", "") + event.native_id
                if "9007199254740992" in dumped:  # wherever the point was put
                    raise Failed(
                        f"{sample}: {_where(path)} = {big} comes out as 9007199254740992",
                        "do not turn integers into floats",
                    )
    if not tried:
        raise NotForThis("no sample has an integer id or amount")


@check("values.times-keep-their-moment", "bronze")
def moments(case: Case) -> None:
    """10:00+02:00 and 08:00Z are one moment; a time that loses its offset is hours off."""
    tried = 0
    for sample, body in _json(case):
        if not sample.says:
            continue
        for path, found in hostile.leaves(body):
            moment = aware_time(found)
            if moment is None:
                continue
            tried += 1
            utc, east = (
                _told(case, hostile.encoded(hostile.replaced(body, path, one)), sample)
                for one in (
                    rfc3339(moment),
                    moment.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(),
                )
            )
            facts = [[(e.data, e.revision, e.occurred_at) for e in told] for told in (utc, east)]
            if facts[0] != facts[1]:
                raise Failed(
                    f"{sample}: {_where(path)} means something else with the offset +05:30",
                    "read times with datetime.fromisoformat and keep them aware; "
                    "make revisions with crossdock.revision_of",
                )
    if not tried:
        raise NotForThis("no sample has a time with an offset")


@check("values.times-are-aware", "bronze")
def aware(case: Case) -> None:
    """A time without a zone means another moment on every machine."""
    for sample in case.telling():
        for event in case.translate(sample.raw()):
            if event.occurred_at is not None and event.occurred_at.tzinfo is None:
                raise Failed(
                    f"{sample}: occurred_at has no zone",
                    "attach the zone the vendor documents: .replace(tzinfo=UTC)",
                )


@check("values.unknown-words-survive", "bronze")
def words(case: Case) -> None:
    """A vendor adds a status, a reason, a payment method: never a failure, and the word is kept."""
    tried = 0
    for sample, body in _json(case):
        if not sample.says:
            continue
        for path, found in hostile.leaves(body):
            name = next((str(step) for step in reversed(path) if isinstance(step, str)), "")
            if not (isinstance(found, str) and _WORD.fullmatch(found) and _WORDY.search(name)):
                continue
            tried += 1
            for word in ("kit_unheard_of", "KIT UNHEARD-OF"):
                data = hostile.encoded(hostile.replaced(body, path, word))
                told = case.outcome(sample.raw(data))
                if isinstance(told, str) and told.startswith("refused"):
                    raise Failed(
                        f"{sample}: {_where(path)} = {word!r} is {told:.160}",
                        "map words you know, keep the others in source_status or extensions",
                    )
    if not tried:
        raise NotForThis("no sample has a word of some vocabulary")


@check("values.events-fit-the-published-schema", "bronze")
def schema(case: Case) -> None:
    """Partners validate against the published contracts; so do we, before they do."""
    for sample in case.telling():
        for event in case.translate(sample.raw()):
            kind = EVENT_TYPES[event.type].kind
            contract = validation.contract(f"{kind}/v{event.data.major}")
            verdict = validation.judge(event.data.dump(), contract)
            if not verdict.good:
                raise Failed(
                    f"{sample}: {event.type} breaks {kind}: {verdict.faults[0]}",
                    "build entities by their constructors",
                )


@check("values.native-ids-are-the-vendors", "silver")
def native_ids(case: Case) -> None:
    """A native id is what the vendor's own people can search for: it stands in the record."""
    for sample in case.telling():
        for event in case.translate(sample.raw()):
            parts = re.split(r"[@:/|]", event.native_id)
            text = sample.data.decode("utf-8", "replace")
            lost = [part for part in parts if part and part not in text]
            if lost:
                raise Failed(
                    f"{sample}: native_id {event.native_id!r}: {lost[0]!r} is not in the record",
                    "use the vendor's id as it is written",
                )


def is_decimal(value: Any) -> bool:
    """A fraction, as text or as a JSON number."""
    return isinstance(value, float) or (
        isinstance(value, str) and _NUMBER.fullmatch(value) is not None
    )


def aware_time(value: Any) -> datetime | None:
    """An aware time; None for anything else."""
    if not isinstance(value, str) or not _TIME.match(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
