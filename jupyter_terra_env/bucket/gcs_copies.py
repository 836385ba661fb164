"""Copies within Cloud Storage, and versions that become live again, through ``google-cloud-storage``."""

from collections.abc import Mapping
from typing import Any, Final

from jupyter_terra_env.bucket.store import Kept, KeptVersion

_CARRIED_FIELDS: Final = (
    "contentType",
    "contentEncoding",
    "contentLanguage",
    "contentDisposition",
    "cacheControl",
    "customTime",
)


def rewrite(  # noqa: PLR0913 - two objects, one of them twice, and what goes with the request
    read: Any,
    source: Any,
    copy: Any,
    metadata: Mapping[str, str],
    conditions: Mapping[str, int],
    how: Mapping[str, Any],
    *,
    in_same_bucket: bool,
) -> Any:
    """Rewrite an object in as many requests as it takes (Cloud Storage: Objects: rewrite).

    Args:
        read: the client's object, as it was just read.
        source: the same, named as the request is to name it: with its generation or without.
        copy: the client's object to make.
        metadata: all custom metadata of the copy.
        conditions: preconditions of both.
        how: time limits and repetition.
        in_same_bucket: the storage class is a bucket's own affair.

    Returns:
        The copy.
    """
    fields = (*_CARRIED_FIELDS, *(["storageClass"] if in_same_bucket else []))
    # A rewrite with any metadata in its body takes nothing else from the source.
    copy._properties.update(  # noqa: SLF001 - the client offers no way to name them all
        {field: value for field in fields if (value := read._properties.get(field)) is not None}  # noqa: SLF001
    )
    copy.metadata = dict(metadata)
    token: str | None = None
    while True:
        token, _, _ = copy.rewrite(source, token=token, **conditions, **how)
        if token is None:
            return copy


def restore(
    handle: Any,
    kept: KeptVersion,
    metadata: Mapping[str, str],
    conditions: Mapping[str, int],
    asked: Mapping[str, Any],
    how: Mapping[str, Any],
) -> Any:
    """Make a version live again, as a new one (Cloud Storage: Objects: restore, or rewrite of a noncurrent version)."""
    name, generation = kept.version.name, kept.version.generation
    if kept.kept is Kept.SOFT_DELETED:
        return handle.restore_blob(name, generation=generation, **conditions, **how)
    source = handle.blob(name, generation=generation)
    source.reload(**asked)
    conditions = {**conditions, "if_source_generation_match": generation}
    return rewrite(source, source, handle.blob(name), metadata, conditions, how, in_same_bucket=True)
