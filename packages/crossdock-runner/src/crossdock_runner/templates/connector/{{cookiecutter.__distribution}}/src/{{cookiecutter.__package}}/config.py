"""What an integrator writes to connect one {{ cookiecutter.title }} account."""

import crossdock
from pydantic import Field, HttpUrl, SecretStr


class {{ cookiecutter.__class }}Config(crossdock.Config):
    """One account."""

    # FILL IN: where the vendor has one address for everybody, give it as the default
    url: HttpUrl
    """The address of the API: `https://api.{{ cookiecutter.name }}.example/v1`."""
{%- if cookiecutter.authentication == "basic" %}
    user: str = Field(min_length=1)
    """The user's name."""
    password: SecretStr = Field(min_length=1)
    """The user's password."""
{%- elif cookiecutter.authentication == "oauth2" %}
    client_id: str = Field(min_length=1)
    """The id of the app."""
    client_secret: SecretStr = Field(min_length=1)
    """The app's secret, by which it is given tokens."""
{%- elif cookiecutter.authentication == "hmac" %}
    key_id: str = Field(min_length=1)
    """Which key signs our requests."""
    signing_secret: SecretStr = Field(min_length=1)
    """The key: requests are signed with it (HMAC-SHA256)."""
{%- else %}
    token: SecretStr = Field(min_length=1)
    """The account's {{ "API key" if cookiecutter.authentication == "api-key" else "access token" }}."""
{%- endif %}
{%- if cookiecutter.news != "polling" %}
    webhook_secret: SecretStr = Field(min_length=1)
    """What webhooks are signed with (HMAC-SHA256)."""
{%- endif %}
{%- if cookiecutter.news != "webhooks" %}
    page_size: int = Field(default=100, ge=1, le=500)
    """Records read at once while polling."""
{%- endif %}
