"""What every entity has, and how entities travel as bytes."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from crossdock import jsontext
from crossdock.canonical import codes
from crossdock.canonical.checking import checker
from crossdock.canonical.values import NOTHING, Extensions, Id, Instant, Model, Ref
from crossdock.canonical.wires import REFUSED, wire
from crossdock.canonical.writing import UNWRITTEN, writer
from crossdock.errors import ContractError
from crossdock.jsontext import pointer, shorten

_BACKSLASH = ord("\\")

MAX_BYTES = 4 * 1024 * 1024
"""Larger documents are refused unread: an order of 1,000 lines has half a megabyte."""


class Entity(Model):
    """A canonical thing: a full snapshot, never a delta."""

    kind: ClassVar[str]
    """The word in event types and ids: `order`, `product` …"""
    major: ClassVar[int] = 1
    """The major version of the published schema."""

    id: Id | None = None
    """Canonical id. Translate derives it from connection, kind and native id; leave it out."""
    refs: tuple[Ref, ...] = ()
    """What other systems call it."""
    updated_at: Instant | None = None
    """When the source last changed it, by the source's clock."""
    extensions: Extensions = NOTHING
    """What has no canonical place, under reverse-domain keys."""

    def dump(self) -> bytes:
        """Compact JSON; fields left at None or empty are left out."""
        quick = writer(type(self))
        if quick is not None:
            try:
                return quick(self)
            except UNWRITTEN:  # the model itself says what becomes of a value of another type
                pass
        return self.__pydantic_serializer__.to_json(self, exclude_defaults=True)

    @classmethod
    def parse(cls, data: bytes, *, major: int | None = None) -> Self:
        """Read from the bus: unknown fields of newer minors are dropped, everything else checked.

        `major` is the version the bytes were written in, where it is not the present one: older
        bytes are brought up first (`crossdock.canonical.upcast`). ContractError names the first
        fault's pointer and value; also for more than MAX_BYTES, which are not even looked at.
        """
        # a document of ours hardly ever has a backslash, and looking for one byte costs nothing
        if _BACKSLASH in data or len(data) > MAX_BYTES:
            _refuse_at_sight(cls.kind, data)
        if major is not None and major != cls.major:
            from crossdock.canonical.upcast import upcast_bytes

            data = upcast_bytes(cls.kind, data, major, cls.major)
        quick = wire(cls)
        if quick is not None:
            try:
                entity: Self = quick.read(data)
            except REFUSED:  # the model itself judges what its wire refuses
                pass
            else:
                return entity
        try:
            entity = cls.__pydantic_validator__.validate_json(data, extra="ignore")
        except ValidationError as error:
            raise contract_error(cls.kind, error) from None
        return entity

    @classmethod
    def write(cls, document: Mapping[str, Any]) -> bytes:
        """Compact JSON of JSON values that are such an entity; no model is made.

        ContractError as from `parse`, also for what JSON has not, such as a Decimal or a datetime.
        """
        try:
            data = jsontext.dump_quickly(document)
        except ValueError as error:
            raise ContractError(f"{cls.kind}: {error}") from None
        _refuse_at_sight(cls.kind, data)
        quick = wire(cls)
        if quick is not None:
            try:
                quick.check(document)
            except REFUSED:
                pass
            else:
                return data
        check = checker(cls)
        if check is None:
            cls.parse(data)
            return data
        try:
            check(document)
        except ValidationError as error:
            raise _in_words(cls, document, error) from None
        return data


def _in_words(
    cls: type[Entity], document: Mapping[str, Any], error: ValidationError
) -> ContractError:
    """The checker keeps no words for people, the model does."""
    try:
        cls.__pydantic_validator__.validate_python(document, extra="ignore")
    except ValidationError as told:
        return contract_error(cls.kind, told)
    return contract_error(cls.kind, error)  # a Python value that only the model would take


def _refuse_at_sight(what: str, data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise ContractError(
            f"{what}: {len(data)} bytes are more than one document may have ({MAX_BYTES}): "
            "divide it, or put what is large behind a link",
            value=f"{len(data)} bytes",
        )
    if _BACKSLASH in data and re.search(rb"(?<!\\)(\\\\)*\\u0000", data):
        raise ContractError(f"{what}: a text holds U+0000, which no database can store")


def contract_error(what: str, error: ValidationError) -> ContractError:
    """pydantic's findings in our words: pointer, expected, found; never more than one line each."""
    faults = [
        {
            "pointer": pointer(*fault["loc"]),
            "expected": _expected(fault),
            "found": shorten(fault["input"]),
        }
        for fault in error.errors(include_url=False, include_context=False)
    ]
    first = faults[0]
    more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
    parts: dict[str, Any] = {"faults": faults[:20]}
    return ContractError(
        f"{what}{first['pointer']}: {first['expected']}; found {first['found']}{more}",
        pointer=first["pointer"],
        value=first["found"],
        parts=parts,
    )


def _expected(fault: ErrorDetails) -> str:
    """pydantic's sentence, with the right form where people often write a wrong one."""
    message, found = fault["msg"], fault["input"]
    if fault["type"] in _HINTS and isinstance(found, str):
        hints = _HINTS[fault["type"]]
        hint = hints.get(found) or hints.get(found.upper())
        known = codes.COUNTRIES if fault["type"] == "country" else codes.CURRENCIES
        if hint is None and found.strip().upper() in known:
            hint = found.strip().upper()
        return f"{message}; for {found[:20]!r} write {hint}" if hint else message
    if fault["type"] == "string_type" and isinstance(found, int | float):
        return f'{message}: write "{found}"' if found == found else message
    return message


_HINTS = {"country": codes.COUNTRY_HINTS, "currency": codes.CURRENCY_HINTS}
