"""Money and quantities as integers, exactly; and reading a stranger's document safely."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from crossdock.canonical.values import Instant, Money
from crossdock.errors import ContractError
from crossdock.jsontext import pointer as pointer_of
from crossdock.jsontext import shorten

T = TypeVar("T")

MAX_INTEGER = 9_007_199_254_740_991
"""2^53 - 1: the largest integer that every JSON reader keeps (RFC 8259, section 6)."""

_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)

EXTENSION = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)+").fullmatch
"""Whether a member's name is a reverse-domain one, as in our `extensions`."""

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-Z\[\]_a-z~%&]+").fullmatch
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})").search


def misfit(pointer: str, found: object, expected: str) -> ContractError:
    """What a translation cannot carry, or does not find."""
    shown = shorten(found)
    return ContractError(f"{pointer}: {expected}; found {shown}", pointer=pointer, value=shown)


def minor_units(money: Money, currency: str, pointer: str, minimum: int = -MAX_INTEGER) -> int:
    """The amount in the currency's smallest coin. ContractError: `pointer` names what does not fit.

    Not rounded: 12.345 EUR does not fit, 12.340 EUR is 1234.
    """
    found = f"{money.amount:f} {money.currency}"
    if money.currency != currency:
        raise misfit(pointer, found, f"every amount must be in {currency}")
    with _at(pointer):
        whole = money.in_minor()
    if not minimum <= whole <= MAX_INTEGER:
        raise misfit(pointer, found, f"must be {minimum} to {MAX_INTEGER} of its smallest coin")
    return whole


def major_units(amount: int, currency: str, pointer: str) -> Money:
    """The money that an integer of smallest coins stands for."""
    if abs(amount) > MAX_INTEGER:
        raise misfit(pointer, amount, f"must be at most {MAX_INTEGER} of the smallest coin")
    with _at(pointer):
        return Money.of_minor(amount, currency)


def steps(quantity: Decimal, scale: int, pointer: str, minimum: int = 0) -> int:
    """A quantity as a count of steps of 10^-scale. ContractError when it is not whole."""
    scaled = quantity.scaleb(scale)
    whole = int(scaled)
    if scaled != whole:
        raise misfit(pointer, f"{quantity:f}", f"must be whole at {scale} decimal places")
    if not minimum <= whole <= MAX_INTEGER:
        raise misfit(pointer, f"{quantity:f}", f"must be {minimum} to {MAX_INTEGER} steps")
    return whole


def places(quantities: Iterable[Decimal]) -> int:
    """How many decimal places these quantities need."""
    needed = 0
    for quantity in quantities:
        exponent = quantity.normalize().as_tuple().exponent
        if isinstance(exponent, int):
            needed = max(needed, -exponent)
    return needed


def is_uri(text: object) -> bool:
    """Whether it is an absolute URI of RFC 3986, as `format: uri` asks."""
    return isinstance(text, str) and bool(_URI(text)) and not _BAD_ESCAPE(text)


def recount(ordered: int, current: int, shipped: int, returned: int) -> tuple[int, int, int]:
    """Ordered, cancelled and given back, of what a neighbour counts.

    What is no longer wanted (`ordered` less `current`) was given back as far as the log or the
    shipments say so, and cancelled for the rest.
    """
    ordered = max(ordered, current, shipped)
    gone = max(0, ordered - current - returned)
    came_back = min(gone, max(0, shipped - (ordered - gone)))
    cancelled = gone - came_back
    return ordered, cancelled, min(returned + came_back, ordered - cancelled)


def instant(node: Mapping[str, Any], key: str, at: str) -> datetime:
    """The moment under `key`. ContractError when it is missing, or no time with a zone."""
    try:
        return _INSTANT.validate_python(need(node, key, str, at))
    except ValidationError as error:
        found = error.errors()[0]
        raise misfit(at + pointer_of(key), found["input"], found["msg"]) from None


def need(node: Mapping[str, Any], key: str, kind: type[T] | tuple[type[T], ...], at: str) -> T:
    """The value under `key`. ContractError when it is missing or not of `kind`."""
    value = maybe(node, key, kind, at)
    if value is None:
        raise misfit(at + pointer_of(key), None, "is required")
    return value


def maybe(
    node: Mapping[str, Any], key: str, kind: type[T] | tuple[type[T], ...], at: str
) -> T | None:
    """The value under `key`, None when it is missing or null. ContractError when not of `kind`."""
    value = node.get(key)
    if value is None:
        return None
    if not isinstance(value, kind) or isinstance(value, bool):
        names = {dict: "an object", list: "an array", str: "text", int: "an integer"}
        name = "a number" if isinstance(kind, tuple) else names[kind]
        raise misfit(at + pointer_of(key), value, f"must be {name}")
    return value


def objects(node: Mapping[str, Any], key: str, at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of the array under `key`, each with its pointer; none when it is missing."""
    for index, item in enumerate(maybe(node, key, list, at) or []):
        here = at + pointer_of(key, index)
        if not isinstance(item, dict):
            raise misfit(here, item, "must be an object")
        yield here, item


@contextmanager
def _at(pointer: str) -> Iterator[None]:
    """What money says of itself, with the place where it stands."""
    try:
        yield
    except ContractError as error:
        raise ContractError(f"{pointer}: {error}", pointer=pointer, value=error.value) from None
