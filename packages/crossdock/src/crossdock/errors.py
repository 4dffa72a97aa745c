"""Every way Crossdock can fail, sorted by what to do next.

    CrossdockError
    ├── ConfigError          the YAML is wrong            stop at start-up
    ├── ContractError        the data is not canonical    dead letter, the payload is kept
    ├── TransientError       may work later               again, later
    │   ├── UnavailableError     no answer, or a passing fault; `outcome` says what is known
    │   └── RateLimitedError     slow down; `retry_after_s`
    └── PermanentError       will never work as it is
        ├── RejectedError        the vendor said no       the exception desk, in the vendor's words
        ├── ConflictError        it changed under us      read again, then the exception desk
        └── AuthError            we are not who we say    this connection pauses, a person is told

`crossdock_stages.recovery` alone acts on these classes; nobody else may catch and decide.
"""

from collections.abc import Mapping
from typing import Literal

Outcome = Literal["not_sent", "unknown", "failed"]


class CrossdockError(Exception):
    """The root. `parts` keeps what the message was made of, for machines.

    `request_id` is the other side's own id of the failed request, when it gave one.
    """

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        request_id: str | None = None,
        parts: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.request_id = request_id
        self.parts: dict[str, object] = dict(parts or {})

    def __str__(self) -> str:
        if self.request_id:
            return f"{self.message} (request id {self.request_id})"
        return self.message


class ConfigError(CrossdockError):
    """What the integrator wrote cannot be run."""

    code = "config"


class ContractError(CrossdockError):
    """Data that breaks a contract: not JSON, not canonical, or not what the vendor promised.

    `pointer` is the JSON pointer (RFC 6901) of the offending value, `value` that value shortened.
    """

    code = "contract"

    def __init__(
        self,
        message: str,
        *,
        pointer: str = "",
        value: object = None,
        request_id: str | None = None,
        parts: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, parts=parts)
        self.pointer = pointer
        self.value = value


class TransientError(CrossdockError):
    """May work later, unchanged."""

    code = "transient"


class UnavailableError(TransientError):
    """The other side did not do it, or did not say whether it did.

    `outcome`: `not_sent` (the request never left), `failed` (it answered that nothing happened),
    `unknown` (a time-out or a cut connection: look before trying again).
    """

    code = "unavailable"

    def __init__(
        self,
        message: str,
        *,
        outcome: Outcome = "unknown",
        request_id: str | None = None,
        parts: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, parts=parts)
        self.outcome: Outcome = outcome


class RateLimitedError(TransientError):
    """The other side asks for patience; `retry_after_s` is how much, in seconds."""

    code = "rate_limited"

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float,
        request_id: str | None = None,
        parts: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, parts=parts)
        self.retry_after_s = retry_after_s


class PermanentError(CrossdockError):
    """Will not work as it is, however often it is tried."""

    code = "permanent"


class RejectedError(PermanentError):
    """The other side understood and said no. `reason` is a stable code a person can filter by."""

    code = "rejected"

    def __init__(
        self,
        message: str,
        *,
        reason: str = "rejected",
        request_id: str | None = None,
        parts: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, parts=parts)
        self.reason = reason


class ConflictError(PermanentError):
    """The thing changed under us; read it again before deciding."""

    code = "conflict"


class AuthError(PermanentError):
    """A credential, a signature or a right is missing, wrong or expired."""

    code = "auth"
