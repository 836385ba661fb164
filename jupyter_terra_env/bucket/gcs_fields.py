"""What an object keeps besides content and custom metadata, in the client's words."""

from datetime import datetime
from typing import Any

from jupyter_terra_env.bucket.object_fields import ObjectFields


def fields_of(blob: Any) -> ObjectFields:
    """What an object keeps besides content and custom metadata."""
    return ObjectFields(
        cache_control=blob.cache_control,
        content_disposition=blob.content_disposition,
        content_language=blob.content_language,
        content_type=blob.content_type,
        custom_time=None if blob.custom_time is None else blob.custom_time.isoformat(),
    )


def set_fields(blob: Any, fields: ObjectFields) -> None:
    """Name in an upload what the object is to keep; its content type is an argument of the upload."""
    known = fields.known()
    for name in known.keys() & {"cache_control", "content_disposition", "content_language"}:
        setattr(blob, name, known[name])
    if fields.custom_time is not None:
        blob.custom_time = datetime.fromisoformat(fields.custom_time)
