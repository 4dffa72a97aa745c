"""Reading a body that somebody else wrote: bounded, unpacked, and whole."""

import zlib
from collections.abc import AsyncIterator

from crossdock.errors import CrossdockError, PermanentError, UnavailableError

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
ENCODINGS = "gzip, deflate"
"""What is asked for. Both are undone here, so that a small body cannot become a huge one."""
_STEP = 256 * 1024


class Body:
    """Gathers one body. UnavailableError: it ended too early or cannot be unpacked."""

    def __init__(self, what: str, encoding: str, most: int) -> None:
        self.what = what
        self.most = most
        self._parts: list[bytes] = []
        self._size = 0
        self._packed = encoding.strip().lower() not in {"", "identity"}
        self._unpack = None
        if self._packed:
            if encoding.strip().lower() not in {"gzip", "x-gzip", "deflate"}:
                raise self._broken(f"its content-encoding {encoding[:40]!r} was not asked for")
            self._unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._raw = encoding.strip().lower() == "deflate"
        self._any = False

    async def read(self, chunks: AsyncIterator[bytes]) -> bytes:
        """The whole body."""
        async for chunk in chunks:
            self._feed(chunk)
        if self._unpack is not None and self._any and not self._unpack.eof:
            raise self._broken("its packed body ends too early")
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def _feed(self, chunk: bytes) -> None:
        if self._unpack is None:
            self._keep(chunk)
            return
        rest = chunk
        while rest:
            if self._unpack.eof:  # gzip may be several members, one after the other
                self._unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
            try:
                self._keep(self._unpack.decompress(rest, _STEP))
            except zlib.error as error:
                if self._raw and not self._any:  # some send deflate without zlib's frame
                    self._raw, self._unpack = False, zlib.decompressobj(-zlib.MAX_WBITS)
                    continue
                raise self._broken(f"its packed body is broken ({error})") from error
            self._any = True
            rest = self._unpack.unconsumed_tail or self._unpack.unused_data

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self.most:
            raise PermanentError(
                f"{self.what}: the answer is larger than {self.most} bytes; ask for less, "
                "or allow more with max_bytes"
            )
        if part:
            self._parts.append(part)

    def _broken(self, why: str) -> CrossdockError:
        return UnavailableError(
            f"{self.what}: the answer cannot be read: {why}; it may or may not have been done",
            outcome="unknown",
        )
