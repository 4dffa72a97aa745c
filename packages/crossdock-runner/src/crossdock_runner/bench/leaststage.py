"""The limit of the stage row: the least consumer that keeps a stage's promise.

One blocking socket on a consumer of ours, pinned to it, and the bare sqlite3 module; nothing of our
bus, harness and ledger code. For each hundred orders: read, check and write again
(`Order.parse(…).dump()`); in a thread, while the next are read, one transaction of inbox rows by
event id (`synchronous=FULL`) and then one write of all publishes, each with the headers it came
with and its `Nats-Msg-Id`; when the server has confirmed every one of them, one write of all
acknowledgements. No reconnect, no resend, no deadline, no lanes, nothing counted: whatever a stage
of this promise does, it does this too.
"""

import queue
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator

from crossdock.canonical import Order

from crossdock_runner.bench.measure import Clock, Sample
from crossdock_runner.bench.rawnats import EOL, RawNats, pull

BATCH = 100
GROUP = "runner"
"""As `bus.lane` calls it; not imported, so that nats-py is not in this case's memory."""
PULLS = 2
INSERT = (
    "INSERT INTO inbox (event_id, type, entity_id, entity_key, connection, revision, landing_id, "
    "outcome, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?, 'applied', '', ?) ON CONFLICT DO NOTHING"
)
KEPT = ("ce-id", "ce-type", "ce-subject", "ce-partitionkey", "ce-connection")
MAYBE = ("ce-revision", "ce-landing")
PIN = b"Nats-Pin-Id: "
Message = tuple[bytes, bytes, bytes]
"""Where to acknowledge it, its headers as they came, its body."""
Row = tuple[str | float, ...]


class Stage:
    """Works off one consumer of `BENCH_IN`."""

    def __init__(self, url: str, consumer: str, ledger: str) -> None:
        self._raw = RawNats(url)
        self._sending = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[list[Row], bytes] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, args=(ledger,), daemon=True)
        self._writer.start()
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.BENCH_IN.{consumer}"
        self._pin, self._pin_line = "", b""
        self._waiting: list[Message] = []
        self._unconfirmed: dict[bytes, list[bytes]] = {}
        """By batch: the messages to acknowledge when it is confirmed."""
        self._left: dict[bytes, int] = {}
        self._buffer = b""

    def run(self, count: int) -> None:
        """Until so many are acknowledged."""
        self._send(b"SUB _R.c 1\r\nSUB _R.p.* 2\r\n")
        for _ in range(PULLS):
            self._ask()
        taken = 0
        while taken < count or self._left:
            self._receive()
            while len(self._waiting) >= min(BATCH, count - taken) > 0:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                taken += len(batch)
                self._ask()
                self._work(b"%d" % taken, batch)
        self._jobs.put(None)
        self._writer.join()
        self._raw.close()

    def _ask(self) -> None:
        self._send(pull(self._next, GROUP, self._pin))

    def _receive(self) -> None:
        for subject, reply, head, body in self._frames():
            if subject.startswith(b"_R.p."):
                if not body.startswith(b'{"stream":'):
                    raise RuntimeError(body.decode())
                self._confirmed(subject[5:])
            elif reply:
                if not self._pin:
                    self._pin = head.partition(PIN)[2].partition(EOL)[0].decode()
                    self._pin_line = PIN + self._pin.encode() + EOL
                self._waiting.append((reply, head.replace(self._pin_line, b""), body))
            elif b" 408 " not in head:  # else a pull's time was up
                raise RuntimeError(head.decode())

    def _frames(self) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
        """Subject, reply, headers and body of whatever has come whole."""
        if not (piece := self._raw.socket.recv(1 << 20)):
            raise ConnectionError("the bus hung up, or the ledger failed")
        buffer, at = self._buffer + piece, 0
        while (line_end := buffer.find(EOL, at)) >= 0:
            words = buffer[at:line_end].split(b" ")
            at, start = line_end + 2, at
            if words[0] == b"PING":
                self._send(b"PONG\r\n")
                continue
            if words[0] == b"-ERR":
                raise RuntimeError(buffer[start:line_end].decode())
            if words[0] not in {b"MSG", b"HMSG"}:
                continue
            end = at + int(words[-1])
            if end + 2 > len(buffer):
                at = start
                break
            # MSG subject sid [reply] size · HMSG subject sid [reply] header-size size
            headed = words[0] == b"HMSG"
            body_at = at + int(words[-2]) if headed else at
            reply = words[3] if len(words) == (6 if headed else 5) else b""
            yield words[1], reply, buffer[at:body_at], buffer[body_at:end]
            at = end + 2
        self._buffer = buffer[at:]

    def _work(self, name: bytes, batch: list[Message]) -> None:
        rows: list[Row] = []
        out, now = [], time.time()
        for _, head, body in batch:
            written = Order.parse(body).dump()
            lines = head.decode().split("\r\n")
            said = dict(line.split(": ", 1) for line in lines[1:-2])
            rows.append((*[said[it] for it in KEPT], *[said.get(it, "") for it in MAYBE], now))
            sizes = b"%d %d" % (len(head), len(head) + len(written))
            out.append(b"HPUB bench.out.o _R.p.%b %b\r\n%b%b\r\n" % (name, sizes, head, written))
        self._unconfirmed[name] = [reply for reply, _, _ in batch]
        self._left[name] = len(batch)
        self._jobs.put((rows, b"".join(out)))

    def _write(self, ledger: str) -> None:
        """In the thread: on disk, then published. A fault ends the connection, and the run."""
        try:
            database = sqlite3.connect(ledger, isolation_level=None)
            for setting in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000"):
                database.execute(f"PRAGMA {setting}")
            while (job := self._jobs.get()) is not None:
                database.execute("BEGIN IMMEDIATE")
                database.executemany(INSERT, job[0])
                database.execute("COMMIT")
                self._send(job[1])
            database.close()
        finally:
            self._raw.socket.shutdown(socket.SHUT_RDWR)

    def _send(self, data: bytes) -> None:
        with self._sending:
            self._raw.socket.sendall(data)

    def _confirmed(self, name: bytes) -> None:
        self._left[name] -= 1
        if not self._left[name]:
            del self._left[name]
            acks = [b"PUB %b 4\r\n+ACK\r\n" % reply for reply in self._unconfirmed.pop(name)]
            self._send(b"".join(acks))


def measure(url: str, consumer: str, ledger: str, count: int) -> Sample:
    """One run over `count` orders."""
    from crossdock_runner import garbage

    stage, clock = Stage(url, consumer, ledger), Clock()
    garbage.tune()
    clock.begin()
    stage.run(count)
    return clock.end(count)
