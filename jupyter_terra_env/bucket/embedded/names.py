"""Which names buckets and objects may have (GCS: "Object name requirements", "Bucket naming guidelines")."""

import re

from jupyter_terra_env.bucket.embedded.errors import invalid

_LONGEST_OBJECT_NAME_BYTES = 1024
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


def check_object_name(name: str) -> None:
    """Let a name pass or refuse it. Nothing is normalised: two spellings are two objects.

    Raises:
        ApiError: 400.
    """
    if not 1 <= len(name.encode()) <= _LONGEST_OBJECT_NAME_BYTES:
        raise invalid("An object name must be 1 to 1024 bytes of UTF-8 long.")
    if name in {".", ".."} or name.startswith(".well-known/acme-challenge/") or re.search(r"[\r\n]", name):
        raise invalid(f"Invalid object name: {name!r}.")


def check_bucket_name(name: object) -> str:
    """Return a bucket name that may be used.

    Raises:
        ApiError: 400.
    """
    if not isinstance(name, str) or not _BUCKET_NAME.fullmatch(name):
        raise invalid(f"Invalid bucket name: {name!r}.")
    return name
