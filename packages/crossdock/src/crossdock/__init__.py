"""Crossdock: one canonical language between storefronts, marketplaces, tills, warehouses and ERPs.

The names here are all that a connector author types. They are imported on first use, so that
`import crossdock` stays cheap for a command line that only prints help.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crossdock.connector import (
        Applies as Applies,
    )
    from crossdock.connector import (
        Config as Config,
    )
    from crossdock.connector import (
        Context as Context,
    )
    from crossdock.connector import (
        Health as Health,
    )
    from crossdock.connector import (
        Ignore as Ignore,
    )
    from crossdock.connector import (
        Polls as Polls,
    )
    from crossdock.connector import (
        Probes as Probes,
    )
    from crossdock.connector import (
        Register as Register,
    )
    from crossdock.connector import (
        Request as Request,
    )
    from crossdock.connector import (
        Snapshots as Snapshots,
    )
    from crossdock.connector import (
        Translates as Translates,
    )
    from crossdock.connector import (
        Webhooks as Webhooks,
    )
    from crossdock.connector import (
        Window as Window,
    )
    from crossdock.errors import (
        AuthError as AuthError,
    )
    from crossdock.errors import (
        ConfigError as ConfigError,
    )
    from crossdock.errors import (
        ConflictError as ConflictError,
    )
    from crossdock.errors import (
        ContractError as ContractError,
    )
    from crossdock.errors import (
        CrossdockError as CrossdockError,
    )
    from crossdock.errors import (
        PermanentError as PermanentError,
    )
    from crossdock.errors import (
        RateLimitedError as RateLimitedError,
    )
    from crossdock.errors import (
        RejectedError as RejectedError,
    )
    from crossdock.errors import (
        TransientError as TransientError,
    )
    from crossdock.errors import (
        UnavailableError as UnavailableError,
    )
    from crossdock.events import (
        Command as Command,
    )
    from crossdock.events import (
        Event as Event,
    )
    from crossdock.events import (
        Fact as Fact,
    )
    from crossdock.events import (
        Raw as Raw,
    )
    from crossdock.events import (
        Receipt as Receipt,
    )
    from crossdock.events import (
        Statement as Statement,
    )
    from crossdock.events import (
        revision_of as revision_of,
    )
    from crossdock.hookspecs import hookimpl as hookimpl
    from crossdock.http import Http as Http

_HOMES = {
    "crossdock.connector": (
        "Applies Config Context Health Ignore Polls Probes Register Request Snapshots "
        "Translates Webhooks Window"
    ),
    "crossdock.errors": (
        "AuthError ConfigError ConflictError ContractError CrossdockError PermanentError "
        "RateLimitedError RejectedError TransientError UnavailableError"
    ),
    "crossdock.events": "Command Event Fact Raw Receipt Statement revision_of",
    "crossdock.hookspecs": "hookimpl",
    "crossdock.http": "Http",
}
_WHERE = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_WHERE)  # noqa: PLE0605 - computed so that it cannot disagree with _HOMES


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'crossdock' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_WHERE[name]), name)  # asked for once
    return value


def __dir__() -> list[str]:
    return __all__
