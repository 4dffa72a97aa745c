"""The sandbox's rate limit: what a document costs, and the bucket it is paid from.

Rules as published: an object costs 1, a connection its page size times what it holds, a mutation
10; a document may ask for at most 1,000; asked cost must be in the bucket, and what the answer
really held is taken out. Source: shopify.dev "GraphQL Admin API rate limits".
"""

import time
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)

MAX_QUERY_COST = 1000
MUTATION_COST = 10
_WHOLE_PAGE = 250
_TRANSPARENT = frozenset({"nodes", "edges", "node", "pageInfo"})


@dataclass
class Bucket:
    """A leaky bucket, filled by time."""

    maximum: float
    restore_rate: float
    level: float = -1.0
    filled_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.level < 0:
            self.level = self.maximum

    def available(self) -> float:
        """How much is in it now."""
        now = time.monotonic()
        self.level = min(self.maximum, self.level + (now - self.filled_at) * self.restore_rate)
        self.filled_at = now
        return self.level

    def take(self, cost: float) -> None:
        """Pay for an answer."""
        self.level = max(self.available() - cost, 0.0)

    def status(self) -> dict[str, float]:
        """As in `extensions.cost.throttleStatus`."""
        return {
            "maximumAvailable": self.maximum,
            "currentlyAvailable": float(int(self.available())),
            "restoreRate": self.restore_rate,
        }


def requested(schema: GraphQLSchema, operation: OperationDefinitionNode) -> int:
    """The most a document may cost, from its page sizes."""
    if operation.operation is OperationType.MUTATION:
        return MUTATION_COST
    root = schema.query_type
    return _cost(schema, root, operation.selection_set) if root else 0


def _cost(schema: GraphQLSchema, parent: Any, selections: SelectionSetNode) -> int:
    total = 0
    for node in selections.selections:
        if isinstance(node, InlineFragmentNode):
            inner = schema.get_type(node.type_condition.name.value) if node.type_condition else None
            total += _cost(schema, inner or parent, node.selection_set)
        elif isinstance(node, FieldNode) and node.selection_set is not None:
            definition = (
                parent.fields.get(node.name.value)
                if isinstance(parent, GraphQLObjectType)
                else None
            )
            if definition is None or not is_composite_type(get_named_type(definition.type)):
                continue
            within = _cost(schema, get_named_type(definition.type), node.selection_set)
            if node.name.value in _TRANSPARENT:
                total += within + (1 if node.name.value == "nodes" else 0)
            elif "first" in definition.args:
                total += 1 + _page_size(node) * max(within, 1)
            else:
                total += 1 + within
    return total


def _page_size(node: FieldNode) -> int:
    for argument in node.arguments or ():
        if argument.name.value in {"first", "last"}:
            literal = argument.value
            return int(literal.value) if isinstance(literal, IntValueNode) else _WHOLE_PAGE
    return _WHOLE_PAGE


def actual(data: object) -> int:
    """What an answer really held: one for each object."""
    if isinstance(data, dict):
        return 1 + sum(actual(value) for value in data.values())
    if isinstance(data, list):
        return sum(actual(item) for item in data)
    return 0
