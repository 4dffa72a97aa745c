"""Our reading of the protocol, held to nats-py's own: on torn streams, and on a real server."""

import asyncio
import itertools
from typing import Any

import nats
import pytest
from crossdock.bus import Bus, Embedded, Outgoing
from crossdock.bus.frames import Frames
from crossdock.bus.wire import FastClient
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

Seen = tuple[str, int, bytes, bytes, bytes, bytes]


class Ear:
    """A client that only writes down what its parser tells it."""

    def __init__(self, kind: type[Parser], direct: frozenset[int] = frozenset()) -> None:
        self.seen: list[Seen] = []
        self.stats = {"in_msgs": 0, "in_bytes": 0}
        self.direct = {sid: self._sink(sid) for sid in direct}
        self.parser = kind(self)

    def _sink(self, sid: int) -> Any:
        def sink(subject: bytes, reply: bytes, head: bytes, body: bytes) -> bool:
            self.seen.append(("msg", sid, subject, reply, head, body))
            return True

        return sink

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        self.seen.append(("msg", sid, bytes(subject), bytes(reply), headers or b"", data))

    async def _process_ping(self) -> None:
        self.seen.append(("ping", 0, b"", b"", b"", b""))

    async def _process_pong(self) -> None:
        self.seen.append(("pong", 0, b"", b"", b"", b""))

    async def _process_info(self, info: dict[str, Any]) -> None:
        self.seen.append(("info", 0, str(info).encode(), b"", b"", b""))

    async def _process_err(self, text: str) -> None:
        self.seen.append(("err", 0, text.encode(), b"", b"", b""))

    def hear(self, pieces: list[bytes]) -> list[Seen] | str:
        async def work() -> None:
            for piece in pieces:
                await self.parser.parse(piece)

        try:
            asyncio.run(work())
        except ProtocolError:
            return "protocol error"
        return self.seen


SUBJECT = st.text("abc.$1", min_size=1, max_size=9).map(str.encode)
BODY = st.binary(max_size=40) | st.sampled_from([b"", b"PING\r\n", b"MSG a 1 0\r\n\r\n"])


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(["msg", "hmsg", "line"]))
    if kind == "line":
        lines = [b"PING", b"PONG", b"+OK", b'INFO {"a": 1}', b"-ERR 'some words'"]
        return draw(st.sampled_from(lines)) + b"\r\n"
    subject, sid = draw(SUBJECT), b"%d" % draw(st.integers(1, 4))
    reply = draw(st.just(b"") | SUBJECT.map(lambda text: b" " + text))
    body, head = draw(BODY), b""
    if kind == "hmsg":
        head = b"NATS/1.0" + draw(st.sampled_from([b"", b" 503", b"\r\na: b"])) + b"\r\n\r\n"
        sizes = b"%d %d" % (len(head), len(head) + len(body))
    else:
        sizes = b"%d" % len(body)
    line = b"%b %b %b%b %b\r\n" % (kind.upper().encode(), subject, sid, reply, sizes)
    return line + head + body + b"\r\n"


@given(st.lists(frames(), max_size=8), st.lists(st.integers(0, 400), max_size=8), st.booleans())
def test_the_same_is_heard_however_the_stream_is_torn(
    whole: list[bytes], cuts: list[int], direct: bool
) -> None:
    stream = b"".join(whole)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
    ours = Ear(Frames, frozenset({1, 2}) if direct else frozenset())
    assert ours.hear(pieces) == Ear(Parser).hear(pieces)
    assert ours.hear([b"PING\r\n"])[-1][0] == "ping"


@pytest.mark.parametrize(
    "garbage",
    [b"HTTP/1.1 200 OK\r\n", b"MSG a one 0\r\n\r\n", b"MSG a 1 x\r\n", b"HMSG a 1 2 b\r\n"],
)
def test_what_is_no_protocol_is_refused(garbage: bytes) -> None:
    assert Ear(Frames).hear([garbage]) == "protocol error"


def test_a_new_connection_starts_afresh() -> None:
    ear = Ear(Frames)
    ear.hear([b"MSG a 1 100\r\nbegun"])
    ear.parser.reset()
    assert ear.hear([b"PING\r\n"]) == [("ping", 0, b"", b"", b"", b"")]


def test_a_fault_of_ours_in_a_sink_does_not_make_the_connection_deaf(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ear = Ear(Frames)
    ear.direct[1] = lambda *_: 1 / 0
    assert ear.hear([b"MSG a 1 0\r\n\r\nPING\r\n"]) == [("ping", 0, b"", b"", b"", b"")]
    assert "could not be taken" in caplog.text


async def test_a_real_server_says_what_we_read(embedded: Embedded) -> None:
    """Messages with and without reply and headers, small and in many reads, and a request."""
    client, got, left = FastClient(), [], []

    def sink(subject: bytes, reply: bytes, head: bytes, body: bytes) -> bool:
        got.append((subject, reply, head, body))
        return body != b"not mine"

    async def other(msg: Any) -> None:
        left.append((msg.subject, msg.headers, msg.data))

    await client.connect(embedded.url)
    await client.subscribe_direct("d.*", sink, other)
    await client.flush()
    large = bytes(range(256)) * 2_000
    sender = await nats.connect(embedded.url)
    await sender.publish("d.a", b"")
    await sender.publish("d.b", b"x\r\ny", reply="r.1")
    await sender.publish("d.c", large, headers={"k": "v"})
    await sender.publish("d.d", b"not mine", headers={"k": "w"})
    await sender.flush()
    async with asyncio.timeout(20):
        while not left:
            await asyncio.sleep(0.01)
    assert got[:3] == [
        (b"d.a", b"", b"", b""),
        (b"d.b", b"r.1", b"", b"x\r\ny"),
        (b"d.c", b"", b"NATS/1.0\r\nk: v\r\n\r\n", large),
    ]
    assert left == [("d.d", {"k": "w"}, b"not mine")]
    with pytest.raises(nats.errors.NoRespondersError):
        await client.request("d-nobody.listens", b"", timeout=2)
    await sender.close()
    await client.close()


async def test_what_cannot_be_written_is_told_at_once(bus: Bus) -> None:
    """Not after twenty seconds of trying; and it carries no command of somebody else's."""
    answers = await bus.publish(
        [
            Outgoing(address="a b", body=b"", headers={}, id="1"),
            Outgoing(address="a\r\nPUB", body=b"", headers={}, id="2"),
            Outgoing(address="", body=b"", headers={}, id="3"),
            Outgoing(address="a", body=b"", headers={"k": "v\r\nPUB b 0"}, id="4"),
            Outgoing(address="a", body=b"", headers={"k k": "v"}, id="5"),
        ]
    )
    assert all("cannot be written" in str(answer) for answer in answers), answers
