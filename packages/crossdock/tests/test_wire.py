"""Our short loops for headers, held to what nats-py's own do."""

import asyncio
from collections.abc import Mapping
from typing import Any

import nats.errors
import pytest
from crossdock.bus.wire import FastClient, header_block, read_headers
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

NAMES = st.text("abzAZ09-_.!~", min_size=1, max_size=12)
HEADERS = st.dictionaries(NAMES, st.text(max_size=30), max_size=8)


def test_both_methods_are_still_nats_pys() -> None:
    """Were they renamed, ours would no longer be called, and only speed would be lost."""
    assert "_parse_header_lines" in vars(Client)
    assert "_send_publish" in vars(Client)
    assert "_parse_header_lines" in vars(FastClient)


class Recorder:
    """Takes the place of the network in either client."""

    def __init__(self, kind: type[Client]) -> None:
        self.client = kind()
        self.sent: list[bytes] = []
        self.client._send_command = self._keep  # type: ignore[method-assign, assignment]
        self.client._flush_queue = None

    async def _keep(self, command: bytes, priority: bool = False) -> None:
        self.sent.append(bytes(command))

    def send(self, headers: Mapping[str, str]) -> bytes | str:
        """What went out, or the error."""
        send = self.client._send_publish("a.b", "r", b"body", 4, dict(headers))
        try:
            asyncio.run(send)
        except nats.errors.Error as error:
            return type(error).__name__
        return self.sent.pop()


@given(HEADERS | st.dictionaries(st.text(max_size=4), st.text(max_size=8), max_size=3))
def test_the_same_bytes_go_out(headers: dict[str, str]) -> None:
    assert Recorder(FastClient).send(headers) == Recorder(Client).send(headers)


@given(st.binary(max_size=80) | HEADERS.map(lambda h: header_block(h) or b""))
def test_the_same_headers_come_in(raw: bytes) -> None:
    raw = raw.removeprefix(b"NATS/1.0\r\n")
    assert FastClient._parse_header_lines(raw) == Client._parse_header_lines(raw)


@pytest.mark.parametrize(
    "headers",
    [{"a": "x\r\nb: y"}, {"a": "x\n"}, {"a b": "x"}, {"": "x"}, {"a:": "x"}, {"é": "x"}],
)
def test_nothing_can_be_smuggled_in(headers: dict[str, Any]) -> None:
    sent = Recorder(FastClient).send(headers)
    assert isinstance(sent, str) or b"\r\nb: y" not in sent


@pytest.mark.parametrize("raw", ["a: \u00e9\r\n\r\n".encode(), b"no colon\r\n", b"a b: c\r\n"])
def test_what_is_unusual_is_left_to_nats_py(raw: bytes) -> None:
    assert read_headers(raw) is None


async def test_one_short_thing_to_many_is_what_publish_sends() -> None:
    addresses = ["$JS.ACK.a.b.1.1.1.0.0", "$JS.ACK.a.b.1.2.2.0.0", "$JS.ACK.a.b.1.3.3.0.0"]
    one_by_one = Recorder(FastClient)
    one_by_one.client._status = Client.CONNECTED
    one_by_one.client._max_payload = 1024
    for address in addresses:
        await one_by_one.client.publish(address, b"+ACK")
    at_once = FastClient()
    at_once.publish_to_each([to.encode() for to in addresses], b"+ACK")
    at_once.publish_to_each([], b"+ACK")
    sent = b"".join(one_by_one.sent).replace(b"  ", b" ")
    assert b"".join(at_once._pending) == sent
    assert at_once._pending_data_size == len(sent)


def test_a_closed_client_and_a_full_one_say_so() -> None:
    client = FastClient()
    client._max_pending_size = 4
    client.write_soon([b"PUB a 0\r\n\r\n"])
    with pytest.raises(nats.errors.OutboundBufferLimitError):
        client.write_soon([b"PUB a 0\r\n\r\n"])
    client._status = Client.CLOSED
    with pytest.raises(nats.errors.ConnectionClosedError):
        client.write_soon([])
