"""Frozen dataclasses that are made by the thousand.

The `__init__` of a frozen dataclass goes through `object.__setattr__` for every field: of an
envelope's nineteen that is nine tenths of making one. Here all are put into the instance at once.
"""

from dataclasses import MISSING, fields
from typing import Any, TypeVar

T = TypeVar("T")


def made_at_once(cls: type[T]) -> type[T]:
    """Give a frozen dataclass without slots an `__init__` of the same signature that costs less.

    Its defaults must be values, not factories.
    """
    target: Any = cls
    known = fields(target)
    owner = next(one for one in cls.__mro__ if "__dict__" in vars(one))
    names: dict[str, Any] = {"put": vars(owner)["__dict__"].__set__}
    given: list[str] = []
    for at, field in enumerate(known):
        if field.default_factory is not MISSING or not field.init:
            raise TypeError(f"{cls.__name__}.{field.name} is more than a value")
        if field.kw_only and "*" not in given:
            given.append("*")
        given.append(field.name)
        if field.default is not MISSING:
            names[f"default{at}"] = field.default
            given[-1] += f"=default{at}"
    values = ", ".join(f"{field.name!r}: {field.name}" for field in known)
    after = "\n self.__post_init__()" if hasattr(cls, "__post_init__") else ""
    source = f"def __init__(self, {', '.join(given)}):\n put(self, {{{values}}}){after}"
    exec(source, names)  # noqa: S102 - names of our own classes; as dataclasses does it
    made = names["__init__"]
    made.__qualname__, made.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    made.__annotations__ = target.__init__.__annotations__
    target.__init__ = made
    return cls
