"""What every entity has, and how entities travel as bytes."""

from typing import Any, ClassVar, Self

from pydantic import Field, ValidationError

from crossdock.canonical.values import Extensions, Id, Instant, Model, Ref
from crossdock.errors import ContractError
from crossdock.jsontext import pointer, shorten


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
    extensions: Extensions = Field(default_factory=dict)

    def dump(self) -> bytes:
        """Compact JSON; fields left at None or empty are left out."""
        return self.__pydantic_serializer__.to_json(self, exclude_defaults=True)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read from the bus: unknown fields of newer minors are dropped, everything else checked.

        ContractError names the first fault's pointer and value.
        """
        try:
            return cls.model_validate_json(data, extra="ignore")
        except ValidationError as error:
            raise contract_error(cls.kind, error) from None


def contract_error(what: str, error: ValidationError) -> ContractError:
    """pydantic's findings in our words: pointer, expected, found; never more than one line each."""
    faults = [
        {
            "pointer": pointer(*fault["loc"]),
            "expected": fault["msg"],
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
