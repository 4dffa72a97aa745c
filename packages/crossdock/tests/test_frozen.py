"""What is made at once is what its dataclass would have been."""

import inspect
from dataclasses import FrozenInstanceError, dataclass, field, replace
from typing import Any

import pytest
from crossdock.frozen import made_at_once


@dataclass(frozen=True)
class Slow:
    """Two that may be given by place, two by name alone."""

    one: str
    two: int = 2
    three: str = field(kw_only=True)
    four: tuple[int, ...] = field(default=(), kw_only=True)


@made_at_once
@dataclass(frozen=True)
class Quick(Slow):
    """The same fields."""


@pytest.mark.parametrize(
    ("places", "names"),
    [
        (("a",), {"three": "b"}),
        (("a", 1), {"three": "b", "four": (1,)}),
        ((), {"one": "a", "two": 3, "three": "b"}),
    ],
)
def test_the_same_comes_of_the_same(places: tuple[Any, ...], names: dict[str, Any]) -> None:
    slow, quick = Slow(*places, **names), Quick(*places, **names)
    assert vars(quick) == vars(slow)
    assert list(vars(quick)) == list(vars(slow))
    assert quick == Quick(*places, **names)
    assert hash(quick) == hash(Quick(*places, **names))
    assert repr(quick) == repr(slow).replace("Slow", "Quick")
    assert replace(quick, two=9).two == 9
    with pytest.raises(FrozenInstanceError):
        quick.one = "c"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("places", "names"),
    [((), {}), (("a",), {}), (("a", 1, "b"), {}), (("a",), {"three": "b", "five": 5})],
)
def test_the_same_is_refused(places: tuple[Any, ...], names: dict[str, Any]) -> None:
    for kind in (Slow, Quick):
        with pytest.raises(TypeError):
            kind(*places, **names)


def test_the_signature_is_the_same() -> None:
    assert list(inspect.signature(Quick).parameters) == list(inspect.signature(Slow).parameters)


def test_what_must_follow_follows() -> None:
    @made_at_once
    @dataclass(frozen=True)
    class Checked:
        one: int

        def __post_init__(self) -> None:
            if self.one < 0:
                raise ValueError("less than nothing")

    assert Checked(1).one == 1
    with pytest.raises(ValueError, match="less"):
        Checked(-1)


def test_a_factory_is_refused() -> None:
    @dataclass(frozen=True)
    class Many:
        several: list[int] = field(default_factory=list)

    with pytest.raises(TypeError, match="several"):
        made_at_once(Many)
