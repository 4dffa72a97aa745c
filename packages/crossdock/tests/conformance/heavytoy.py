"""A toy whose import brings a web server."""

import starlette.applications  # noqa: F401 - that is what is wrong with it
from toy import translate as _translate


def translate(raw):
    yield from _translate(raw)
