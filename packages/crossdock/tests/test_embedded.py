"""The server we start ourselves: private, mortal, and alone on its store."""

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from crossdock.bus import Bus, Embedded, Outgoing, Stream, embedded_server
from crossdock.bus.embedded import find_server
from crossdock.errors import AuthError, ConfigError, UnavailableError

Eventually = Callable[..., Awaitable[Any]]
KEPT = Stream(name="KEPT", subjects=("kept.>",), retention="workqueue")


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


async def test_every_start_has_a_token_of_its_own(tmp_path: Path) -> None:
    with embedded_server(tmp_path / "a") as one, embedded_server(tmp_path / "b") as other:
        assert one.url != other.url
        assert "@" not in one.address
        with pytest.raises(AuthError):
            async with Bus(f"nats://guess@{one.address}"):
                pass
        with pytest.raises(AuthError):
            async with Bus(f"nats://{one.address}"):
                pass
        token = one.url.partition("://")[2].partition("@")[0]
        assert oct((tmp_path / "a" / "nats.conf").stat().st_mode).endswith("600")
        assert token not in (tmp_path / "a" / "nats.log").read_text()
    assert not alive(one.pid)


async def test_a_restart_keeps_messages(tmp_path: Path) -> None:
    message = Outgoing(address="kept.a", body=b"1", headers={}, id="1")
    with embedded_server(tmp_path) as server:
        async with Bus(server.url) as bus:
            await bus.declare([KEPT], [])
            await bus.publish([message])
    with embedded_server(tmp_path) as server:
        async with Bus(server.url) as bus:
            await bus.declare([KEPT], [])
            assert await bus.depth("KEPT") == 1


async def test_it_dies_when_its_parent_is_killed(tmp_path: Path, eventually: Eventually) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from crossdock.bus import embedded_server\n"
        "with embedded_server(Path(sys.argv[1])) as server:\n"
        "    print(server.pid, flush=True)\n    time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    await eventually(lambda: not alive(pid))


async def test_a_second_start_on_a_store_harms_the_first_in_nothing(tmp_path: Path) -> None:
    with embedded_server(tmp_path) as first:
        with pytest.raises(ConfigError, match="another runner"), embedded_server(tmp_path):
            pass
        assert alive(first.pid)
        assert (tmp_path / "nats.pid").read_text() == str(first.pid)
    with embedded_server(tmp_path) as second:
        assert alive(second.pid)


async def test_a_server_that_a_killed_runner_left_is_ended(
    tmp_path: Path, eventually: Eventually
) -> None:
    (tmp_path / "nats.conf").write_text(f'port: -1\njetstream {{ store_dir: "{tmp_path}" }}')
    left = subprocess.Popen([str(find_server()), "-c", str(tmp_path / "nats.conf")])
    (tmp_path / "nats.pid").write_text(str(left.pid))
    await eventually(lambda: str(tmp_path) in Path(f"/proc/{left.pid}/cmdline").read_text())
    with embedded_server(tmp_path) as server:
        assert left.wait(1) is not None
        assert alive(server.pid)


async def test_a_server_that_was_killed_comes_back_with_its_messages(
    tmp_path: Path, eventually: Eventually
) -> None:
    message = Outgoing(address="kept.a", body=b"1", headers={}, id="1")
    with embedded_server(tmp_path) as server:
        async with Bus(server.url) as bus:
            await bus.declare([KEPT], [])
            await bus.publish([message])
            assert server.revive() is None
            before = server.pid
            os.kill(before, signal.SIGKILL)
            await eventually(lambda: server.revive() == -signal.SIGKILL)
            assert server.pid != before
            await eventually(lambda: bus.reconnects and bus.connected)
            assert await bus.depth("KEPT") == 1
    assert not alive(server.pid)


@pytest.mark.parametrize("left", ["nonsense", "", "1", str(2**22 - 1)])
async def test_a_stray_pid_file_harms_nobody(tmp_path: Path, left: str) -> None:
    (tmp_path / "nats.pid").write_text(left)
    with embedded_server(tmp_path) as server:
        assert alive(server.pid)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "jetstream").write_text("a file where its folder should be")
    with pytest.raises(UnavailableError, match="nats-server ended"), embedded_server(tmp_path):
        pass


def test_a_store_that_cannot_be_kept_is_no_stack_trace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UnavailableError, match="cannot be kept"),
        embedded_server(tmp_path / "file"),
    ):
        pass


def test_a_binary_named_wrongly_is_a_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSDOCK_NATS_SERVER", "/no/such/file")
    with pytest.raises(ConfigError, match="/no/such/file"):
        find_server()


async def test_a_term_signal_is_enough(
    embedded: Embedded, tmp_path: Path, eventually: Eventually
) -> None:
    with embedded_server(tmp_path) as server:
        os.kill(server.pid, signal.SIGTERM)
        await eventually(lambda: not alive(server.pid))
    assert alive(embedded.pid)
