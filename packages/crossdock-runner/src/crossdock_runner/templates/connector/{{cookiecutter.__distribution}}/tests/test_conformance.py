"""The conformance kit examines this connector.

    pytest                                           # one test for each check
    python -m crossdock.testing.conformance .        # everything at once, and the tier
"""

import json
{%- if cookiecutter.__made in ("jobs", "refunds") %}
from datetime import UTC, datetime
{%- endif %}
from decimal import Decimal
from pathlib import Path
from typing import Any

from crossdock import Command{{ ", Request" if cookiecutter.news != "polling" }}
{%- if cookiecutter.__made == "stock" %}
from crossdock.canonical import InventoryLevel
{%- elif cookiecutter.__made == "jobs" %}
from crossdock.canonical import EntityRef, FulfillmentOrder, FulfillmentOrderLine
{%- elif cookiecutter.__made == "labels" %}
from crossdock.canonical import EntityRef, Fulfillment, FulfillmentLine
{%- else %}
from crossdock.canonical import EntityRef, Money, Refund
{%- endif %}
from crossdock.testing.conformance import Features, Sample, Subject, conformance
from crossdock.testing.coverage import Coverage
{% if cookiecutter.news != "polling" %}
from {{ cookiecutter.__package }}.client import sign
{%- endif %}
from {{ cookiecutter.__package }}.mapping import translate
from {{ cookiecutter.__package }}.sandbox import {{ cookiecutter.__class }}Sandbox

HERE = Path(__file__).parent
DATA = (HERE / "samples" / "{{ cookiecutter.__record }}.json").read_bytes()
SAYS = ("{{ cookiecutter.__event }}",{{ ' "refund.succeeded", "refund.pending"' if cookiecutter.__record == "payment" }})
# what a payload does not show by itself (cents, local times) is stated: means=("12.50 EUR",)
EXAMPLE = Sample(topic="{{ cookiecutter.__record }}", data=DATA, says=SAYS)
NEWER = Sample(
    topic="{{ cookiecutter.__record }}",
    data=json.dumps({**json.loads(DATA), "version": 8}).encode(),
    says=SAYS,
)
{% if cookiecutter.news != "polling" %}

def signed(box: {{ cookiecutter.__class }}Sandbox, sample: Sample) -> Request:
    """The webhook by which the vendor would send this."""
    headers = {
        "x-{{ cookiecutter.name }}-topic": sample.topic,
        "x-{{ cookiecutter.name }}-signature": sign(box.webhook_secret, sample.data),
    }
    return Request(headers=headers, body=sample.data)
{% endif %}
{%- if cookiecutter.news != "webhooks" %}

def change(box: {{ cookiecutter.__class }}Sandbox, number: int) -> str:
    """Somebody changes the number-th {{ cookiecutter.__record }}; the key by which a poll tells it."""
    box.put({**json.loads(DATA), "id": f"{{ cookiecutter.__record }}-{number}"})
    return f"{{ cookiecutter.__record }}:{{ cookiecutter.__record }}-{number}"
{% endif %}

def wish(_: {{ cookiecutter.__class }}Sandbox, number: int) -> Command[Any]:
    """The number-th `{{ cookiecutter.__command }}`, about an entity of its own."""
{%- if cookiecutter.__made == "stock" %}
    data = InventoryLevel(sku=f"TEE-{number}", location="WH", available=Decimal(10 + number))
    native: dict[str, str] = {}  # what the wish names beside itself: our id to the vendor's
{%- elif cookiecutter.__made == "jobs" %}
    line = FulfillmentOrderLine(line_id="1", sku="TEE-S", requested=Decimal(number))
    data = FulfillmentOrder(
        order=EntityRef(id=f"ord_{number}"),
        location="WH",
        lines=(line,),
        requested_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    native = {f"ord_{number}": f"order-{number}"}
{%- elif cookiecutter.__made == "labels" %}
    line = FulfillmentLine(line_id="1", sku="TEE-S", quantity=Decimal(number))
    data = Fulfillment(order=EntityRef(id=f"ord_{number}"), lines=(line,))
    native = {f"ord_{number}": f"order-{number}"}
{%- else %}
    data = Refund(
        order=EntityRef(id=f"ord_{number}"),
        payment=EntityRef(id=f"pay_{number}", native_id=f"payment-{number}"),
        state="pending",
        amount=Money(amount=Decimal(number), currency="EUR"),
        requested_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    native = {f"pay_{number}": f"payment-{number}"}
{%- endif %}
    return Command(
        id=f"cmd_{number}",
        type="{{ cookiecutter.__command }}",
        data=data,
        entity_id=f"entity_{number}",
        native_ids=native,
    )


def effects(box: {{ cookiecutter.__class }}Sandbox) -> object:
    """What commands have left there, without the ids that the vendor invents."""
    return sorted(json.dumps(one, sort_keys=True) for one in box.{{ cookiecutter.__made }}.values())


SUBJECT = Subject(
    connector="{{ cookiecutter.name }}",
    home=HERE.parent,
    features=Features(
{%- if cookiecutter.news != "polling" %}
        webhooks=True,
{%- endif %}
{%- if cookiecutter.news != "webhooks" %}
        polls=True,
{%- endif %}
        applies=True,
        probes=True,
    ),
{%- if cookiecutter.news != "webhooks" %}
    config={"page_size": 3},
{%- endif %}
    samples=[EXAMPLE],
    newer=[EXAMPLE, NEWER],
{%- if cookiecutter.news != "polling" %}
    sign=signed,
{%- endif %}
{%- if cookiecutter.news != "webhooks" %}
    change=change,
{%- endif %}
    commands={"{{ cookiecutter.__command }}": wish},
    effects=effects,
    coverage=[Coverage(name="{{ cookiecutter.__record }}", samples=[EXAMPLE], translate=translate)],
    # what is known to fail, each with its reason; a line here costs the tier
    gaps={
        "docs.nothing-is-left-to-fill-in": "just made from the template",
{%- if cookiecutter.news == "webhooks" %}
        "platinum.news-comes-by-two-roads": "no poll yet: a webhook that gets lost stays lost",
{%- endif %}
        "platinum.can-be-reconciled": "no snapshot yet",
    },
)
test_conformance = conformance(SUBJECT)
