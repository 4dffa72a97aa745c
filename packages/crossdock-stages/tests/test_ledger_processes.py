"""The ledger under kill -9, a full disk, a read-only file, many processes, and random work."""

import asyncio
import json
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from crossdock.bus import Outgoing
from crossdock.events import Receipt
from crossdock_stages.ledger import Ledger, desk, landing, open_ledger, traffic
from crossdock_stages.ledger.desk import Stuck
from crossdock_stages.ledger.journey import account
from crossdock_stages.ledger.landing import Landed, Translated
from crossdock_stages.ledger.traffic import Intent, Seen, ToSend
from sqlalchemy.engine import Connection

PREAMBLE = """
import asyncio, os, resource, signal, sys
from crossdock.errors import UnavailableError
from crossdock_stages.ledger import landing, open_ledger
from crossdock_stages.ledger.landing import Landed

def row(delivery, body=b"x"):
    return Landed(id="lnd_" + delivery, connection="web", topic="t", entity_key="k", road="poll",
                  delivery_id=delivery, headers={}, body=body, received_at=1.0)

async def land(ledger, *rows):
    return await ledger.write(lambda tx: landing.land(tx, rows))
"""


def start(code: str, *arguments: str, **options: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


async def test_what_write_returned_survives_kill_9(ledger_url: str, ledger: Ledger) -> None:
    del ledger  # it emptied the tables
    code = """
async def main():
    async with open_ledger(sys.argv[1]) as ledger:
        async def one(n):
            await land(ledger, row(f"d{n}"))
            print(n, flush=True)
            if n == 40:
                os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.gather(*(one(n) for n in range(80)))
asyncio.run(main())
"""
    done = start(code, ledger_url)
    out, _ = done.communicate(timeout=60)
    assert done.returncode == -signal.SIGKILL
    told = {f"d{number}" for number in out.split()}
    assert len(told) > 0
    async with open_ledger(ledger_url) as again:
        found = await again.write(lambda tx: landing.unsettled(tx, before=2.0))
    assert told <= {one.row.delivery_id for one in found}


def test_a_full_disk_is_unavailable_and_heals(tmp_path: Path) -> None:
    code = """
async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    async with open_ledger(sys.argv[1]) as ledger:
        await land(ledger, row("before"))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
        for n in range(3):
            try:
                await land(ledger, row(f"large{n}", b"x" * 4_000_000))
            except UnavailableError as error:
                print(error.outcome)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        ((_, verdict),) = await land(ledger, row("large0", b"x" * 4_000_000))
        print(verdict)
        ((_, verdict),) = await land(ledger, row("before"))
        print(verdict)
asyncio.run(main())
"""
    done = start(code, f"sqlite:///{tmp_path}/l.db")
    out, err = done.communicate(timeout=60)
    assert out.split() == ["failed", "failed", "failed", "new", "duplicate"], err


def test_a_read_only_file_is_unavailable(tmp_path: Path) -> None:
    code = """
async def main():
    async with open_ledger(sys.argv[1]):
        pass  # makes the file, and imports all that is imported late
    os.chmod(sys.argv[2] + "/l.db", 0o444)
    os.chmod(sys.argv[2], 0o555)
    if os.geteuid() == 0:  # root may write everywhere
        os.setgroups([])
        os.setuid(65534)
    try:
        async with open_ledger(sys.argv[1]) as ledger:
            await land(ledger, row("one"))
    except UnavailableError as error:
        print("unavailable", error.outcome)
asyncio.run(main())
"""
    with tempfile.TemporaryDirectory() as home:  # pytest's own folders are closed to others
        Path(home).chmod(0o755)
        done = start(code, f"sqlite:///{home}/folder/l.db", f"{home}/folder")
        out, err = done.communicate(timeout=60)
        (Path(home) / "folder").chmod(0o755)
    assert out.split() == ["unavailable", "failed"], err


async def test_many_writers_in_two_processes_never_see_a_lock(tmp_path: Path) -> None:
    code = """
async def main():
    async with open_ledger(sys.argv[1]) as ledger:
        async def writer(w):
            for n in range(60):
                await land(ledger, row(f"{sys.argv[2]}-{w}-{n}"))
                await ledger.read(lambda tx: landing.read_cursor(tx, "web"))
        await asyncio.gather(*(writer(w) for w in range(4)))
asyncio.run(main())
"""
    url = f"sqlite:///{tmp_path}/l.db"
    async with open_ledger(url) as mine:
        writers = [start(code, url, name) for name in ("a", "b")]
        for writer in writers:
            _, err = await asyncio.to_thread(writer.communicate, timeout=90)
            assert writer.returncode == 0, err
        assert (await mine.read(account)).accepted == 480


@pytest.mark.parametrize("seed", range(6))
async def test_the_account_balances_in_every_state(ledger: Ledger, seed: int) -> None:
    """Random steps as the stages take them, in any order; nothing accepted is ever missing."""
    chance = random.Random(seed)
    landed: list[str] = []
    events: dict[str, str] = {}
    sends: list[str] = []

    def step(tx: Connection) -> None:
        what = chance.randrange(9)
        if what <= 1 or not landed:
            name = f"d{len(landed)}" if chance.random() < 0.8 else "d0"
            row = Landed(
                id=landing.new_id(1.0),
                connection="web",
                topic="t",
                entity_key="k",
                road="poll",
                delivery_id=name,
                headers={},
                body=b"x",
                received_at=float(len(landed)),
            )
            ((_, verdict),) = landing.land(tx, [row])
            if verdict == "new":
                landed.append(row.id)
        elif what == 2:
            target = chance.choice(landed)
            said = tuple(f"{target[-20:]}-{n}" for n in range(chance.randrange(3)))
            events.update(dict.fromkeys(said, target))
            state = "translated" if said else chance.choice(["ignored", "dead"])
            landing.mark_translated(tx, [Translated(landing_id=target, state=state, events=said)])
        elif what == 3 and events:
            event = chance.choice(sorted(events))
            traffic.add_seen(
                tx,
                [
                    Seen(
                        event_id=event,
                        type="order.placed",
                        entity_id="e",
                        entity_key="e",
                        connection="web",
                        revision="",
                        landing_id=events[event],
                        outcome="applied",
                        at=1.0,
                    )
                ],
            )
            landing.settle_said(tx, [events[event]])
        elif what == 4:
            command = f"c{chance.randrange(30)}"
            message = Outgoing(address="a", body=b"", headers={}, id=command)
            traffic.add_outgoing(
                tx,
                [
                    ToSend(
                        message=message,
                        connection="erp",
                        type="order.create",
                        entity_id="e",
                        entity_key="e",
                        cause="",
                    )
                ],
                1.0,
            )
            sends.append(command)
        elif what == 5 and sends:
            command = chance.choice(sends)
            intent = Intent(command_id=command, connection="erp", type="t", entity_id="e")
            traffic.intend(tx, [intent], 1.0)
            if chance.random() < 0.7:
                traffic.receive(tx, {command: Receipt(native_id="1")}, 1.0)
                traffic.close_outgoing(
                    tx, [command], chance.choice(["done", "exception", "dead"]), 1.0
                )
        elif what in {6, 7}:
            message = chance.choice(sends or landed)
            stuck = Stuck(
                stage="s",
                message_id=message,
                connection="erp",
                entity_key="e",
                address="a",
                headers={},
                body=b"",
                code="c",
                reason="r",
            )
            chance.choice(
                [
                    desk.park,
                    desk.bury,
                    lambda tx, rows, now: desk.open_exceptions(tx, [(rows[0], "error", "")], now),
                ]
            )(tx, [stuck], 1.0)
        else:
            landing.unsettled(tx, before=float(len(landed)))

    for _ in range(60):
        await ledger.write(step)
        books = await ledger.read(account)
        assert books.accepted == len(landed)
        sum_of_states = books.decided + books.ignored + books.dead + books.in_flight
        assert books.accepted == sum_of_states
    assert json.dumps(vars(books))
