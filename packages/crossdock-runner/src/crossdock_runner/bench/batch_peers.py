"""What others need to read the same pages. Run by a peer's own interpreter: imports no Crossdock.

python batch_peers.py singer|airbyte|dlt URL OUT: reads every page of URL and writes JSON lines
to OUT (dlt: below OUT.fs), each in the shortest way its documentation teaches, checks included.
After the yardstick of the project's research (b6_readers.py).
"""

# mypy: ignore-errors
import json
import os
import sys
import urllib.request
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit


def infer(value):
    """A JSON Schema that accepts this value, for the frameworks that want one."""
    if isinstance(value, dict):
        inner = {key: infer(one) for key, one in value.items()}
        return {"type": ["object", "null"], "properties": inner}
    if isinstance(value, list):
        return {"type": ["array", "null"], "items": infer(value[0]) if value else {}}
    names = {bool: "boolean", int: "integer", float: "number"}
    return {"type": [names.get(type(value), "string"), "null"]}


def schema(url):
    """That of the first order."""
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own API on loopback
        return infer(json.load(answer)["orders"][0]) | {"type": "object"}


def to_file(out):
    """What the framework writes to its standard output goes there."""
    os.dup2(os.open(out, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 1)


def singer(url, out):
    """A tap with one REST stream; state messages are its checkpoints."""
    from singer_sdk import Tap
    from singer_sdk.pagination import BaseHATEOASPaginator
    from singer_sdk.streams import RESTStream

    class Pager(BaseHATEOASPaginator):
        def get_next_url(self, response):
            return response.json()["next"]

    class Orders(RESTStream):
        name = "orders"
        path = ""
        primary_keys = ("id",)
        records_jsonpath = "$.orders[*]"
        url_base = url.split("?")[0]

        def get_new_paginator(self):
            return Pager()

        def get_url_params(self, context, next_page_token):
            return dict(parse_qsl((next_page_token or urlsplit(url)).query))

    Orders.schema = schema(url)

    class Demo(Tap):
        name = "tap-demo"
        config_jsonschema = {"properties": {}}  # noqa: RUF012 - as its documentation has it

        def discover_streams(self):
            return [Orders(self)]

    to_file(out)
    Demo(config={}, parse_env_config=False).sync_all()
    sys.stdout.flush()


def airbyte(url, out):
    """A declarative source, as its builder writes it."""
    from airbyte_cdk.entrypoint import launch
    from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer
    from airbyte_cdk.sources.declarative.yaml_declarative_source import YamlDeclarativeSource

    parts = urlsplit(url)
    requester = {
        "type": "HttpRequester",
        "url_base": f"{parts.scheme}://{parts.netloc}",
        "path": parts.path,
        "http_method": "GET",
        "request_parameters": {},
    }
    paginator = {
        "type": "DefaultPaginator",
        "page_token_option": _parameter("page"),
        "page_size_option": _parameter("limit"),
        "pagination_strategy": {
            "type": "PageIncrement",
            "page_size": 250,
            "start_from_page": 1,
            "inject_on_first_request": True,
        },
    }
    selector = {
        "type": "RecordSelector",
        "extractor": {"type": "DpathExtractor", "field_path": ["orders"]},
    }
    stream = {
        "type": "DeclarativeStream",
        "name": "orders",
        "primary_key": "id",
        "schema_loader": {"type": "InlineSchemaLoader", "schema": schema(url)},
        "retriever": {
            "type": "SimpleRetriever",
            "record_selector": selector,
            "requester": requester,
            "paginator": paginator,
        },
    }
    manifest = {
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["orders"]},
        "streams": [stream],
        "spec": {
            "type": "Spec",
            "connection_specification": {"type": "object", "properties": {}},
        },
    }
    wanted = {"name": "orders", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    modes = {"sync_mode": "full_refresh", "destination_sync_mode": "append"}
    catalog = {"streams": [{"stream": wanted, **modes}]}
    folder = Path(f"{out}.d")
    folder.mkdir(exist_ok=True)
    for name, value in (("m.yaml", manifest), ("c.json", {}), ("cat.json", catalog)):
        (folder / name).write_text(json.dumps(value))
    source = YamlDeclarativeSource(
        path_to_yaml=str(folder / "m.yaml"),
        catalog=ConfiguredAirbyteCatalogSerializer.load(catalog),
        config={},
        state=[],
    )
    to_file(out)
    arguments = ["read", "--config", str(folder / "c.json")]
    launch(source, [*arguments, "--catalog", str(folder / "cat.json")])


def _parameter(name):
    return {"type": "RequestOption", "inject_into": "request_parameter", "field_name": name}


def dlt(url, out):
    """Its REST source into JSON Lines files; its packages are its checkpoints."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
    os.environ["NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION"] = "true"
    os.environ["DLT_DATA_DIR"] = f"{out}.dlt"
    import dlt as peer
    from dlt.sources.rest_api import rest_api_source

    parts = urlsplit(url)
    endpoint = {
        "path": parts.path,
        "params": dict(parse_qsl(parts.query)),
        "data_selector": "orders",
        "paginator": {"type": "json_link", "next_url_path": "next"},
    }
    source = rest_api_source(
        {
            "client": {"base_url": f"{parts.scheme}://{parts.netloc}"},
            "resources": [{"name": "orders", "max_table_nesting": 0, "endpoint": endpoint}],
        }
    )
    source.max_table_nesting = 0
    destination = peer.destinations.filesystem(bucket_url=f"file://{out}.fs")
    pipeline = peer.pipeline(
        f"bench{os.getpid()}",
        destination=destination,
        dataset_name="o",
        pipelines_dir=f"{out}.pl",
    )
    pipeline.run(source, loader_file_format="jsonl")


if __name__ == "__main__":
    {"singer": singer, "airbyte": airbyte, "dlt": dlt}[sys.argv[1]](*sys.argv[2:4])
