"""Does translate say what each payload means, purely, and whatever a stranger writes?"""

import copy
import itertools
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from crossdock.canonical.entity import Entity
from crossdock.connector import Ignore
from crossdock.errors import ContractError, RejectedError
from crossdock.events import Event, Raw
from crossdock.testing.conformance import hostile
from crossdock.testing.conformance.bench import Case
from crossdock.testing.conformance.kit import Failed, NotForThis, check
from crossdock.testing.conformance.subject import Sample

EACH = 11
"""Values tried at one place that translate hears, where another value says something else: every
number, time and shape, and half of the texts."""
FEW = 3
"""Values tried at one place where these changed nothing."""
MOST_PLACES = 120
"""Places of one sample that are changed; lists are represented by their first elements."""


def _samples(case: Case) -> list[Sample]:
    """One of each topic and meaning."""
    if not case.subject.samples:
        raise Failed("there is no sample", "give Subject(samples=…), one for each topic at least")
    return list({(one.topic, one.says): one for one in case.subject.samples}.values())


def _json(case: Case) -> list[tuple[Sample, Any]]:
    """Samples that are JSON objects, with their bodies."""
    found = []
    for sample in _samples(case):
        try:
            body = sample.raw().body
        except ContractError:
            continue
        if isinstance(body, dict | list):
            found.append((sample, body))
    if not found:
        raise NotForThis("no sample is JSON; test hostile text by yourself")
    return found


def _shown(events: list[Event[Any]] | str) -> Any:
    """What can be compared."""
    if isinstance(events, str):
        return events
    return [
        (e.type, e.native_id, e.revision, e.occurred_at, e.data.dump().decode()) for e in events
    ]


@lru_cache(256)
def _read(model: type[Entity], data: bytes) -> Entity:
    """What the next stage makes of these bytes; most hostile values leave them as they are."""
    return model.parse(data)


def _outcome(case: Case, raw: Raw, what: str) -> list[Event[Entity]] | str:
    """Events, or Ignore or ContractError in words; anything else is a finding."""
    try:
        events = case.outcome(raw)
    except Exception as error:
        raise Failed(
            f"{what}: translate raises {type(error).__name__}: {error!s:.200}",
            "check what you read before you use it; raise ContractError with a pointer for what "
            "cannot be mapped (pydantic's ValidationError may pass through)",
        ) from error
    for event in events if isinstance(events, list) else ():
        data: Entity = event.data
        try:
            again = _read(type(data), data.dump())
        except ContractError as error:
            raise Failed(
                f"{what}: the {event.type} cannot be read again: {error!s:.200}",
                "do not get around the models with model_construct or unchecked extensions",
            ) from None
        if again != data:
            raise Failed(f"{what}: the {event.type} reads differently", "see what dump() wrote")
    return events


@check("translate.samples-say-what-they-mean", "bronze")
def mean(case: Case) -> None:
    """Each sample gives exactly the events that its author promises."""
    for sample in case.subject.samples:
        told = case.outcome(sample.raw())
        types = tuple(event.type for event in told) if isinstance(told, list) else ()
        if types != tuple(sample.says):
            said = told if isinstance(told, str) else list(types)
            raise Failed(
                f"{sample}: says {said}, must say {list(sample.says)}",
                "mend translate, or Sample(says=…)",
            )
    if not case.telling():
        raise Failed("no sample says anything", "give samples with events: Sample(says=(…,))")
    kinds = {type_.partition(".")[0] for sample in case.subject.samples for type_ in sample.says}
    tells = case.connector.tells
    if tells and kinds - tells:
        raise Failed(
            f"samples tell of {', '.join(sorted(kinds - tells))}, and register(tells=…) does not",
            "name every kind there: `crossdock check` believes it",
        )


@check("translate.ignores-with-a-reason", "silver")
def reasons(case: Case) -> None:
    """No silent drop: what says nothing of interest says why, in words an operator reads."""
    for sample in case.subject.samples:
        if sample.says:
            continue
        told = case.outcome(sample.raw())
        if not told or (isinstance(told, str) and len(told) < len("ignored: ") + 8):
            raise Failed(f"{sample}: no events and no reason", "raise crossdock.Ignore('…why…')")


@check("translate.same-twice", "bronze")
def same_twice(case: Case) -> None:
    """Equal bytes mean equal events, today and in a year: replays and duplicates rely on it."""
    for sample in _samples(case):
        first = _shown(case.outcome(sample.raw()))
        time.sleep(0.002)  # so that a clock would show
        for _ in range(3):
            if _shown(case.outcome(sample.raw())) != first:
                raise Failed(
                    f"{sample}: translated twice, it says different things",
                    "use nothing but the record: no clock, no chance, no memory",
                )


@check("translate.does-no-io", "bronze")
def no_io(case: Case) -> None:
    """Yesterday's payload is translated again where there is no network and no disk."""
    for sample in _samples(case):
        case.outcome(sample.raw())  # what is imported lazily is imported now
        with _watched() as touched:
            case.outcome(sample.raw())
        if touched:
            raise Failed(
                f"{sample}: translate does {touched[0]}",
                "put into the record (in poll) what translate needs to know",
            )


@check("translate.leaves-the-record-alone", "silver")
def untouched(case: Case) -> None:
    """The record is used again after translate: for the desk, for a second try."""
    for sample in _samples(case):
        raw = sample.raw()
        try:
            before = copy.deepcopy(raw.body)
        except ContractError:
            before = None
        data, headers = raw.data, dict(raw.headers)
        case.outcome(raw)
        changed = before is not None and raw.body != before
        if changed or raw.data != data or raw.headers != headers:
            raise Failed(f"{sample}: translate changed the record", "copy what you want to change")


@check("translate.bears-threads", "silver")
def threads(case: Case) -> None:
    """Translate is called from any thread, several at a time."""
    samples = _samples(case)
    alone = [_shown(case.outcome(sample.raw())) for sample in samples]
    with ThreadPoolExecutor(4) as pool:
        rounds = pool.map(
            lambda _: [_shown(case.outcome(sample.raw())) for sample in samples], range(16)
        )
        if any(told != alone for told in rounds):
            raise Failed("called from threads, it says other things", "keep no state in a module")


@check("translate.unknown-topics-are-ignored", "bronze")
def unknown_topic(case: Case) -> None:
    """A vendor adds topics; they must end with a reason, not as dead letters or crashes."""
    for topic in ("kit/no-such-topic", "", "\u202e", "x" * 500):
        for sample in _samples(case)[:2]:
            raw = Raw(topic, data=sample.data, headers=sample.headers)
            told = _outcome(case, raw, f"topic {topic!r:.40}")
            if isinstance(told, str) and told.startswith("refused") and topic:
                raise Failed(
                    f"topic {topic!r:.40} is {told:.120}",
                    "raise Ignore, naming the topic, for topics you do not know",
                )


@check("translate.bodies-that-are-none-are-refused", "bronze")
def bad_bodies(case: Case) -> None:
    """Whatever bytes come under a known topic: events, a reason, or a ContractError."""
    for sample in _samples(case):
        for body in hostile.BODIES:
            _outcome(case, sample.raw(body), f"{sample} with the body {body[:30]!r}")


@check("translate.missing-fields-do-no-harm", "bronze")
def missing(case: Case) -> None:
    """Every field may be missing: vendors leave out what the manual calls required."""
    for sample, body in _json(case):
        for path in hostile.thinned(list(hostile.paths(body)), MOST_PLACES):
            data = hostile.encoded(hostile.without(body, path))
            _outcome(case, sample.raw(data), f"{sample} without {_where(path)}")


@check("translate.other-shapes-do-no-harm", "bronze")
def shapes(case: Case) -> None:
    """Every field may be null or of another type."""
    _try_values(case, hostile.SHAPES, lambda _: True)


@check("translate.hostile-texts-do-no-harm", "bronze")
def texts(case: Case) -> None:
    """Every text may be anything that a customer or a forger can type."""
    _try_values(case, hostile.TEXTS, lambda value: isinstance(value, str), most=100)


@check("translate.hostile-numbers-do-no-harm", "bronze")
def numbers(case: Case) -> None:
    """Every number may be huge, tiny, negative, or a boolean."""
    _try_values(case, hostile.NUMBERS, lambda value: isinstance(value, int | float | str))


@check("translate.hostile-times-do-no-harm", "silver")
def times(case: Case) -> None:
    """Every time may be no time, or one at the edge of the calendar."""
    _try_values(case, hostile.TIMES, lambda value: isinstance(value, str) and ":" in value)


@check("translate.new-fields-do-no-harm", "bronze")
def new_fields(case: Case) -> None:
    """A vendor adds a field any day; what the rest means stays the same."""
    for sample, body in _json(case):
        before = _shown(case.outcome(sample.raw()))
        grown = copy.deepcopy(body)
        objects = [grown, *(hostile.at(grown, path) for path in list(hostile.paths(grown)))]
        for place in objects:
            if isinstance(place, dict):
                place["kit_new_field"] = {"of": ["the", "vendor"]}
        after = _shown(_outcome(case, sample.raw(hostile.encoded(grown)), f"{sample}, grown"))
        if isinstance(after, str) and not isinstance(before, str):
            raise Failed(
                f"{sample} with a new field in every object is {after:.200}",
                "read the fields you know and let the others be",
            )


@check("translate.errors-point-at-the-value", "silver")
def pointed(case: Case) -> None:
    """A dead letter must say which value is wrong, or nobody can mend it."""
    found = blind = 0
    example = ""
    for sample, body in _json(case):
        for path in hostile.thinned(list(hostile.paths(body)), MOST_PLACES):
            raw = sample.raw(hostile.encoded(hostile.replaced(body, path, {"kit": [1]})))
            try:
                case.translate(raw)
            except ContractError as error:
                found += 1
                if not error.pointer and "/" not in error.message:
                    blind += 1
                    example = f"{sample} with {_where(path)} of a wrong type: {error.message:.150}"
                if len(str(error)) > 2_000:
                    raise Failed(
                        f"{sample}: a message of {len(str(error))} characters",
                        "shorten values with crossdock.jsontext.shorten",
                    ) from None
            except (Ignore, RejectedError):
                pass
    if blind:
        raise Failed(
            f"{blind} of {found} refusals name no place, as in {example}",
            "raise ContractError(…, pointer='/path/to/the/value', value=…)",
        )


@check("translate.events-of-a-record-are-distinct", "silver")
def distinct(case: Case) -> None:
    """Two events of one record about one entity with one revision are one to the inbox."""
    for sample in case.telling():
        events = case.translate(sample.raw())
        keys = [(event.type, event.native_id, event.revision) for event in events]
        if len(set(keys)) < len(keys):
            raise Failed(f"{sample}: says {max(keys, key=keys.count)} twice", "say each fact once")


@check("translate.revisions-grow", "silver")
def revisions(case: Case) -> None:
    """Late news loses by its revision; so a newer state must have a larger one."""
    newer = case.subject.newer
    if not newer:
        unknown = [
            sample
            for sample in case.telling()
            if any(event.revision is None for event in case.translate(sample.raw()))
        ]
        if unknown:
            raise Failed(
                f"{unknown[0]}: an event without a revision",
                "set Event(revision=…) from the vendor's version or time of change, "
                "or give Subject(newer=…) that shows why it needs none",
            )
        raise NotForThis("Subject.newer shows no two states of one entity")
    last: dict[tuple[str, str], Any] = {}
    for sample in newer:
        for event in case.translate(sample.raw()):
            key = (event.kind, event.native_id)
            if event.revision is None or (key in last and not event.revision > last[key]):
                raise Failed(
                    f"{sample}: revision {event.revision!r} after {last.get(key)!r}",
                    "use the vendor's own counter, or revision_of(its time of change)",
                )
            last[key] = event.revision


def _try_values(case: Case, values: tuple[Any, ...], fits: Any, most: int = MOST_PLACES) -> None:
    """EACH of the values at a place that matters, FEW elsewhere; always others than before, so
    that all of them are tried, though not all everywhere."""
    around = itertools.cycle(values)
    tried = False
    for sample, body in _json(case):
        calm = _shown(case.outcome(sample.raw()))
        places = [path for path in hostile.paths(body) if fits(hostile.at(body, path))]
        for path in hostile.thinned(places, most):
            write = hostile.writer(body, path)
            heard = False
            for number in range(min(EACH, len(values))):
                if number == FEW and not heard:
                    break
                value = next(around)
                what = f"{sample} with {_where(path)} = {value!r:.40}"
                heard |= _shown(_outcome(case, sample.raw(write(value)), what)) != calm
                tried = True
    if not tried:
        raise NotForThis("no sample has such a value")


def _where(path: hostile.Path) -> str:
    return "/" + "/".join(str(step) for step in path)


_watch = threading.local()
_TOUCHES = ("open", "socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "sqlite3.")
_installed = False


@contextmanager
def _watched() -> Iterator[list[str]]:
    """What this thread touches outside itself. Audit hooks cannot be removed, so it is switched."""
    global _installed  # noqa: PLW0603 - one hook for the life of the process
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True
    touched: list[str] = []
    _watch.touched = touched
    try:
        yield touched
    finally:
        _watch.touched = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    touched = getattr(_watch, "touched", None)
    if touched is not None and event.startswith(_TOUCHES):
        touched.append(f"{event} {arguments!r:.80}")
