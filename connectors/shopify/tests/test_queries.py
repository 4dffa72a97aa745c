"""Every document we send is one that Shopify's schema accepts, in every version we allow."""

from typing import get_args

import pytest
from crossdock_shopify import queries, queries_read, sandbox, sandbox_cost, versions
from crossdock_shopify.config import ShopifyConfig
from graphql import OperationDefinitionNode, parse, validate

VERSIONS = get_args(ShopifyConfig.model_fields["api_version"].annotation)


def test_there_are_documents() -> None:
    assert len(queries.ALL) > 50
    assert all("Crossdock" in text for text in queries.ALL.values())
    assert VERSIONS == versions.VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", queries.ALL)
def test_document_is_valid(name: str, version: str) -> None:
    assert (
        validate(sandbox.schema(version), parse(versions.fitted(queries.ALL[name], version))) == []
    )


@pytest.mark.parametrize("name", queries.ALL)
def test_document_costs_less_than_one_query_may(name: str) -> None:
    (operation,) = parse(queries.ALL[name]).definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert 0 <= sandbox_cost.requested(sandbox.schema(), operation) <= 1000


@pytest.mark.parametrize("version", VERSIONS)
def test_the_backfill_is_valid_and_keeps_the_rules_of_bulk(version: str) -> None:
    """At most five connections, nested at most two deep, none inside a list."""
    text = queries_read.bulk_orders("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
    assert validate(sandbox.schema(version), parse(text)) == []
    assert text.count("edges {") == 4
    depth = deepest = 0
    for word in text.replace("{", " { ").replace("}", " } ").split():
        depth += word == "edges"
        deepest = max(deepest, depth)
    assert deepest <= 5


def test_a_field_that_shopify_has_not_is_found() -> None:
    assert validate(sandbox.schema(), parse("{ shop { colour } }"))
