"""A blocking socket that speaks just enough NATS to show what the server itself can do.

The floor of the bus rows: wire bytes are prepared beforehand and answers are only counted, so that
nearly all the time is the server's. No client library: no reconnects, no checks.
"""

import json
import socket
from urllib.parse import urlsplit

EOL = b"\r\n"


class RawNats:
    """One connection to a nats-server at `nats://token@host:port`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 4222))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hello: dict[str, object] = {
            "verbose": False,
            "pedantic": False,
            "headers": True,
            "no_responders": True,
        }
        if parts.username:
            hello["auth_token"] = parts.username
        self.socket.sendall(b"CONNECT " + json.dumps(hello).encode() + EOL + b"PING" + EOL)
        seen = b""
        while b"PONG\r\n" not in seen:
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionError(f"nats-server hung up: {seen[-200:]!r}")
            seen += piece

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def publish(self, messages: list[bytes], window: int) -> None:
        """JetStream publishes, `window` in flight; each message is whole, asking `_R.p` to answer.

        Returns when the server has confirmed every one.
        """
        self.socket.sendall(b"SUB _R.p 1\r\n")
        half = max(1, window // 2)
        blocks = [b"".join(messages[at : at + half]) for at in range(0, len(messages), half)]
        sent = acked = 0
        tail = b""
        while acked < len(messages):
            while blocks and sent - acked <= window - half:
                self.socket.sendall(blocks.pop(0))
                sent += half
            data = tail + self.socket.recv(262144)
            cut = data.rfind(EOL) + 2
            if b"error" in data:
                raise RuntimeError(data[-300:].decode())
            acked += data[:cut].count(b"MSG _R.p ")
            tail = data[cut:]
        self.socket.sendall(b"UNSUB 1\r\n")

    def pull_and_ack(self, next_address: str, count: int, *, group: str = "") -> None:
        """Two pulls of 100 outstanding; every message acknowledged, the last ones confirmed.

        With a `group`, of a consumer that is pinned to one client: the server writes the pin's id
        into every message and wants it in every further pull.
        """
        self.socket.sendall(b"SUB _R.c 2\r\n")
        asking = pull(next_address, group)
        self.socket.sendall(asking + asking)
        got = answered = 0
        buffer = b""
        while got < count:
            buffer += self.socket.recv(1 << 20)
            at, end, out = 0, len(buffer), []
            while (line_end := buffer.find(EOL, at)) >= 0:
                words = buffer[at:line_end].split(b" ")
                if words[0] == b"PING":
                    out.append(b"PONG\r\n")
                    at = line_end + 2
                    continue
                size = int(words[-1])
                following = line_end + 2 + size + 2
                if following > end:
                    break
                # MSG subject sid reply size · HMSG subject sid reply header-size size
                if len(words) >= 5:
                    got += 1
                    out.append(b"PUB " + words[3] + b" 0\r\n\r\n")
                    if group and got == 1:
                        head = buffer[line_end + 2 : line_end + 2 + int(words[-2])]
                        pin = head.partition(b"Nats-Pin-Id: ")[2].partition(EOL)[0]
                        asking = pull(next_address, group, pin.decode())
                at = following
            buffer = buffer[at:]
            while got - answered >= 100:
                answered += 100
                out.append(asking)
            if out:
                self.socket.sendall(b"".join(out))
        self.socket.sendall(b"PING\r\n")
        while b"PONG" not in buffer:
            buffer = buffer[-16:] + self.socket.recv(65536)
        self.socket.sendall(b"UNSUB 2\r\n")


def pull(next_address: str, group: str, pin: str = "") -> bytes:
    """The request for a hundred messages, to be answered at `_R.c`."""
    asked: dict[str, object] = {"batch": 100, "expires": 5_000_000_000}
    asked |= {"group": group} if group else {}
    body = json.dumps(asked | ({"id": pin} if pin else {})).encode()
    return b"PUB %s _R.c %d\r\n%s\r\n" % (next_address.encode(), len(body), body)


def wire(address: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    """One message as it goes over the wire, asking `_R.p` for the answer."""
    if not headers:
        return b"PUB %s _R.p %d\r\n%s\r\n" % (address.encode(), len(body), body)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = b"NATS/1.0\r\n" + lines.encode() + EOL
    sizes = b"%d %d" % (len(head), len(head) + len(body))
    return b"HPUB %s _R.p %s\r\n%s%s\r\n" % (address.encode(), sizes, head, body)
