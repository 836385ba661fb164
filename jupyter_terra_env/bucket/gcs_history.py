"""Versions that a bucket has kept, through ``google-cloud-storage``: listed, and made live again."""

from collections.abc import Callable, Mapping
from typing import Any

from google.api_core import exceptions as api_errors

from jupyter_terra_env.bucket.store import Keeps, Kept, KeptVersion, ObjectVersion

_FIELDS = (
    "items(name,generation,metageneration,crc32c,size,updated,timeCreated,timeDeleted,softDeleteTime,hardDeleteTime,"
    "metadata,contentType),nextPageToken"
)
_MOST = 20_000
"""Versions that one listing gives: a prefix may have been written for years."""

Versioned = Callable[[Any], ObjectVersion]


def history(
    client: Any, handle: Any, prefix: str, as_version: Versioned, asked: Mapping[str, Any], *, exactly: bool
) -> tuple[KeptVersion, ...]:
    """Every version that the bucket has of an object, or of the objects below a prefix, newest first.

    Args:
        client: the storage client.
        handle: the bucket.
        prefix: object name or prefix.
        as_version: makes ours of the client's.
        asked: time limits and repetition of a question.
        exactly: only the object of that very name.
    """
    # The names that begin with one are listed behind it: this is the end of that very name.
    end = {"end_offset": prefix + "\0"} if exactly else {}
    found = [
        *_listed(client, handle, prefix, asked, {"versions": True, **end}),
        *_soft_deleted(client, handle, prefix, asked, end),
    ]
    kept = [_kept(blob, as_version) for blob in found if not exactly or blob.name == prefix]
    return tuple(sorted(kept, key=lambda one: one.version.created, reverse=True))


def keeps(handle: Any, asked: Mapping[str, Any]) -> Keeps:
    """What the bucket keeps (Cloud Storage: Buckets: get)."""
    handle.reload(**asked)
    seconds = handle.soft_delete_policy.retention_duration_seconds
    return Keeps(versioning=bool(handle.versioning_enabled), soft_delete_seconds=int(seconds or 0))


def _soft_deleted(client: Any, handle: Any, prefix: str, asked: Mapping[str, Any], end: Mapping[str, str]) -> list[Any]:
    try:
        return _listed(client, handle, prefix, asked, {"soft_deleted": True, **end})
    except (api_errors.BadRequest, api_errors.PreconditionFailed):
        return []  # A bucket without such a policy may refuse the question.


def _listed(client: Any, handle: Any, prefix: str, asked: Mapping[str, Any], which: Mapping[str, Any]) -> list[Any]:
    return list(client.list_blobs(handle, prefix=prefix, fields=_FIELDS, max_results=_MOST, **which, **asked))


def _kept(blob: Any, as_version: Versioned) -> KeptVersion:
    version = as_version(blob)
    if blob.soft_delete_time is not None:
        return KeptVersion(
            version=version, kept=Kept.SOFT_DELETED, replaced=blob.soft_delete_time, kept_until=blob.hard_delete_time
        )
    if blob.time_deleted is not None:
        return KeptVersion(version=version, kept=Kept.NONCURRENT, replaced=blob.time_deleted)
    return KeptVersion(version=version, kept=Kept.LIVE)
