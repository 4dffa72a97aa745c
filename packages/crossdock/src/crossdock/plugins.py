"""Finding connectors: by the names of entry points, loading only what is asked for."""

import difflib
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points

import pluggy

from crossdock import hookspecs
from crossdock.checks import Check, RegisterChecks
from crossdock.connector import Connector, Register
from crossdock.errors import ConfigError

GROUP = hookspecs.PROJECT
CHECKS = f"{GROUP}.checks"


def installed() -> dict[str, EntryPoint]:
    """Every connector that is installed, by name; nothing is imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


def load(names: Iterable[str]) -> dict[str, Connector]:
    """Import exactly these connectors.

    ConfigError names a connector that is not installed, with the nearest name that is, and a
    plugin whose import fails, with its reason.
    """
    available = installed()
    wanted = sorted(set(names))
    connectors: dict[str, Connector] = {}
    for name in wanted:
        point = available.get(name)
        if point is None:
            near = difflib.get_close_matches(name, available, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            known = ", ".join(sorted(available)) or "none"
            # never suggest to install what is only misspelt: somebody may own that name
            get = "" if near else f" Install it with `pip install crossdock-{name}`."
            raise ConfigError(f"no connector {name!r} is installed{hint} Installed: {known}.{get}")
        try:
            plugin = point.load()
        except Exception as error:
            raise ConfigError(
                f"connector {name!r} ({point.value}) cannot be imported: "
                f"{type(error).__name__}: {error}"
            ) from error
        register = _ask(point, plugin)
        if name not in register.connectors:
            raise ConfigError(
                f"plugin {point.value} registers {sorted(register.connectors)}, "
                f"not {name!r} as its entry point says"
            )
        version = point.dist.version if point.dist else ""
        connectors[name] = replace(register.connectors[name], plugin=f"{point.value} {version}")
    return connectors


def installed_checks() -> dict[str, EntryPoint]:
    """Every check of orders that is installed, by name; nothing is imported."""
    return {point.name: point for point in entry_points(group=CHECKS)}


def load_checks(names: Iterable[str]) -> dict[str, Check]:
    """Import exactly these checks. ConfigError names one that is not there or cannot be loaded."""
    available = installed_checks()
    found: dict[str, Check] = {}
    for name in sorted(set(names)):
        point = available.get(name)
        if point is None:
            known = ", ".join(sorted(available)) or "none"
            raise ConfigError(f"no check {name!r} is installed. Installed: {known}")
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        register = RegisterChecks()
        try:
            manager.register(point.load(), name=name)
            manager.hook.register_checks(register=register)
        except Exception as error:
            raise ConfigError(
                f"check {name!r} ({point.value}) cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        if name not in register.checks:
            raise ConfigError(
                f"plugin {point.value} registers {sorted(register.checks)}, "
                f"not {name!r} as its entry point says"
            )
        found[name] = register.checks[name]
    return found


def _ask(point: EntryPoint, plugin: object) -> Register:
    """What one plugin registers. Each is asked alone, for one plugin may bring two connectors."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    register = Register()
    try:
        manager.register(plugin, name=point.name)
        manager.hook.register_connectors(register=register)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(
            f"connector {point.name!r} ({point.value}) cannot be registered: "
            f"{type(error).__name__}: {error}"
        ) from error
    return register
