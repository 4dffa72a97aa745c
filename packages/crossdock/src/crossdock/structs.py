"""What is needed to read JSON by msgspec where pydantic says what it must look like.

msgspec reads bytes into structs by their types alone, in less time than `json.loads` makes dicts.
What it does not see to, patterns above all, is done by a function that is written for each struct.
`crossdock.canonical.wires` reads entities so, `crossdock.records` what vendors send.

Without msgspec (extra `fast`) nothing is read so, and pydantic reads, which also judges and words
whatever is refused here.
"""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, NoReturn

msgspec: Any
try:
    import msgspec
except ImportError:  # the extra `fast` is not installed
    msgspec = None

REFUSED = (ValueError, RecursionError)
"""What is raised for what is not taken: msgspec's and pydantic's errors are ValueErrors."""


class UnknownError(Exception):
    """A schema that is not known here: pydantic must read it."""


class Leaf(NamedTuple):
    """A kind of value: its type for msgspec, and what is left to do.

    `make` is the expression for the value that is wanted, with `{0}` for what msgspec has read;
    `check` is the one that raises for a wrong value, where the value itself is not wanted.
    """

    type: Any
    make: str = ""
    check: str = ""
    lines: tuple[str, ...] = ()
    """The same as `make`, as lines that leave the value in `n`: without a call of a function."""

    def made(self, value: str) -> str:
        """The expression for the value that is wanted."""
        return self.make.format(value) if self.make else value


class Code:
    """Functions as they are being written, with the names they use."""

    def __init__(self, **names: Any) -> None:
        self.names: dict[str, Any] = {"refuse": refuse, **names}
        self._numbers = itertools.count()

    def named(self, stem: str, value: Any) -> str:
        """A name of its own for `value`."""
        name = f"{stem}{next(self._numbers)}"
        self.names[name] = value
        return name

    def written(self, stem: str, lines: Sequence[str]) -> str:
        """The name of a function of `s` with these lines."""
        name = f"{stem}{next(self._numbers)}"
        source = "\n ".join([f"def {name}(s):", *lines])
        exec(source, self.names)  # noqa: S102 - names of our own classes; as dataclasses does it
        return name

    def called(self, function: Callable[..., Any], type_: Any) -> Leaf:
        """A value that `function` makes of what msgspec has read, or refuses."""
        known = getattr(function, "__self__", None)
        if isinstance(known, dict) and function == known.__getitem__:  # quicker than a call
            expression = self.named("known", known) + "[{0}]"
        else:
            expression = self.named("function", function) + "({0})"
        return Leaf(type_, expression, expression)

    def matching(self, pattern: str) -> str:
        """The expression for text, when it is of this pattern and no longer."""
        match = re.compile(pattern, re.ASCII).fullmatch
        return f"({{0}} if {self.named('match', match)}({{0}}) else refuse())"


def struct(name: str, members: Sequence[tuple[Any, ...]], *, closed: bool) -> Any:
    """A struct with these members, each (name, type) or (name, type, default)."""
    return msgspec.defstruct(name, members, kw_only=True, forbid_unknown_fields=closed, gc=False)


def bounded(type_: Any, node: Mapping[str, Any]) -> Any:
    """The type with the bounds of a schema."""
    names = ("min_length", "max_length", "ge", "gt", "le", "lt")
    bounds = {key: node[key] for key in names if key in node}
    return Annotated[type_, msgspec.Meta(**bounds)] if bounds else type_


def only(node: Mapping[str, Any], *known: str) -> None:
    """UnknownError when a schema asks for anything else than what is `known`."""
    if not node.keys() <= {"type", "ref", "metadata", "serialization", *known}:
        raise UnknownError(node["type"])


def refuse(why: str = "") -> NoReturn:
    """Raises one of REFUSED; nobody reads why."""
    raise ValueError(why)
