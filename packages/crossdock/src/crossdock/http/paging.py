"""Walking through pages: by Link header, cursor, page number or bookmark.

Every walk is guarded: a vendor whose cursor does not advance would keep a poll busy for ever and
land the same records again and again. Pages are yielded one at a time, so memory holds one.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin

from crossdock.errors import ContractError
from crossdock.http.answers import Response
from crossdock.identity import fingerprint
from crossdock.jsontext import at, shorten

if TYPE_CHECKING:
    from crossdock.http.client import Http

MOST_PAGES = 100_000
_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:\"[^\"]*\"|[^\",;\s]+))*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\",;\s]+))", re.IGNORECASE)

T = TypeVar("T")


async def walk(
    ask: Callable[[str | None], Awaitable[T]],
    following: Callable[[T], str | None],
    *,
    start: str | None = None,
    what: str = "the pages",
    most: int = MOST_PAGES,
) -> AsyncIterator[T]:
    """Yield what `ask` answers to `start` and then to each cursor, until there is none.

    For anything with cursors; `by_link` and its kin are made of it. ContractError: a cursor came
    a second time, or there are more than `most` pages.
    """
    seen = set() if start is None else {hash(start)}
    cursor = start
    for _ in range(most):
        page = await ask(cursor)
        yield page
        cursor = following(page)
        if not cursor:
            return
        mark = hash(cursor)
        if mark in seen:
            raise ContractError(
                f"{what}: the cursor {shorten(cursor)} came a second time and does not advance; "
                "report it to the vendor",
                value=shorten(cursor),
            )
        seen.add(mark)
    raise ContractError(f"{what}: more than {most} pages; ask for a narrower range")


async def by_link(
    http: "Http", path: str, *, params: Mapping[str, str] | None = None, **options: Any
) -> AsyncIterator[Response]:
    """Follow `Link: <…>; rel="next"` (RFC 8288). ContractError when it leads to another host."""
    what = f"pages of {path} at {http.name}"

    async def ask(url: str | None) -> Response:
        if url is None:
            return await http.get(path, params=params, **options)
        return await http.get(url, **options)

    def following(page: Response) -> str | None:
        target = _next_link(str(page.headers.get("link", "") or ""))
        if target is None:
            return None
        url = urljoin(page.url, target)
        if not http.owns(url):
            raise ContractError(
                f"{what}: the next page is at another host "
                f"({http.redact(shorten(url))}); credentials are not sent there"
            )
        return url

    async for page in walk(ask, following, what=what):
        yield page


async def by_cursor(
    http: "Http",
    path: str,
    *,
    following: str | Callable[[Response], str | None],
    param: str = "cursor",
    params: Mapping[str, str] | None = None,
    start: str | None = None,
    **options: Any,
) -> AsyncIterator[Response]:
    """Send back the cursor that each body names, as the parameter `param`, until it names none.

    `following` is a JSON pointer (`/meta/next_cursor`) or a function of the page.
    """
    find = _text_at(following) if isinstance(following, str) else following

    async def ask(cursor: str | None) -> Response:
        more = {} if cursor is None else {param: cursor}
        return await http.get(path, params={**(params or {}), **more}, **options)

    what = f"pages of {path} at {http.name}"
    async for page in walk(ask, find, start=start, what=what):
        yield page


async def by_number(
    http: "Http",
    path: str,
    *,
    items: str = "",
    param: str = "page",
    first: int = 1,
    size: int | None = None,
    params: Mapping[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[Response]:
    """Ask for page `first`, the next, and so on, until one is empty (or shorter than `size`).

    `items` is the JSON pointer of the page's list. ContractError: two pages in a row are the same,
    so the vendor does not heed the number. Records that are added or removed meanwhile shift
    between pages: prefer cursors where the vendor has them.
    """
    what = f"pages of {path} at {http.name}"
    number, before = first, ""
    while True:
        page = await http.get(path, params={**(params or {}), param: str(number)}, **options)
        found = _list_at(page, items, what)
        if found:
            mark = fingerprint(page.content)
            if mark == before:
                raise ContractError(
                    f"{what}: page {number} is the same as the one before; "
                    f"the vendor does not heed {param!r}"
                )
            before = mark
            yield page
        if not found or (size is not None and len(found) < size):
            return
        if number - first >= MOST_PAGES:
            raise ContractError(f"{what}: more than {MOST_PAGES}; ask for a narrower range")
        number += 1


async def by_bookmark(
    http: "Http",
    path: str,
    *,
    items: str = "",
    key: str,
    param: str,
    params: Mapping[str, str] | None = None,
    start: str | None = None,
    **options: Any,
) -> AsyncIterator[Response]:
    """Ask for what comes after the last record seen, until a page is empty.

    `items` is the JSON pointer of the page's list, `key` that of the bookmark within a record
    (`since_id`, `updated_after`). ContractError: the bookmark does not advance.
    """
    what = f"pages of {path} at {http.name}"

    async def ask(bookmark: str | None) -> tuple[Response, list[Any]]:
        more = {} if bookmark is None else {param: bookmark}
        page = await http.get(path, params={**(params or {}), **more}, **options)
        return page, _list_at(page, items, what)

    def following(asked: tuple[Response, list[Any]]) -> str | None:
        found = asked[1]
        if not found:
            return None
        mark = at(found[-1], key)
        if not isinstance(mark, str | int) or mark == "":
            raise ContractError(f"{what}: a record has no {key}", pointer=items + key)
        return str(mark)

    async for page, found in walk(ask, following, start=start, what=what):
        if found:
            yield page


def _next_link(value: str) -> str | None:
    for target, parameters in _LINK.findall(value[:8192]):
        rel = _REL.search(parameters)
        if rel and "next" in (rel[1] or rel[2] or "").lower().split():
            return str(target)
    return None


def _text_at(pointer: str) -> Callable[[Response], str | None]:
    def find(page: Response) -> str | None:
        value = page.at(pointer)
        return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None

    return find


def _list_at(page: Response, pointer: str, what: str) -> list[Any]:
    if page.status == 204:
        return []
    found = at(page.json(), pointer)
    if found is None:
        return []
    if not isinstance(found, list):
        raise ContractError(f"{what}: {pointer or 'the answer'} is no list", pointer=pointer)
    return found
