"""A folder at an SFTP server (SSH File Transfer Protocol version 3), by asyncssh.

The server's key must be the one that is configured: a new one is a stranger until a person has
looked. The connection is opened when it is first needed and again after it broke.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import asyncssh
from crossdock.errors import AuthError, UnavailableError
from crossdock.jsontext import shorten

from crossdock_x12_wms.folders import MAX_BYTES, Found, beside


class SftpFolder:
    """A folder of an SFTP server; see `folders.Folder`."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        user: str,
        root: str,
        host_key: str,
        password: str | None = None,
        private_key: str | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        self.name = f"sftp://{user}@{host}:{port}{root}"
        self._root = root.rstrip("/") or "."
        self._host, self._port, self._user = host, port, user
        self._host_key, self._password, self._private_key = host_key, password, private_key
        self._timeout_s = timeout_s
        self._connection: asyncssh.SSHClientConnection | None = None
        self._sftp: asyncssh.SFTPClient | None = None
        self._opening = asyncio.Lock()

    def __repr__(self) -> str:
        return f"SftpFolder({self.name!r})"

    async def aclose(self) -> None:
        """Hang up."""
        sftp, connection = self._sftp, self._connection
        self._sftp = self._connection = None
        if sftp is not None:
            sftp.exit()
        if connection is not None:
            connection.abort()
            with contextlib.suppress(OSError, asyncssh.Error):
                await connection.wait_closed()

    async def names(self, path: str) -> list[Found]:
        """See `Folder`."""
        async with self._open(f"list {path}") as sftp:
            try:
                entries = await sftp.readdir(self._at(path))
            except asyncssh.SFTPNoSuchFile:
                await sftp.stat(self._root)  # a missing root is not an empty folder
                return []
            return [
                Found(str(e.filename), e.attrs.size or 0, float(e.attrs.mtime or 0))
                for e in entries
                if e.attrs.type == asyncssh.FILEXFER_TYPE_REGULAR
            ]

    async def read(self, path: str) -> bytes | None:
        """See `Folder`."""
        async with self._open(f"read {path}") as sftp:
            try:
                async with sftp.open(self._at(path), "rb") as file:
                    data = await file.read(MAX_BYTES + 1)
            except asyncssh.SFTPNoSuchFile:
                return None
            return cast("bytes", data)

    async def put(self, path: str, data: bytes) -> None:
        """See `Folder`."""
        async with self._open(f"write {path}") as sftp:
            hidden = await self._write(sftp, path, data)
            try:
                await sftp.posix_rename(hidden, self._at(path))
            except asyncssh.SFTPOpUnsupported:
                with contextlib.suppress(asyncssh.SFTPNoSuchFile):
                    await sftp.remove(self._at(path))
                await sftp.rename(hidden, self._at(path))

    async def claim(self, path: str, data: bytes) -> bool:
        """See `Folder`. A plain rename of version 3 fails where something is."""
        async with self._open(f"write {path}") as sftp:
            if await sftp.exists(self._at(path)):
                return False
            hidden = await self._write(sftp, path, data)
            try:
                await sftp.rename(hidden, self._at(path))
            except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
                if not await sftp.exists(self._at(path)):
                    raise
                return False
            finally:
                with contextlib.suppress(asyncssh.SFTPNoSuchFile):
                    await sftp.remove(hidden)
            return True

    async def remove(self, path: str) -> None:
        """See `Folder`."""
        async with self._open(f"remove {path}") as sftp:
            with contextlib.suppress(asyncssh.SFTPNoSuchFile):
                await sftp.remove(self._at(path))

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    async def _write(self, sftp: asyncssh.SFTPClient, path: str, data: bytes) -> str:
        hidden = beside(self._at(path))
        try:
            await self._fill(sftp, hidden, data)
        except asyncssh.SFTPNoSuchFile:  # the subfolder is not there yet
            await sftp.stat(self._root)
            await sftp.makedirs(hidden.rpartition("/")[0], exist_ok=True)
            await self._fill(sftp, hidden, data)
        return hidden

    @staticmethod
    async def _fill(sftp: asyncssh.SFTPClient, path: str, data: bytes) -> None:
        async with sftp.open(path, "wb") as file:
            await file.write(data)
            with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                await file.fsync()

    @asynccontextmanager
    async def _open(self, what: str) -> AsyncIterator[asyncssh.SFTPClient]:
        """The client, and its errors as ours."""
        sftp = await self._connected()
        try:
            async with asyncio.timeout(self._timeout_s):
                yield sftp
        except asyncssh.SFTPPermissionDenied as error:
            raise AuthError(
                f"{self.name}: {what}: {_words(error)}; ask its owner for the right to"
            ) from error
        except asyncssh.SFTPConnectionLost as error:
            await self.aclose()
            raise UnavailableError(f"{self.name}: {what}: the connection broke") from error
        except asyncssh.SFTPError as error:
            raise UnavailableError(
                f"{self.name}: {what}: {_words(error)}", outcome="failed"
            ) from error
        except (OSError, asyncssh.Error, TimeoutError) as error:
            await self.aclose()
            words = _words(error) or "no answer in time"
            raise UnavailableError(f"{self.name}: {what}: {words}") from error

    async def _connected(self) -> asyncssh.SFTPClient:
        async with self._opening:
            if self._connection is not None and self._connection.is_closed():
                await self.aclose()
            if self._sftp is None:
                self._sftp = await self._connect()
            return self._sftp

    async def _connect(self) -> asyncssh.SFTPClient:
        try:
            known = asyncssh.import_known_hosts(f"* {self._host_key}\n")
            keys = [asyncssh.import_private_key(self._private_key)] if self._private_key else None
        except (asyncssh.KeyImportError, ValueError) as error:
            raise AuthError(f"{self.name}: {_words(error)}; correct the key") from error
        try:
            async with asyncio.timeout(self._timeout_s):
                self._connection = await asyncssh.connect(
                    self._host,
                    self._port,
                    username=self._user,
                    password=self._password,
                    client_keys=keys,
                    known_hosts=known,
                    agent_path=None,
                    config=None,
                    keepalive_interval=15,
                )
                return await self._connection.start_sftp_client()
        except asyncssh.HostKeyNotVerifiable as error:
            raise AuthError(
                f"{self.name}: the server's key is not the one under host_key; see with its owner "
                "whether it was changed, before you change it here"
            ) from error
        except asyncssh.PermissionDenied as error:
            raise AuthError(
                f"{self.name}: not let in; see user, password and private_key"
            ) from error
        except (OSError, asyncssh.Error, TimeoutError) as error:
            await self.aclose()
            words = _words(error) or "no answer in time"
            raise UnavailableError(f"{self.name}: {words}", outcome="not_sent") from error


def _words(error: BaseException) -> str:
    told = getattr(error, "reason", "") or str(error)
    return shorten(str(told), 300) if told else ""
