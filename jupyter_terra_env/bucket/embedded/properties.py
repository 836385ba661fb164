"""The fields of an object or bucket resource that clients set: which they are, and how a request changes them."""

import json
from typing import Any

from jupyter_terra_env.bucket.embedded.errors import invalid
from jupyter_terra_env.bucket.embedded.messages import Resource

_TEXT_FIELDS = frozenset(
    {
        "cacheControl",
        "contentDisposition",
        "contentEncoding",
        "contentLanguage",
        "contentType",
        "customTime",
        "storageClass",
    }
)
_BUCKET_FIELDS = frozenset(
    {
        "billing",
        "cors",
        "iamConfiguration",
        "labels",
        "lifecycle",
        "location",
        "locationType",
        "logging",
        "softDeletePolicy",
        "storageClass",
        "versioning",
        "website",
    }
)
_BUCKET_OBJECTS = frozenset({"billing", "iamConfiguration", "labels", "softDeletePolicy", "versioning"})
_LONGEST_RETENTION_DIGITS = 9
_METADATA_LIMIT_BYTES = 8 * 1024


def resource_in(body: bytes) -> Resource:
    """Read the JSON object of a request; an empty body is an empty object.

    Raises:
        ApiError: 400 when it is not a JSON object in UTF-8.
    """
    try:
        resource = json.loads(body or b"{}")
        json.dumps(resource, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError):
        raise invalid("The request body is not valid JSON in UTF-8.") from None
    if resource is None:
        return {}
    if not isinstance(resource, dict):
        raise invalid("The request body is not a JSON object.")
    return resource


def replaced(resource: Resource) -> Resource:
    """Return the properties of an object that is given nothing but `resource` (insert, update, copy with a body).

    Raises:
        ApiError: 400 when a field has the wrong type or the metadata is too large.
    """
    return patched({}, resource)


def patched(properties: Resource, resource: Resource) -> Resource:
    """Return `properties` after a patch.

    GCS JSON API, objects.patch: fields that are not named stay, null removes one, and `metadata` is merged key by key
    in the same way.

    Raises:
        ApiError: 400 when a field has the wrong type or the metadata is too large.
    """
    named = {field: value for field, value in resource.items() if field in _TEXT_FIELDS}
    changed = _merged(properties, {field: _text(field, value) for field, value in named.items()})
    if "metadata" in resource:
        changed.pop("metadata", None)
        metadata = _patched_metadata(properties.get("metadata", {}), resource["metadata"])
        if metadata:
            changed["metadata"] = metadata
    return changed


def replaced_bucket(resource: Resource) -> Resource:
    """Return the properties of a bucket that is given nothing but `resource`.

    Raises:
        ApiError: 400 when the soft delete policy is not a number of seconds.
    """
    return patched_bucket({}, resource)


def patched_bucket(properties: Resource, resource: Resource) -> Resource:
    """Return a bucket's properties after a patch: null removes, objects are merged, all else is replaced.

    Raises:
        ApiError: 400 when the soft delete policy is not a number of seconds.
    """
    for name in _BUCKET_OBJECTS:
        object_in(resource, name)
    changed = _merged(properties, {name: value for name, value in resource.items() if name in _BUCKET_FIELDS})
    retention = str(object_in(changed, "softDeletePolicy").get("retentionDurationSeconds", 0))
    if not (retention.isascii() and retention.isdigit() and len(retention) <= _LONGEST_RETENTION_DIGITS):
        raise invalid(f"Invalid retentionDurationSeconds: {retention!r}.")
    return changed


def object_in(resource: Resource, field: str) -> Resource:
    """Return the JSON object in a field, an empty one if there is none.

    Raises:
        ApiError: 400 when something else is there.
    """
    value = resource.get(field)
    if value is not None and not isinstance(value, dict):
        raise invalid(f"Invalid value for {field}: it is not a JSON object.")
    return value or {}


def _merged(old: Resource, new: Resource) -> Resource:
    merged = dict(old)
    for field, value in new.items():
        if value is None:
            merged.pop(field, None)
        elif isinstance(value, dict):
            before = old.get(field)
            merged[field] = _merged(before if isinstance(before, dict) else {}, value)
        else:
            merged[field] = value
    return merged


def _patched_metadata(old: dict[str, str], new: Any) -> dict[str, str]:
    if new is None:
        return {}
    if not isinstance(new, dict):
        raise invalid("Invalid value for metadata: it is not a JSON object.")
    metadata = _merged(old, {key: _text(f"metadata.{key}", value) for key, value in new.items()})
    if sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items()) > _METADATA_LIMIT_BYTES:
        raise invalid("The custom metadata of an object may not exceed 8 KiB.")
    return metadata


def _text(field: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise invalid(f"Invalid value for {field}: {value!r} is not a string.")
    return value
