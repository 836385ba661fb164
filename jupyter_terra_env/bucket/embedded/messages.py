"""Requests and responses as plain data, independent of what carries them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Self

Resource = dict[str, Any]
"""A JSON object of the API: an object resource, a bucket resource, or an answer around them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request.

    Attributes:
        method: Upper case.
        target: Path and query as they were sent, still percent-encoded, starting with "/".
        headers: Names in lower case.
        body: The whole body.
        base_url: What the client puts before `target`; links in answers begin with it.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base_url: str = "http://embedded.invalid"

    def header(self, name: str) -> str | None:
        """Return the value of a header, or None."""
        return self.headers.get(name.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP answer; `headers` has no Content-Length, the carrier knows it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def with_header(self, name: str, value: str) -> Self:
        """Return this answer with one header more."""
        return replace(self, headers={**self.headers, name: value})

    def without_body(self) -> Self:
        """Return the answer to HEAD: the headers, with the length the body would have had."""
        length = {"Content-Length": str(len(self.body))}
        return replace(self, headers={**self.headers, **length}, body=b"")

    def header_lines(self) -> dict[str, str]:
        """Return the headers to send: with the length, and with no value able to start a line of its own."""
        lines = {name: " ".join(value.splitlines()) for name, value in self.headers.items()}
        if self.status not in {204, 304}:
            lines.setdefault("Content-Length", str(len(self.body)))
        return lines


def http_date(moment: datetime) -> str:
    """Return `moment` as HTTP's Date header has it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)
