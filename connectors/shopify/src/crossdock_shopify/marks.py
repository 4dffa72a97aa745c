"""The mark we leave at Shopify in notes, by which our own doing is known again.

`… [crossdock cmd_01abc…]`: found in a refund's note, in the note of a returned line, in the staff
note of a cancellation. It tells an earlier try that ended in the dark, and an echo.
"""

import re

_MARK = re.compile(r"\s*\[[a-z][a-z0-9-]{0,40} (cmd_[0-9a-z]{1,60})\]")


def marked(text: str | None, namespace: str, command_id: str, limit: int = 255) -> str:
    """The text with our mark after it, cut to `limit` so that the mark stays whole."""
    mark = f"[{namespace} {command_id}]"
    words = (text or "").strip()[: limit - len(mark) - 1]
    return f"{words} {mark}" if words else mark


def command_in(text: str | None) -> str | None:
    """The id of the command whose mark stands in a text; None where there is none."""
    match = _MARK.search(text or "")
    return match[1] if match else None


def without_mark(text: str | None) -> str | None:
    """What a person wrote; None when nothing is left."""
    return _MARK.sub("", text or "").strip() or None
