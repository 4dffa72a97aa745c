"""The queue that Amazon's notifications come by: SQS, in its JSON protocol 1.0.

Only botocore's signature is used; requests go through `context.http` like all others. A message is
deleted by its receipt handle after its record has been stored; until then it is merely hidden, and
comes back by itself.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import crossdock
from crossdock.http import Http, Response
from crossdock.reading import Required, Shape, Text, TypedDict

from crossdock_amazon.config import AmazonConfig

MOST = 10
"""Messages in one receive, and entries in one delete: SQS's own limits."""
CONTENT_TYPE = "application/x-amz-json-1.0"
_DENIED = frozenset(
    [
        "AccessDenied",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "InvalidSecurity",
        "UnrecognizedClient",
        "MissingAuthenticationToken",
        "ExpiredToken",
        "NotAuthorized",
        "IncompleteSignature",
        "InvalidSignature",
        "InvalidAccessKeyId",
    ]
)


class _Message(TypedDict, total=False):
    """One message as SQS hands it out; its body is not read here."""

    MessageId: Required[Text]
    ReceiptHandle: Required[Text]
    Body: Required[str]


class _Received(TypedDict, total=False):
    Messages: list[_Message] | None


class _Failure(TypedDict, total=False):
    Id: Text
    Code: Text
    Message: Text | None
    SenderFault: bool


class _Deleted(TypedDict, total=False):
    Failed: list[_Failure] | None


class _Attributes(TypedDict, total=False):
    Attributes: dict[str, Text] | None


RECEIVED = Shape(_Received)
DELETED = Shape(_Deleted)
ATTRIBUTES = Shape(_Attributes)


@dataclass(frozen=True)
class Message:
    """One notification in the queue."""

    id: str
    handle: str = field(repr=False)
    body: str


@dataclass(frozen=True)
class Queue:
    """One queue, read by one poll at a time."""

    config: AmazonConfig
    http: Http

    async def receive(self, visibility_s: int | None = None) -> list[Message]:
        """Up to 10 messages, hidden from other readers for `visibility_s`."""
        hidden_s = self.config.visibility_s if visibility_s is None else visibility_s
        answer = await self._call(
            "ReceiveMessage",
            {"MaxNumberOfMessages": MOST, "VisibilityTimeout": hidden_s, "WaitTimeSeconds": 0},
        )
        found = RECEIVED.of(answer.json(), "the queue").get("Messages") or []
        return [Message(one["MessageId"], one["ReceiptHandle"], one["Body"]) for one in found]

    async def delete(self, handles: Sequence[str]) -> None:
        """Delete what was stored. A handle that has expired is let go: its message comes again."""
        for start in range(0, len(handles), MOST):
            entries = [
                {"Id": str(number), "ReceiptHandle": handle}
                for number, handle in enumerate(handles[start : start + MOST])
            ]
            answer = await self._call("DeleteMessageBatch", {"Entries": entries})
            failed = DELETED.of(answer.json(), "the queue").get("Failed") or []
            ours = [one for one in failed if not one.get("SenderFault")]
            if ours:
                raise crossdock.UnavailableError(
                    f"the queue could not delete {len(ours)} of {len(entries)} messages: "
                    f"{ours[0].get('Code')}; they will come again",
                    outcome="failed",
                )

    async def waiting(self) -> int:
        """About how many messages wait."""
        name = "ApproximateNumberOfMessages"
        answer = await self._call("GetQueueAttributes", {"AttributeNames": [name]})
        told = (ATTRIBUTES.of(answer.json(), "the queue").get("Attributes") or {}).get(name, "0")
        return int(told) if told.isdecimal() else 0

    async def _call(self, action: str, body: dict[str, Any]) -> Response:
        """Receiving twice or deleting twice does no harm, so both may be repeated."""
        url = str(self.config.queue_url)
        content = json.dumps({"QueueUrl": url, **body}).encode()
        answer = await self.http.post(
            "/",
            content=content,
            headers=signed(self.config, action, content),
            accept={400, 403},
            bucket="sqs",
            idempotent=True,
        )
        if answer.status >= 400:
            raise _refused(action, answer)
        return answer


def signed(config: AmazonConfig, action: str, content: bytes) -> dict[str, str]:
    """The headers of one call, signed by AWS Signature Version 4."""
    # at its first use: it takes a quarter of a second to import, and many never have a queue
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    secret, session = config.aws_secret_access_key, config.aws_session_token
    credentials = Credentials(
        config.aws_access_key_id,
        secret.get_secret_value() if secret else "",
        session.get_secret_value() if session else None,
    )
    where = urlsplit(str(config.queue_url))
    request = AWSRequest(
        method="POST",
        url=f"{where.scheme}://{where.netloc}/",
        data=content,
        headers={"X-Amz-Target": f"AmazonSQS.{action}", "Content-Type": CONTENT_TYPE},
    )
    SigV4Auth(credentials, "sqs", config.queue_region).add_auth(request)
    return {str(name): str(value) for name, value in request.headers.items()}


def _refused(action: str, answer: Response) -> crossdock.CrossdockError:
    """SQS tells its errors with status 400 and a `__type`."""
    told = answer.json()
    kind = str(told.get("__type", "") if isinstance(told, dict) else "").rpartition("#")[2]
    words = str(told.get("message") or told.get("Message") or "") if isinstance(told, dict) else ""
    message = f"{action} at the queue: {kind or answer.status}: {words[:300]}"
    if answer.status == 403 or any(word in kind for word in _DENIED):
        return crossdock.AuthError(
            f"{message}. Check aws_access_key_id, its secret and the queue's policy",
            request_id=answer.request_id,
        )
    if "Throttl" in kind or kind in {"OverLimit", "RequestThrottled"}:
        return crossdock.RateLimitedError(message, retry_after_s=2.0, request_id=answer.request_id)
    return crossdock.RejectedError(
        message, reason=kind[:60] or "sqs_refused", request_id=answer.request_id
    )
