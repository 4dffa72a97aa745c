"""A served sandbox, and the connector opened on it."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from crossdock import Context
from crossdock.testing.sandbox import serve
from crossdock_amazon.client import Amazon, open_amazon
from crossdock_amazon.config import AmazonConfig
from crossdock_amazon.sandbox import AmazonSandbox

sys.path.insert(0, str(Path(__file__).parent))

Opened = Callable[..., AbstractAsyncContextManager[Amazon]]


@pytest.fixture
def box() -> AmazonSandbox:
    """One account, with rates a thousand times the published ones and no delay of its search."""
    return AmazonSandbox(behind_s=0, plan=1e4)


@pytest.fixture
def opened(box: AmazonSandbox) -> Opened:
    """`async with opened(option=…) as port`."""

    @asynccontextmanager
    async def open_(**options: Any) -> AsyncIterator[Amazon]:
        async with serve(box.app) as url:
            given = {**box.connection(url), "overlap_s": 86_400, "sweep_every_s": 0, **options}
            given.pop("connector")
            secrets = (box.client_secret, box.refresh_token)
            context = Context(connection="amazon", secrets=secrets)
            async with open_amazon(AmazonConfig.model_validate(given), context) as port:
                yield port

    return open_
