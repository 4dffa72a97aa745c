"""Every hook a plugin may implement. This file is the whole extension surface."""

import pluggy

from crossdock.connector import Register

PROJECT = "crossdock"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_connectors(register: Register) -> None:
    """Call `register(name, …)` for each connector this plugin brings. Called once, at start-up."""
