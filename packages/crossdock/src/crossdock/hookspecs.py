"""Every hook a plugin may implement. This file is the whole extension surface."""

import pluggy

from crossdock.checks import RegisterChecks
from crossdock.connector import Register

PROJECT = "crossdock"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_connectors(register: Register) -> None:
    """Call `register(name, …)` for each connector this plugin brings. Called once, at start-up."""


@hookspec
def register_checks(register: RegisterChecks) -> None:
    """Call `register(name, check)` for each check of orders. Called once, at start-up.

    Found by an entry point of the group `crossdock.checks`, under the check's name.
    """
