"""Does the config tell an integrator what is wrong, and keep secrets to itself?"""

import re
from typing import Any

from pydantic import SecretStr, ValidationError

from crossdock.testing.conformance.bench import Case
from crossdock.testing.conformance.kit import Failed, check

_SECRET = re.compile(r"(^|_)(secret|token|password|passphrase|api_?key|private_key|credential)s?$")
_URL = "http://127.0.0.1:9"


def _good(case: Case) -> dict[str, Any]:
    return case.given(case.sandbox(), _URL)


@check("config.accepts-the-sandbox", "bronze")
def accepts(case: Case) -> None:
    """What the sandbox says of itself must be a good config."""
    case.configure(_good(case))


@check("config.refuses-unknown-keys", "bronze")
def unknown_keys(case: Case) -> None:
    """A misspelt option that is silently dropped is found months later."""
    try:
        case.configure({**_good(case), "no_such_option": 1})
    except ValidationError:
        return
    raise Failed("an unknown key is accepted", "derive the config from crossdock.Config")


@check("config.names-what-is-missing", "bronze")
def missing(case: Case) -> None:
    """`crossdock check` points at the key that is not there."""
    good = _good(case)
    for name, field in case.connector.config.model_fields.items():
        if not field.is_required():
            continue
        try:
            case.configure({key: value for key, value in good.items() if key != name})
        except ValidationError as error:
            if any(name in fault["loc"] for fault in error.errors()):
                continue
        raise Failed(
            f"without {name!r} no fault names {name!r}", "leave required fields without a default"
        )


@check("config.is-frozen", "bronze")
def frozen(case: Case) -> None:
    """One config is shared by everything that is opened with it."""
    config = case.configure(_good(case))
    name = next(iter(type(config).model_fields))
    try:
        setattr(config, name, getattr(config, name))
    except ValidationError:
        return
    raise Failed("a field of the config can be set", "derive the config from crossdock.Config")


@check("config.secrets-are-secret", "bronze")
def secrets_are_secret(case: Case) -> None:
    """A secret that is plain text ends in a log or a stack trace."""
    for name, field in case.connector.config.model_fields.items():
        if _SECRET.search(name) and "SecretStr" not in str(field.annotation):
            raise Failed(
                f"{name} is {field.annotation}, which prints itself",
                f"make {name} a pydantic.SecretStr",
            )


@check("config.repr-hides-secrets", "bronze")
def repr_hides(case: Case) -> None:
    """The config appears in messages of the runner."""
    config = case.configure(_good(case))
    shown = f"{config!r} {config} {config.model_dump()} {config.model_dump_json()}"
    _no_secret(case.secrets(config), shown, "the printed config")


@check("config.errors-hide-secrets", "bronze")
def errors_hide(case: Case) -> None:
    """A config that is wrong elsewhere must not print its secrets in the message."""
    good = _good(case)
    secrets = case.secrets(case.configure(good))
    for name in [*case.connector.config.model_fields, "no_such_option"]:
        # where a secret belongs, a wrong thing that holds it; elsewhere, something wrong
        wrong = {"wrong": [secrets[name]]} if name in secrets else {"wrong": [object()]}
        try:
            case.configure({**good, name: wrong})
        except ValidationError as error:
            _no_secret(secrets, str(error), f"the message about a wrong {name}")


@check("config.refuses-empty-secrets", "silver")
def empty_secrets(case: Case) -> None:
    """`${secret:env/X}` of an empty variable must stop the start, not the first order."""
    good = _good(case)
    for name in case.secrets(case.configure(good)):
        try:
            case.configure({**good, name: ""})
        except ValidationError:
            continue
        field = case.connector.config.model_fields[name]
        if not field.is_required() and field.default in (SecretStr(""), None):
            continue  # empty means: none, and that is the default
        raise Failed(
            f"an empty {name} is accepted",
            f"write `{name}: SecretStr = Field(min_length=1)`",
        )


@check("config.wrong-types-are-named", "bronze")
def wrong_types(case: Case) -> None:
    """Each option given nonsense is refused by name, with no error but pydantic's."""
    good = _good(case)
    for name in case.connector.config.model_fields:
        for wrong in ({"wrong": 1}, [[]], object()):
            try:
                case.configure({**good, name: wrong})
            except ValidationError as error:
                if all(fault["loc"] and fault["loc"][0] == name for fault in error.errors()):
                    continue
                raise Failed(
                    f"a wrong {name} is told as {error.errors()[0]['loc']}",
                    "let validators of one field raise ValueError",
                ) from None
            except Exception as error:  # noqa: BLE001 - told as a finding
                raise Failed(
                    f"{name}={type(wrong).__name__} raises {type(error).__name__}: {error}",
                    "let validators raise ValueError and nothing else",
                ) from None
            if isinstance(wrong, dict) and "dict" in str(
                case.connector.config.model_fields[name].annotation
            ):
                continue
            if "Any" in str(case.connector.config.model_fields[name].annotation):
                break
            if not isinstance(wrong, dict):
                raise Failed(f"{name}={wrong!r} is accepted", f"give {name} a narrower type")


@check("config.every-field-is-explained", "silver")
def explained(case: Case) -> None:
    """An integrator reads what an option means without opening the code."""
    silent = [
        name for name, field in case.connector.config.model_fields.items() if not field.description
    ]
    if silent:
        raise Failed(
            f"no words about {', '.join(silent)}",
            "write a docstring under each field of the config",
        )


def _no_secret(secrets: dict[str, str], shown: str, where: str) -> None:
    for name, value in secrets.items():
        if value and value in shown:
            raise Failed(f"{where} shows {name}", f"make {name} a pydantic.SecretStr")
