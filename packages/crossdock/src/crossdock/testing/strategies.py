"""Hypothesis strategies: valid and nearly valid instances of every entity.

    from hypothesis import given
    from crossdock.canonical import Order
    from crossdock.testing import strategies

    @given(strategies.entities(Order))
    def test_my_connector_takes_every_order(order): ...

They follow from the models, so a new field is drawn as soon as it exists; limits of counters and
the other invariants are kept. Needs the extra `crossdock[testing]`.
"""

import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin

from hypothesis import strategies as st

from crossdock import schemas
from crossdock.canonical import ENTITIES, samples
from crossdock.canonical.entity import Entity
from crossdock.canonical.samples import Json, Wrong
from crossdock.canonical.values import Model, check_digit

E = TypeVar("E", bound=Entity)
M = TypeVar("M", bound=Model)

UNITS = ("EA", "KGM", "GRM", "LTR", "MTR", "CMT", "PR", "DZN", "C62")


def entities(model: type[E], *, unknown_words: bool = False) -> st.SearchStrategy[E]:
    """Valid instances. With `unknown_words` vocabularies also hold words that no list names."""
    return documents(model, unknown_words=unknown_words).map(model.model_validate)


def any_entity() -> st.SearchStrategy[Entity]:
    """Valid instances of any kind."""
    return st.sampled_from(sorted(ENTITIES.values(), key=lambda one: one.kind)).flatmap(entities)


def documents(model: type[Model], *, unknown_words: bool = False) -> st.SearchStrategy[Json]:
    """Valid instances as JSON: they fit the producer profile, or with `unknown_words` only the
    consumer profile."""
    return _document(model, unknown_words, 0)


def nearly_valid(model: type[Entity]) -> st.SearchStrategy[Wrong]:
    """Documents wrong in one way, each with the pointer, and keyword or rule, that tell of it."""

    schema = schemas.schema_of(model)

    def spoil(document: Json, number: int) -> Wrong:
        slips = samples.wrong_places(schema, document)
        name, path, value, reason, keyword = slips[number % len(slips)]
        return samples.replaced(name, document, path, value, reason, keyword)

    return st.builds(spoil, documents(model), st.integers(0, 10_000))


def decimals(*, signed: bool = True, places: int = 6) -> st.SearchStrategy[str]:
    """Decimal text as the wire has it."""
    common = st.sampled_from(["0", "1", "2", "12.30", "0.5", "100", "3.000", "0.000001"])
    digits = st.integers(0, 10**24 - 1)

    def write(number: int, point: int) -> str:
        text = str(number)[:18].lstrip("0") or "0"
        return text if point == 0 else f"{text}.{str(number)[-point:].zfill(point)}"

    drawn = st.builds(write, digits, st.integers(0, min(places, 6)))
    positive = common | drawn
    if not signed:
        return positive
    return st.one_of(positive, drawn.map(lambda text: f"-{text}"))


def instants() -> st.SearchStrategy[str]:
    """RFC 3339, with Z or an offset."""
    offsets = st.sampled_from([0, 0, 0, 60, -300, 330, 845, -720])

    def write(moment: datetime, minutes: int) -> str:
        zone = UTC if minutes == 0 else timezone(timedelta(minutes=minutes))
        text = moment.replace(tzinfo=zone).isoformat()
        return text.replace("+00:00", "Z")

    years = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1))  # noqa: DTZ001 - zone follows
    return st.builds(write, years, offsets)


def gs1_keys(*lengths: int) -> st.SearchStrategy[str]:
    """Digits with the right check digit."""

    def write(number: int, length: int) -> str:
        body = str(number).zfill(length)[: length - 1]
        return body + check_digit(body)

    return st.builds(write, st.integers(0, 10**18), st.sampled_from(lengths))


def texts(min_size: int = 0, max_size: int = 20) -> st.SearchStrategy[str]:
    """Text that a database can store: no NUL, no lone surrogate."""
    letters = st.characters(codec="utf-8", exclude_characters="\x00")
    plain = st.sampled_from(["TEE-M", "1001", "Größe 38", "日本", "a" * max(min_size, 1)])
    return plain | st.text(letters, min_size=min_size, max_size=max_size)


def json_values() -> st.SearchStrategy[Any]:
    """What may stand in extensions."""
    leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts()
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts(1, 8), inner, max_size=2),
        max_leaves=4,
    )


@cache
def _document(model: type[Model], unknown: bool, depth: int) -> st.SearchStrategy[Json]:
    needed: dict[str, st.SearchStrategy[Any]] = {}
    possible: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        target = needed if field.is_required() else possible
        target[name] = _value(name, field.annotation, tuple(field.metadata), unknown, depth)
    names = sorted(possible)
    chosen = st.lists(st.sampled_from(names), unique=True, max_size=8 if depth == 0 else 3)

    @st.composite
    def compose(draw: st.DrawFn) -> Json:
        made = {name: draw(strategy) for name, strategy in needed.items()}
        for name in draw(chosen) if names else ():
            made[name] = draw(possible[name])
        samples.keep_limits(model, made)
        mend = _MEND.get(model.__name__)
        if mend is not None:
            mend(made)
        return made

    return compose()


def _value(
    name: str, annotation: Any, metadata: tuple[Any, ...], unknown: bool, depth: int
) -> st.SearchStrategy[Any]:
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(one for one in get_args(annotation) if one is not type(None))
    if hasattr(annotation, "__metadata__"):
        metadata = (*annotation.__metadata__, *metadata)
        annotation = annotation.__origin__
    marks = {type(one).__name__: one for one in metadata}
    for mark, make in _BY_MARK.items():
        if mark in marks:
            return make(marks[mark], unknown)
    size = _sizes(metadata)
    if get_origin(annotation) is tuple:
        item = _value(name, get_args(annotation)[0], (), unknown, depth + 1)
        low = size.get("min_length") or 0
        return st.lists(item, min_size=low, max_size=max(low, 2))
    if get_origin(annotation) is not None and len(get_args(annotation)) == 2:
        value = _value(name, get_args(annotation)[1], (), unknown, depth + 1)
        return st.dictionaries(texts(1, 8), value, max_size=2)
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return _document(annotation, unknown, depth + 1)
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(size.get("ge", -1000), size.get("le", 1000))
    return _text(size)


def _text(size: dict[str, Any]) -> st.SearchStrategy[str]:
    pattern = size.get("pattern")
    if pattern == r"^[A-Z0-9]{2,3}$":
        return st.sampled_from(UNITS)
    if pattern == r"^[0-9a-f]{64}$":
        return st.binary(min_size=32, max_size=32).map(bytes.hex)
    if pattern is not None:
        return st.from_regex(pattern, fullmatch=True)
    return texts(size.get("min_length") or 0)


def _sizes(metadata: tuple[Any, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in metadata:
        for key in ("min_length", "max_length", "ge", "le", "pattern"):
            value = getattr(one, key, None)
            if value is not None:
                found[key] = value
    return found


_BY_MARK: dict[str, Callable[[Any, bool], st.SearchStrategy[Any]]] = {
    "Vocabulary": lambda mark, unknown: (
        st.sampled_from(mark.values) | texts(1) if unknown else st.sampled_from(mark.values)
    ),
    "_DecimalText": lambda mark, _: (
        decimals(places=4) if mark.name == "Rate" else decimals(signed=mark.name != "Count")
    ).filter(lambda text: mark.name != "Rate" or len(text.lstrip("-").partition(".")[0]) <= 6),
    "_TimeText": lambda mark, _: (
        instants() if mark.name == "Instant" else st.dates().filter(_present).map(str)
    ),
    "_CodeText": lambda mark, _: st.sampled_from(sorted(mark.known)),
    "_CheckedDigits": lambda mark, _: gs1_keys(*mark.lengths),
    "_JsonValues": lambda mark, _: st.dictionaries(
        st.sampled_from(["com.acme.loyalty", "com.shopify", "org.example.x_1"]),
        json_values(),
        max_size=2,
    ),
}


def _present(day: Any) -> bool:
    return bool(1000 <= day.year <= 2999)


def _one_currency(document: Json) -> None:
    """Amounts that stand directly in a document are in its own currency, or in the first one's."""
    moneys = [value for value in document.values() if isinstance(value, dict) and "amount" in value]
    for line in document.get("lines", ()):
        moneys += [
            value for value in line.values() if isinstance(value, dict) and "amount" in value
        ]
    amounts = [money for money in moneys if "currency" in money]
    if amounts:
        currency = document.get("currency", amounts[0]["currency"])
        for money in amounts:
            money["currency"] = currency


def _no_more(small: str, large: str) -> Callable[[Json], None]:
    def mend(document: Json) -> None:
        _one_currency(document)
        if small not in document or large not in document:
            return
        if Decimal(document[small]["amount"]) > Decimal(document[large]["amount"]):
            document[small]["amount"] = document[large]["amount"]

    return mend


def _payment(document: Json) -> None:
    _no_more("refunded", "captured")(document)
    _no_more("voided", "authorised")(document)


def _refund(document: Json) -> None:
    document["currency"] = document["amount"]["currency"]
    _one_currency(document)
    del document["currency"]


def _level(document: Json) -> None:
    """Buckets that add up, where finer ones are stated."""
    finer = ("committed", "safety", "quality_control", "damaged")
    if "on_hand" not in document or "available" not in document:
        return
    if not any(Decimal(document.get(name, "0")) for name in finer):
        return
    for name in ("available", "reserved", *finer):
        if name in document:
            document[name] = str(int(Decimal(document[name])) % 10**12)
    total = sum(
        (Decimal(document.get(name, "0")) for name in ("available", "reserved", *finer)), Decimal(0)
    )
    document["on_hand"] = format(total, "f")


_MEND: dict[str, Callable[[Json], None]] = {
    "Payment": _payment,
    "Refund": _refund,
    "GiftCard": _no_more("balance", "issued"),
    "Invoice": _one_currency,
    "CreditNote": _one_currency,
    "Settlement": _one_currency,
    "InventoryLevel": _level,
}
"""What keeps the invariants that are no limits of counters."""
