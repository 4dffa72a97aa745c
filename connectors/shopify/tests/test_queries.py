"""Every document we send is one that Shopify's schema accepts, in every version we allow."""

from pathlib import Path
from typing import get_args

import pytest
from crossdock_shopify import queries, sandbox, sandbox_cost
from crossdock_shopify.config import ShopifyConfig
from graphql import GraphQLSchema, OperationDefinitionNode, build_schema, parse, validate

RECORDED = Path(__file__).parent / "recordings" / "schema"
VERSIONS = get_args(ShopifyConfig.model_fields["api_version"].annotation)


def schema_of(version: str) -> GraphQLSchema:
    if version in sandbox.SCHEMA_FILE:
        return sandbox.schema()
    return build_schema((RECORDED / f"admin-{version}.used.graphql").read_text("utf-8"))


def test_there_are_documents() -> None:
    assert len(queries.ALL) == 9
    assert all("Crossdock" in text for text in queries.ALL.values())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", queries.ALL)
def test_document_is_valid(name: str, version: str) -> None:
    assert validate(schema_of(version), parse(queries.ALL[name])) == []


@pytest.mark.parametrize("name", queries.ALL)
def test_document_costs_less_than_one_query_may(name: str) -> None:
    (operation,) = parse(queries.ALL[name]).definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert 0 < sandbox_cost.requested(sandbox.schema(), operation) <= 1000


def test_a_field_that_shopify_has_not_is_found() -> None:
    assert validate(sandbox.schema(), parse("{ shop { colour } }"))
