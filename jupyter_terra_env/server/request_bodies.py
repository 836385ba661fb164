"""Reads and checks the bodies of requests."""

import json
from collections.abc import Iterable
from typing import Any

from tornado.web import HTTPError

_MALFORMED = "malformed"
MOST_BODY_BYTES = 1 << 20
"""The limit for a request that carries no notebook."""


def require_short(body: bytes, most_bytes: int) -> None:
    """Refuse a body that is too long.

    Raises:
        HTTPError: 413.
    """
    if len(body) > most_bytes:
        raise HTTPError(413, f"The body is too long: {most_bytes} bytes at most.", reason=_MALFORMED)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body.

    Args:
        body: the bytes that were received.

    Raises:
        HTTPError: 400, it is not one.
    """
    try:
        found = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise HTTPError(400, "The body must be a JSON object in UTF-8.", reason=_MALFORMED) from error
    if not isinstance(found, dict):
        raise HTTPError(400, "The body must be a JSON object.", reason=_MALFORMED)
    return found


def require_text(body: dict[str, Any], fields: Iterable[str]) -> None:
    """Refuse fields that are neither absent, nor null, nor text.

    Raises:
        HTTPError: 400, naming the field.
    """
    for field in fields:
        if not isinstance(body.get(field), str | None):
            raise HTTPError(400, f"'{field}' must be text.", reason=_MALFORMED)
