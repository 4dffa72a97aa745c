"""Crossdock speaks {{ cookiecutter.title }}.

API: FILL IN, the page of its documentation and the version.
"""

import crossdock

from {{ cookiecutter.__package }}.client import open_{{ cookiecutter.__open }}
from {{ cookiecutter.__package }}.config import {{ cookiecutter.__class }}Config
from {{ cookiecutter.__package }}.mapping import translate


@crossdock.hookimpl
def register_connectors(register: crossdock.Register) -> None:
    """One connector, `{{ cookiecutter.name }}`."""
    register(
        "{{ cookiecutter.name }}",
        title="{{ cookiecutter.title }}",
        config={{ cookiecutter.__class }}Config,
        open=open_{{ cookiecutter.__open }},
        translate=translate,
        handles=("{{ cookiecutter.__command }}",),
        tells=("{{ cookiecutter.__event.split('.')[0] }}",{{ ' "refund"' if cookiecutter.__record == "payment" }}),
{%- if cookiecutter.news != "webhooks" %}
        poll_every_s=60,  # FILL IN: how often the vendor's rate limit lets the whole poll run
{%- endif %}
        sandbox="{{ cookiecutter.__package }}.sandbox:{{ cookiecutter.__class }}Sandbox",
    )
