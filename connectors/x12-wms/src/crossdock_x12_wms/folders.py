"""Where files are exchanged: one small protocol, and a folder of this machine as the first of it.

A file is there whole or not at all: it is written under another name and renamed. `sftp` has the
other transport.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar
from uuid import uuid4

from crossdock.errors import AuthError, UnavailableError

T = TypeVar("T")
MAX_BYTES = 64 * 1024 * 1024
"""A file larger than this is not read: no warehouse's document is."""


@dataclass(frozen=True, slots=True)
class Found:
    """One file of a folder."""

    name: str
    size: int
    modified: float
    """Seconds since 1970, by the clock of whoever keeps the folder."""


class Folder(Protocol):
    """Files under one root; paths are relative to it, with `/`.

    AuthError: not let in, or a right is missing. UnavailableError: away, or no room.
    """

    async def names(self, path: str) -> list[Found]:
        """The files of a subfolder; none when it is not there."""
        ...

    async def read(self, path: str) -> bytes | None:
        """None when it is not there."""
        ...

    async def put(self, path: str, data: bytes) -> None:
        """Write it whole; what was there before is replaced. Missing folders are made."""
        ...

    async def claim(self, path: str, data: bytes) -> bool:
        """Write it whole if nothing is there yet; False when something is. One of two wins."""
        ...

    async def remove(self, path: str) -> None:
        """It need not be there."""
        ...


def beside(path: str) -> str:
    """A name to write under, which nobody reads, before it is renamed to `path`."""
    folder, _, name = path.rpartition("/")
    hidden = f".{name}.{uuid4().hex[:8]}.writing"
    return f"{folder}/{hidden}" if folder else hidden


@dataclass(frozen=True)
class LocalFolder:
    """A folder of this machine, or one that is mounted."""

    root: Path

    async def names(self, path: str) -> list[Found]:
        """See `Folder`."""
        return await self._do(f"list {path}", lambda: self._names(path))

    async def read(self, path: str) -> bytes | None:
        """See `Folder`."""
        return await self._do(f"read {path}", lambda: self._read(path))

    async def put(self, path: str, data: bytes) -> None:
        """See `Folder`."""
        await self._do(f"write {path}", lambda: self._write(path, data, replace=True))

    async def claim(self, path: str, data: bytes) -> bool:
        """See `Folder`."""
        return await self._do(f"write {path}", lambda: self._write(path, data, replace=False))

    async def remove(self, path: str) -> None:
        """See `Folder`."""
        await self._do(f"remove {path}", lambda: (self.root / path).unlink(missing_ok=True))

    async def _do(self, what: str, work: Callable[[], T]) -> T:
        def told() -> T:
            with _told(f"{self.root}: {what}"):
                return work()

        return await asyncio.to_thread(told)

    def _names(self, path: str) -> list[Found]:
        if not self.root.is_dir():
            raise FileNotFoundError(f"there is no folder {self.root}")
        found: list[Found] = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self.root / path) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # taken by somebody meanwhile
                    if entry.is_file():
                        state = entry.stat()
                        found.append(Found(entry.name, state.st_size, state.st_mtime))
        return found

    def _read(self, path: str) -> bytes | None:
        try:
            with (self.root / path).open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None

    def _write(self, path: str, data: bytes, *, replace: bool) -> bool:
        if not self.root.is_dir():
            raise FileNotFoundError(f"there is no folder {self.root}")
        target, hidden = self.root / path, self.root / beside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with hidden.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                hidden.replace(target)
            else:
                os.link(hidden, target)  # unlike a rename, it fails where something is
        except FileExistsError:
            return False
        finally:
            hidden.unlink(missing_ok=True)
        self._settle(target.parent)
        return True

    @staticmethod
    def _settle(folder: Path) -> None:
        """The name is on disk, too."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """The system's errors as ours."""
    try:
        yield
    except PermissionError as error:
        raise AuthError(f"{what}: {error.strerror}; give this user the right to") from error
    except OSError as error:
        words = error.strerror or str(error)
        raise UnavailableError(f"{what}: {words}", outcome="not_sent") from error


def age_s(found: Found) -> float:
    """How long ago it was last written, as far as clocks agree."""
    return time.time() - found.modified
