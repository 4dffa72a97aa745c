"""What is lost on the way to a neighbour, taken out of a document."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Condition = Callable[[Any, Any, Sequence[Any]], bool]
"""Whether a value is lost: the value, its key or index, and its containers from the root down."""

Path = tuple[Any, ...]


def marks(
    document: Any, lost: Iterable[str], when: Mapping[str, Condition] | None = None
) -> set[Path]:
    """Where in this document the lost pointers lead."""
    marked: set[Path] = set()
    for pointer in lost:
        condition = (when or {}).get(pointer)
        _mark(document, pointer.split("/")[1:], (), (), condition, marked)
    return marked


def without(document: Any, marked: set[Path], at: Path = ()) -> Any:
    """A copy without what is marked."""
    if isinstance(document, Mapping):
        return {
            key: without(child, marked, (*at, key))
            for key, child in document.items()
            if (*at, key) not in marked
        }
    if isinstance(document, Sequence) and not isinstance(document, str):
        return [
            without(child, marked, (*at, index))
            for index, child in enumerate(document)
            if (*at, index) not in marked
        ]
    return document


def strike(document: Any, lost: Iterable[str], when: Mapping[str, Condition] | None = None) -> Any:
    """What the other side can know of this document."""
    return without(document, marks(document, lost, when))


def _mark(
    node: Any,
    rest: Sequence[str],
    path: Path,
    parents: Path,
    condition: Condition | None,
    marked: set[Path],
) -> None:
    if not rest:
        if condition is None or condition(node, path[-1], parents):
            marked.add(path)
        return
    children: Iterable[tuple[Any, Any]] = ()
    if isinstance(node, Mapping):
        wanted = rest[0].replace("~1", "/").replace("~0", "~")
        if wanted == "*":
            children = node.items()
        elif wanted in node:
            children = [(wanted, node[wanted])]
    elif isinstance(node, Sequence) and not isinstance(node, str) and rest[0] == "*":
        children = enumerate(node)
    for key, child in children:
        _mark(child, rest[1:], (*path, key), (*parents, node), condition, marked)
