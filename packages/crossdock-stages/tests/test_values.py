"""Values made quickly are the values that `dataclasses` makes."""

from dataclasses import dataclass, field, fields, replace

import pytest
from crossdock_stages.values import changed, made


@dataclass(frozen=True, kw_only=True)
class Thing:
    name: str
    count: int = 1
    parts: tuple[str, ...] = field(default_factory=tuple)


def test_a_changed_value_is_what_replace_makes_and_the_first_stays_as_it_was() -> None:
    thing = Thing(name="a", parts=("x",))
    assert changed(thing, count=2) == replace(thing, count=2)
    assert hash(changed(thing, count=2)) == hash(replace(thing, count=2))
    assert changed(thing) == thing == Thing(name="a", parts=("x",))


def test_a_field_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="Thing has no cuont"):
        changed(Thing(name="a"), cuont=2)


def test_a_value_made_of_its_fields_is_the_value() -> None:
    thing = Thing(name="a", count=3)
    assert made(Thing, ((one.name, getattr(thing, one.name)) for one in fields(Thing))) == thing
