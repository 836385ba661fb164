"""Several requests in one (GCS JSON API: "Batch requests"): each is its own request, with its own transaction."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes
from http import HTTPStatus

from jupyter_terra_env.bucket.embedded.errors import invalid
from jupyter_terra_env.bucket.embedded.messages import Request, Response

_MOST_REQUESTS = 100
_BOUNDARY = "batch_of_the_embedded_bucket"


def batch(request: Request, handle: Callable[[Request], Response]) -> Response:
    """Answer a batch request.

    Args:
        request: multipart/mixed, each part an application/http request.
        handle: Answers one request.

    Raises:
        ApiError: 400 when it is malformed or holds more than 100 requests.
    """
    inner = list(_requests(request))
    if not 1 <= len(inner) <= _MOST_REQUESTS:
        raise invalid(f"A batch holds 1 to {_MOST_REQUESTS} requests.")
    parts = [_part(content_id, handle(single)) for content_id, single in inner]
    headers = {"Content-Type": f"multipart/mixed; boundary={_BOUNDARY}"}
    return Response(status=200, headers=headers, body=b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode())


def _requests(request: Request) -> Iterator[tuple[str, Request]]:
    head = f"Content-Type: {request.header('content-type')}\r\n\r\n".encode()
    for part in message_from_bytes(head + request.body).walk():
        if part.get_content_type() == "application/http":
            payload = part.get_payload(decode=True)
            raw = payload if isinstance(payload, bytes) else b""
            yield part.get("Content-ID", "<>"), _request(raw.lstrip(), request)


def _request(raw: bytes, outer: Request) -> Request:
    line, _, rest = raw.replace(b"\r\n", b"\n").partition(b"\n")
    words = line.decode("latin-1").split()
    if len(words) < 2:
        raise invalid("A part of the batch is not an HTTP request.")
    message = message_from_bytes(rest)
    body = message.get_payload(decode=True)
    return replace(
        outer,
        method=words[0].upper(),
        target=words[1].removeprefix(outer.base_url),
        headers={name.lower(): str(value) for name, value in message.items()},
        body=body if isinstance(body, bytes) else b"",
    )


def _part(content_id: str, response: Response) -> bytes:
    opening = f"--{_BOUNDARY}\r\nContent-Type: application/http\r\nContent-ID: <response-{content_id.strip('<>')}>"
    known = response.status in {status.value for status in HTTPStatus}
    status_line = f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase if known else 'Status'}"
    headers = "".join(f"{name}: {value}\r\n" for name, value in response.header_lines().items())
    return f"{opening}\r\n\r\n{status_line}\r\n{headers}\r\n".encode() + response.body + b"\r\n"
