"""The embedded bucket as a transport of `requests`: no socket, no port, no second process.

Mount it on the session of an unmodified google-cloud-storage client::

    client = storage.Client(
        project="embedded",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": "http://embedded.invalid"},
    )
    client._http.mount("http://embedded.invalid", EmbeddedAdapter(bucket))
"""

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import ProtocolError

from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.faults import Delivery, FaultPlan, exchange
from jupyter_terra_env.bucket.embedded.messages import Request

ENDPOINT = "http://embedded.invalid"


class EmbeddedAdapter(HTTPAdapter):
    """Answers requests from an embedded bucket in the caller's thread."""

    def __init__(self, bucket: EmbeddedBucket, *, faults: FaultPlan | None = None) -> None:
        """Carry requests to `bucket`, with the faults that tests plan."""
        super().__init__()
        self._bucket = bucket
        self._faults = faults

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002 - the signature of requests
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str = True,  # noqa: ARG002, FBT001, FBT002 - the signature of requests
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,  # noqa: ARG002 - the same
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002 - the same
    ) -> requests.Response:
        """Answer a request.

        Raises:
            requests.exceptions.ReadTimeout: A planned fault outlasts the read timeout.
            requests.exceptions.ConnectionError: A planned fault breaks the connection.
        """
        patience_seconds = timeout[1] if isinstance(timeout, tuple) else timeout
        delivery = exchange(self._bucket, _request(request), self._faults, patience_seconds)
        if delivery.timed_out:
            raise requests.exceptions.ReadTimeout(f"Read timed out ({patience_seconds} s)", request=request)
        if delivery.response is None:
            reset = ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
            raise requests.exceptions.ConnectionError(reset, request=request)
        return self.build_response(request, _urllib3_response(delivery, request))

    def close(self) -> None:
        """Do nothing: the bucket belongs to the code that opened it, and may serve other sessions."""


def _request(prepared: requests.PreparedRequest) -> Request:
    parts = urlsplit(prepared.url or ENDPOINT)
    return Request(
        method=_text(prepared.method or "GET").upper(),
        target=prepared.path_url,
        headers={_text(name).lower(): _text(value) for name, value in prepared.headers.items()},
        body=_whole(prepared.body),
        base_url=f"{parts.scheme}://{parts.netloc}",
    )


def _urllib3_response(delivery: Delivery, request: requests.PreparedRequest) -> HTTPResponse:
    response = delivery.response
    if response is None:
        raise AssertionError("a delivery without an answer is an exception")
    return HTTPResponse(
        body=BytesIO(response.body[: delivery.cut_after_bytes]),
        headers=HTTPHeaderDict(response.header_lines()),
        status=response.status,
        preload_content=False,
        request_method=request.method,
        request_url=request.url,
    )


def _whole(body: Any) -> bytes:
    """Read a request body, which the client gives as bytes, text, a stream, or an iterable of bytes."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes):
        return body
    if hasattr(body, "read"):
        return _whole(body.read())
    if isinstance(body, Iterable):
        return b"".join(map(_whole, body))
    raise TypeError(f"a request body of type {type(body).__name__}")


def _text(value: str | bytes) -> str:
    """Return a header name or value as text; the client's multipart content type arrives as bytes."""
    return value.decode("latin-1") if isinstance(value, bytes) else value
