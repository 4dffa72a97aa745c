"""Taking secrets out of text before anybody reads it: messages, logs, `repr`."""

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "[hidden]"
SHORTEST = 6
"""A shorter secret would be found in innocent words; it is hidden only where its name stands."""

_NAMES = (
    r"access[_-]?token|refresh[_-]?token|id[_-]?token|client[_-]?secret|api[_-]?key|apikey|secret|"
    r"password|passwd|authorization|x-[a-z-]*token|token|signature|sig|credential"
)
_SCHEMES = re.compile(
    r"\b(bearer|basic)\s+(?=\S*[0-9=+/]|\S{20})[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE
)
_MEMBER = re.compile(rf'(["\']({_NAMES})["\']\s*:\s*)("[^"]*"?|\'[^\']*\'?)', re.IGNORECASE)
_PARAMETER = re.compile(rf"\b(({_NAMES})=)[^&\s\"'<>]+", re.IGNORECASE)
_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@]+@", re.IGNORECASE)


class Redactor:
    """Hides the secrets that it knows, and what is named or written like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: list[str] = []
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Know one more; in the forms in which it travels (URL-encoded, base64) too."""
        bare = secret.strip()  # one read from a file may end with a newline
        if len(bare) < SHORTEST:
            return
        known = bare.encode("utf-8", "surrogatepass")
        encoded = base64.b64encode(known).decode().rstrip("=")
        escaped = bare.encode("unicode_escape").decode()
        for form in (bare, quote(known, safe=""), quote_plus(known), encoded, escaped):
            if form not in self._forms:
                self._forms.append(form)
        self._forms.sort(key=len, reverse=True)  # a secret may hold another

    def __call__(self, text: str) -> str:
        """The text without them."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        text = _SCHEMES.sub(rf"\1 {HIDDEN}", text)
        text = _MEMBER.sub(rf'\1"{HIDDEN}"', text)
        text = _PARAMETER.sub(rf"\1{HIDDEN}", text)
        return _USERINFO.sub(rf"\1{HIDDEN}@", text)

    def address(self, path: str) -> str:
        """A path without them; the same, and quicker for one without a query."""
        plain = "=" not in path and "@" not in path and " " not in path
        return path if plain and not any(f in path for f in self._forms) else self(path)

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"


PLAIN = Redactor()
"""Knows no secret, only what secrets look like."""
