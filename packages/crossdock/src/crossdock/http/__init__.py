"""The HTTP client that connectors are given (docs/guides/http.md); its failures are ours."""

from crossdock.http.answers import DEFAULT_RETRY_AFTER_S as DEFAULT_RETRY_AFTER_S
from crossdock.http.answers import REQUEST_ID_HEADERS as REQUEST_ID_HEADERS
from crossdock.http.answers import Headers as Headers
from crossdock.http.answers import Response as Response
from crossdock.http.answers import error_for as error_for
from crossdock.http.answers import excerpt as excerpt
from crossdock.http.answers import retry_after_s as retry_after_s
from crossdock.http.auth import Auth as Auth
from crossdock.http.auth import Call as Call
from crossdock.http.auth import Token as Token
from crossdock.http.auth import TokenAuth as TokenAuth
from crossdock.http.auth import basic as basic
from crossdock.http.auth import oauth as oauth
from crossdock.http.bodies import MAX_RESPONSE_BYTES as MAX_RESPONSE_BYTES
from crossdock.http.client import Http as Http
from crossdock.http.paging import by_bookmark as by_bookmark
from crossdock.http.paging import by_cursor as by_cursor
from crossdock.http.paging import by_link as by_link
from crossdock.http.paging import by_number as by_number
from crossdock.http.paging import walk as walk
from crossdock.http.redaction import Redactor as Redactor
from crossdock.http.retrying import ONCE as ONCE
from crossdock.http.retrying import Retry as Retry
