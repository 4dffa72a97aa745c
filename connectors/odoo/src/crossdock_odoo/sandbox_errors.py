"""The errors of the pretended Odoo: names, statuses and bodies as recorded in flow 13."""

from typing import Any

STATUS = {
    "odoo.exceptions.UserError": 422,
    "odoo.exceptions.ValidationError": 422,
    "odoo.exceptions.AccessError": 403,
    "odoo.exceptions.AccessDenied": 401,
    "odoo.exceptions.MissingError": 404,
    "werkzeug.exceptions.Unauthorized": 401,
    "werkzeug.exceptions.NotFound": 404,
    "werkzeug.exceptions.BadRequest": 400,
    "werkzeug.exceptions.UnprocessableEntity": 422,
}
"""JSON-2; everything else is 500. `/jsonrpc` answers 200 always."""


class OdooFault(Exception):  # noqa: N818 - the pretended server's, not ours
    """An error that the server answers with; the transaction is rolled back."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status of JSON-2."""
        return STATUS.get(self.name, 500)

    def body(self) -> dict[str, Any]:
        """As JSON-2 answers it, and as `error.data` of `/jsonrpc`."""
        arguments: list[Any] = [self.message]
        if self.name.startswith("werkzeug."):
            arguments.append(self.status)
        last = f"{self.name.rpartition('.')[2]}: {self.message}"
        return {
            "name": self.name,
            "message": self.message,
            "arguments": arguments,
            "context": {},
            "debug": f'Traceback (most recent call last):\n  File "/opt/odoo/odoo/http.py", '
            f"line 1, in _serve\n{last}\n",
        }


def user_error(message: str) -> OdooFault:
    """A business rule says no."""
    return OdooFault("odoo.exceptions.UserError", message)


def validation_error(message: str) -> OdooFault:
    """A constraint says no."""
    return OdooFault("odoo.exceptions.ValidationError", message)


def value_error(message: str) -> OdooFault:
    """Python says no, inside the server."""
    return OdooFault("builtins.ValueError", message)


def missing(model: str, record: int, uid: int) -> OdooFault:
    """The record is not there."""
    return OdooFault(
        "odoo.exceptions.MissingError",
        f"Record does not exist or has been deleted.\n(Record: {model}({record},), User: {uid})",
    )


def unprocessable(message: str) -> OdooFault:
    """JSON-2: the arguments do not fit the method."""
    return OdooFault("werkzeug.exceptions.UnprocessableEntity", message)
