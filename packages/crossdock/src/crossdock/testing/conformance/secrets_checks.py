"""Do secrets stay where they belong?"""

import logging
from urllib.parse import quote

from crossdock.testing.conformance.bench import Bench, Case, caught
from crossdock.testing.conformance.kit import Failed, check
from crossdock.testing.conformance.subject import Features
from crossdock.testing.conformance.wire import refuse


def _http(features: Features) -> bool:
    return features.http


class _Memory(logging.Handler):
    def __init__(self) -> None:
        super().__init__(level=1)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()} {record.exc_info or ''}")


def _find(case: Case, bench: Bench, text: str) -> str | None:
    """The name of a secret that stands in the text, also as it is written in a URL."""
    for name, value in case.secrets(bench.config).items():
        if len(value) >= 4 and (value in text or quote(value, safe="") in text):
            return name
    return None


@check("secrets.are-not-logged", "bronze")
async def logged(case: Case) -> None:
    """At the most talkative level, through good calls and bad ones, no log line has a secret."""
    memory = _Memory()
    root = logging.getLogger()
    level = root.level
    root.addHandler(memory)
    root.setLevel(1)
    try:
        async with case.bench() as bench:
            calls = case.calls(bench)
            for call in calls.values():
                await caught(call)
            if case.features.http:
                bench.wire.always(refuse(500, b"oops"))
                for call in calls.values():
                    await caught(call)
    finally:
        root.removeHandler(memory)
        root.setLevel(level)
    for line in memory.lines:
        name = _find(case, bench, line)
        if name and not line.startswith(("uvicorn", "asyncio")):
            raise Failed(
                f"a log line shows {name}: {line.split(':')[0]}: …",
                "log what happened, not the request; keep secrets out of URLs",
            )


@check("secrets.are-not-in-urls", "bronze", wants=_http)
async def urls(case: Case) -> None:
    """URLs end in the logs of every proxy on the way."""
    async with case.bench() as bench:
        for call in case.calls(bench).values():
            await caught(call)
        for seen in bench.wire.seen:
            name = _find(case, bench, f"{seen.path}?{seen.query}")
            if name:
                raise Failed(
                    f"{seen.method} {seen.path} carries {name} in its URL",
                    "send credentials in a header (if the vendor wants them in the URL, "
                    "say so as a gap)",
                )


@check("secrets.are-not-in-repr", "bronze")
async def printed(case: Case) -> None:
    """An opened connection is printed in stack traces and debuggers."""
    async with case.bench() as bench:
        name = _find(case, bench, f"{bench.port!r} {bench.port}")
        if name:
            raise Failed(
                f"repr() of the connection shows {name}", "keep the SecretStr, not its value"
            )


@check("secrets.are-not-in-records", "bronze", wants=lambda f: f.polls or f.snapshots)
async def records(case: Case) -> None:
    """Raw payloads are kept for ever and shown to operators."""
    async with case.bench() as bench:
        if case.features.polls:
            await bench.change(1)
            for raw in await bench.poll(None):
                text = f"{raw.data.decode('utf-8', 'replace')} {raw.headers} {raw.cursor} {raw.key}"
                name = _find(case, bench, text)
                if name:
                    raise Failed(
                        f"{raw!r} holds {name}", "keep the vendor's answer, not the request"
                    )


@check("secrets.are-sent-to-the-vendor", "bronze", wants=_http)
async def sent(case: Case) -> None:
    """The sandbox must ask for the credential, or a connector without one passes everything."""
    async with case.bench() as bench:
        secrets = case.secrets(bench.config)
        calls = case.calls(bench)
        if not secrets or not calls:
            return
        for name, call in calls.items():
            bench.wire.plan(None)
            start = len(bench.wire.seen)
            await caught(call)
            seen = bench.wire.seen[start:]
            if seen and not any(
                len(one.headers.get("authorization", "")) > 0
                or any(
                    value in f"{one.headers} {one.body.decode('latin-1')} {one.query}"
                    for value in secrets.values()
                )
                or any(word in key for word in ("sign", "hmac", "token") for key in one.headers)
                for one in seen
            ):
                raise Failed(f"{name} sent no credential", "send it with every request")
