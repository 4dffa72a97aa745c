"""The queue: moto's SQS and the sandbox's own; nothing is deleted before its record is stored."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from crossdock import AuthError, RejectedError
from crossdock.http import Http
from crossdock_amazon import sqs
from crossdock_amazon.client import Amazon
from crossdock_amazon.config import AmazonConfig
from crossdock_amazon.sandbox import AmazonSandbox
from moto.server import ThreadedMotoServer

from conftest import Opened

KEYS = {"aws_access_key_id": "AKIA0EXAMPLE", "aws_secret_access_key": "secret-of-the-queue"}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """A real SQS-compatible server's address."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


async def aws(url: str, action: str, **body: Any) -> Any:
    """One call to moto, signed as ours are."""
    box = AmazonSandbox()
    given = {**box.connection("http://127.0.0.1:1"), **KEYS, "queue_url": f"{url}/1/x"}
    given.pop("connector")
    config = AmazonConfig.model_validate(given)
    content = json.dumps(body).encode()
    async with Http(name="moto", base_url=url) as http:
        headers = sqs.signed(config, action, content)
        return (await http.post("/", content=content, headers=headers)).json()


@asynccontextmanager
async def at_moto(
    moto: str, name: str, box: AmazonSandbox, opened: Opened, **options: Any
) -> AsyncIterator[tuple[Amazon, str]]:
    """The connector with its queue at moto; the sandbox's notifications go there too."""
    queue = (await aws(moto, "CreateQueue", QueueName=name))["QueueUrl"]
    queue = f"{moto}/{'/'.join(queue.split('/')[-2:])}"
    sent: list[str] = []
    box.account.tell = sent.append
    async with opened(queue_url=queue, **KEYS, **options) as port:
        box.account.sell({"TEE-S": 2})
        for body in sent:
            await aws(moto, "SendMessage", QueueUrl=queue, MessageBody=body)
        yield port, queue


async def left(moto: str, queue: str) -> int:
    """Messages in moto's queue, hidden ones too."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = await aws(moto, "GetQueueAttributes", QueueUrl=queue, AttributeNames=names)
    return sum(int(told["Attributes"][name]) for name in names)


async def test_a_message_goes_when_its_record_is_stored(
    moto: str, box: AmazonSandbox, opened: Opened
) -> None:
    async with at_moto(moto, "stored", box, opened) as (port, queue):
        raws = [raw async for raw in port.poll(None)]
        topics = [raw.topic for raw in raws]
        assert topics[:3] == ["start", "notification/ORDER_CHANGE", "order"]
        assert await left(moto, queue) == 1  # told, and not stored yet for all we know
        assert [raw async for raw in port.poll(raws[1].cursor) if raw.topic == "x"] == []
        assert await left(moto, queue) == 1  # the notification was stored, the order was not
        more = [raw async for raw in port.poll(raws[-1].cursor)]
        assert "notification/ORDER_CHANGE" not in [raw.topic for raw in more]


async def test_moto_deletes_it_at_the_poll_after(
    moto: str, box: AmazonSandbox, opened: Opened
) -> None:
    async with at_moto(moto, "deleted", box, opened) as (port, queue):
        raws = [raw async for raw in port.poll(None)]
        _ = [raw async for raw in port.poll(raws[-1].cursor)]
        assert await left(moto, queue) == 0


async def test_what_was_told_and_not_stored_comes_again_to_another(
    moto: str, box: AmazonSandbox, opened: Opened
) -> None:
    async with at_moto(moto, "again", box, opened, visibility_s=0) as (port, queue):
        told = [raw async for raw in port.poll(None)]
        options = {"queue_url": queue, "visibility_s": 0}
        async with opened(**options, **KEYS) as other:
            again = [raw async for raw in other.poll(told[-1].cursor)]
            wanted = {raw.delivery_id for raw in told if raw.topic != "start"}
            assert wanted <= {raw.delivery_id for raw in again}
            assert await left(moto, queue) == 1  # another's cursor proves nothing to it
            _ = [raw async for raw in other.poll(again[-1].cursor)]
            assert await left(moto, queue) == 0


async def test_more_than_one_receive_holds_and_each_order_once_a_batch(
    box: AmazonSandbox, opened: Opened
) -> None:
    made = box.account.sell_many(23, 1, "merchant")
    box.account.touch(made[0]["orderId"])
    async with opened() as port:
        raws = [raw async for raw in port.poll(None)]
        told = [raw for raw in raws if raw.topic == "notification/ORDER_CHANGE"]
        assert len(told) == len({raw.delivery_id for raw in told}) == 24
        assert {raw.key for raw in raws if raw.topic == "order"} == {
            f"order:{one['orderId']}" for one in made
        }
        assert len(box.queue.kept) == 24
        _ = [raw async for raw in port.poll(raws[-1].cursor)]
        assert not box.queue.kept
        assert box.queue.deleted == 24


async def test_a_wrong_key_is_a_credential_error(box: AmazonSandbox, opened: Opened) -> None:
    async with opened(aws_secret_access_key="somebody-elses-secret") as port:
        with pytest.raises(AuthError, match=r"SignatureDoesNotMatch.*aws_access_key_id"):
            _ = [raw async for raw in port.poll(None)]


async def test_a_queue_that_is_not_there_is_told_by_name(
    box: AmazonSandbox, opened: Opened
) -> None:
    async with opened(queue_url="http://127.0.0.1:9/123456789012/other") as port:
        assert port.queue is not None
        url = str(port.config.url)
        async with Http(name="queue", base_url=url) as http:
            with pytest.raises(RejectedError, match="QueueDoesNotExist"):
                await sqs.Queue(
                    port.config.model_copy(update={"queue_url": f"{url}1/other"}), http
                ).receive()
