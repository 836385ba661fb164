"""The one place where the embedded bucket takes time and randomness from the air, for callers that pass none."""

import secrets  # noqa: TID251 - the edge: everything else gets its ids passed in
from datetime import UTC, datetime


def system_clock() -> datetime:
    """Return the present time, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the edge: everything else gets its clock passed in


def random_id() -> str:
    """Return an unguessable id, safe in URLs."""
    return secrets.token_urlsafe(32)
