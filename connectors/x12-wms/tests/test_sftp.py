"""The same exchange at a real SFTP server (asyncssh), and how its refusals are told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from crossdock import Context
from crossdock.errors import AuthError, UnavailableError
from crossdock_x12_wms.client import open_x12_wms
from crossdock_x12_wms.config import X12WmsConfig
from crossdock_x12_wms.mapping import translate
from crossdock_x12_wms.sandbox import THEM, US

SECRET = "sftp-secret-5d1c"


class Guarded(asyncssh.SSHServer):
    """Lets in whoever knows the password."""

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("shopco", SECRET)


@asynccontextmanager
async def serving(root: Path, key: asyncssh.SSHKey) -> AsyncIterator[asyncssh.SSHAcceptor]:
    """A server of this folder on a free port of this machine."""

    def files(channel: Any) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=str(root).encode())

    server = await asyncssh.create_server(
        Guarded, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=files
    )
    try:
        yield server
    finally:
        server.close()
        await server.wait_closed()


def config(port: int, key: asyncssh.SSHKey, **changes: Any) -> X12WmsConfig:
    """The connection to it."""
    public = key.export_public_key().decode().strip()
    told = {
        "url": f"sftp://shopco@127.0.0.1:{port}/",
        "password": SECRET,
        "host_key": " ".join(public.split()[:2]),
        "location": "DC1",
        "partner": {"us": {"id": US}, "them": {"id": THEM}},
    }
    return X12WmsConfig.model_validate(told | changes)


@pytest.fixture(scope="module")
def key() -> asyncssh.SSHKey:
    """The server's key."""
    return asyncssh.generate_private_key("ssh-ed25519")


def opened(told: X12WmsConfig) -> Any:
    """The connector as a runner opens it."""
    return open_x12_wms(told, Context(connection="dc1"))


async def test_the_whole_exchange_over_sftp(edi: Any, key: asyncssh.SSHKey) -> None:
    """940 out, 945 in, 997 both ways; twice applied is once there, also by another process."""
    async with serving(edi.root, key) as server, opened(config(server.get_port(), key)) as port:
        assert (await port.probe()).notes[0].startswith("0 files")
        receipt = await port.apply(edi.order())
        assert await port.find(edi.order()) == receipt.__class__(native_id=receipt.native_id)
        async with opened(config(server.get_port(), key)) as other:
            await other.apply(edi.order())
        edi.house.read()
        assert (len(edi.house.documents), edi.house.duplicates) == (1, 0)
        edi.house.ship(receipt.native_id)
        raws = await edi.polled(port)
        by_topic = {raw.topic: raw for raw in raws}  # SFTP's times are whole seconds
        assert sorted(by_topic) == ["945", "997"]
        assert next(iter(translate(by_topic["945"]))).data.order.id == "ord_1"
        assert await edi.polled(port, raws[-1].cursor) == []
        edi.house.read()
        assert len(edi.house.answers) == 1


async def test_a_server_that_went_away_is_spoken_to_again(edi: Any, key: asyncssh.SSHKey) -> None:
    """Its connections break, its port is closed; when it is back, the same command goes on."""
    async with serving(edi.root, key) as first:
        number = first.get_port()
        async with opened(config(number, key)) as port:
            await port.probe()
            first.close()
            await first.wait_closed()
            for connection in [port.folder._connection]:
                connection.abort()
            with pytest.raises(UnavailableError):
                await port.apply(edi.order())
            with pytest.raises(UnavailableError) as gone:
                await port.probe()
            assert gone.value.outcome == "not_sent"
            again = await asyncssh.create_server(
                Guarded,
                "127.0.0.1",
                number,
                server_host_keys=[key],
                sftp_factory=lambda ch: asyncssh.SFTPServer(ch, chroot=str(edi.root).encode()),
            )
            try:
                await port.apply(edi.order())
            finally:
                again.close()
                await again.wait_closed()
    edi.house.read()
    assert len(edi.house.documents) == 1


async def test_who_is_not_let_in_is_told(edi: Any, key: asyncssh.SSHKey) -> None:
    """A wrong password, a server with another key, a missing right, a folder that is not there."""
    other = asyncssh.generate_private_key("ssh-ed25519")
    async with serving(edi.root, key) as server:
        number = server.get_port()
        async with opened(config(number, key, password="sftp-wrong-77aa")) as port:
            with pytest.raises(AuthError, match="not let in") as no:
                await port.probe()
            assert "sftp-wrong" not in f"{no.value} {port!r} {port.config!r}"
        async with opened(config(number, other)) as port:
            with pytest.raises(AuthError, match="the server's key is not the one"):
                await port.probe()
        async with opened(config(number, key, private_key="no key at all")) as port:
            with pytest.raises(AuthError, match="correct the key"):
                await port.probe()
        async with opened(
            config(number, key, url=f"sftp://shopco@127.0.0.1:{number}/none")
        ) as port:
            with pytest.raises(UnavailableError, match="No such file"):
                await port.probe()
            with pytest.raises(UnavailableError, match="No such file"):
                await port.apply(edi.order())
