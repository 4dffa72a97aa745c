"""A queue as SQS has it, as far as we use it: receive, hide, delete, in the JSON protocol.

Signatures are verified by hand (AWS Signature Version 4), so that the connector's, which botocore
makes, meet another reading of the same rule.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

ACCOUNT = "123456789012"
NAME = "amazon-notifications"
REGION = "eu-central-1"
_AUTH = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>\w+)"
    r"/aws4_request, SignedHeaders=(?P<signed>[^,]+), Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass
class _Kept:
    id: str
    body: str
    number: int
    hidden_until: float = 0.0
    received: int = 0
    handle: str = ""


@dataclass
class SandboxQueue:
    """Messages in memory."""

    access_key: str
    secret_key: str
    kept: dict[str, _Kept] = field(default_factory=dict)
    deleted: int = 0
    forgets: bool = True
    """False: what was deleted is given again, as SQS may do in rare cases, at least once."""
    _numbers: Any = field(default_factory=lambda: count(1))

    def put(self, body: str) -> str:
        """One more message; its id."""
        number = next(self._numbers)
        message = _Kept(f"00000000-0000-4000-8000-{number:012d}", body, number)
        self.kept[message.id] = message
        return message.id

    def answer(
        self, headers: Mapping[str, str], content: bytes, host: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and body."""
        fault = self._unsigned(headers, content, host)
        if fault:
            return 403, {"__type": f"com.amazon.coral.service#{fault}", "message": fault}
        body = json.loads(content)
        name = body.get("QueueUrl", "").rpartition("/")[2]
        if name != NAME:
            kind = "com.amazonaws.sqs#QueueDoesNotExist"
            return 400, {"__type": kind, "message": f"The specified queue {name} does not exist."}
        match headers.get("x-amz-target", ""):
            case "AmazonSQS.ReceiveMessage":
                return 200, self._receive(body)
            case "AmazonSQS.DeleteMessageBatch":
                return 200, self._delete(body)
            case "AmazonSQS.GetQueueAttributes":
                waiting = str(len(self.kept))
                return 200, {"Attributes": {"ApproximateNumberOfMessages": waiting}}
            case other:
                kind = "com.amazon.coral.service#UnknownOperationException"
                return 400, {"__type": kind, "message": other}

    def _receive(self, body: Mapping[str, Any]) -> dict[str, Any]:
        now = time.monotonic()
        seen = sorted(
            (one for one in self.kept.values() if one.hidden_until <= now),
            key=lambda one: (one.received, one.number),
        )[: min(int(body.get("MaxNumberOfMessages", 1)), 10)]
        for one in seen:
            one.received += 1
            one.hidden_until = now + float(body.get("VisibilityTimeout", 30))
            one.handle = f"{one.id}#{one.received}"
        told = [
            {
                "MessageId": one.id,
                "ReceiptHandle": one.handle,
                "MD5OfBody": hashlib.md5(one.body.encode(), usedforsecurity=False).hexdigest(),
                "Body": one.body,
            }
            for one in seen
        ]
        return {"Messages": told} if told else {}

    def _delete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """By the id in a handle: SQS takes an older handle of a message too, mostly."""
        good = []
        for entry in body["Entries"]:
            message = entry["ReceiptHandle"].partition("#")[0]
            if self.forgets:
                self.deleted += self.kept.pop(message, None) is not None
            good.append({"Id": entry["Id"]})
        return {"Successful": good, "Failed": []}

    def _unsigned(self, headers: Mapping[str, str], content: bytes, host: str) -> str:
        """The error that AWS would name; empty: the signature is good."""
        match = _AUTH.fullmatch(headers.get("authorization", ""))
        if match is None:
            return "MissingAuthenticationTokenException"
        if match["key"] != self.access_key:
            return "UnrecognizedClientException"
        signed = match["signed"].split(";")
        stamp = headers.get("x-amz-date", "")
        if not {"host", "x-amz-target", "x-amz-date"} <= set(signed) or match["service"] != "sqs":
            return "InvalidSignatureException"
        values = {**headers, "host": host}
        canonical = "\n".join(
            [
                "POST",
                "/",
                "",
                *(f"{name}:{' '.join(values.get(name, '').split())}" for name in signed),
                "",
                match["signed"],
                hashlib.sha256(content).hexdigest(),
            ]
        )
        scope = f"{match['day']}/{match['region']}/sqs/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
        key = f"AWS4{self.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), hashlib.sha256)
        wanted = hmac.digest(key, text.encode(), hashlib.sha256).hex()
        good = hmac.compare_digest(wanted, match["signature"])
        return "" if good and match["region"] == REGION else "SignatureDoesNotMatch"
