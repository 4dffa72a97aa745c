"""What httpx stands on here: whom it trusts, what carries it, and where its cookies lie."""

import select
import ssl
from functools import cache
from urllib.request import getproxies

import httpx


@cache
def trust() -> ssl.SSLContext:
    """Whom we believe over TLS: one context for the process, for reading the authorities' file
    costs 30 ms of CPU each time, and a connection is opened often (reloads, probes, tests)."""
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def transport(most: int) -> httpx.AsyncBaseTransport | None:
    """Ours where it can be; None: httpx's own, which also knows proxies."""
    if getproxies().keys() - {"no"} or not hasattr(select, "poll"):  # Windows
        return None
    try:
        from crossdock.http.transport import Transport
    except ImportError:  # httptools, of the extra `fast`
        return None
    return Transport(trust=trust(), most=most)


class Cookies(httpx.Cookies):
    """httpx makes a request and an answer of urllib's of every answer, to look for cookies."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """As httpx does it, where there are any."""
        if "set-cookie" in response.headers:
            super().extract_cookies(response)
