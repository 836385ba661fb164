"""Objects and preconditions in the client's words."""

from datetime import datetime
from typing import Any

from jupyter_terra_env.bucket.object_fields import ObjectFields
from jupyter_terra_env.bucket.store import MatchVersion, MustNotExist, ObjectVersion, Precondition


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


def matching(precondition: Precondition) -> dict[str, int]:
    """The arguments of a request that name a precondition."""
    match precondition:
        case MustNotExist():
            return {"if_generation_match": 0}
        case MatchVersion():
            return {
                "if_generation_match": precondition.generation,
                "if_metageneration_match": precondition.metageneration,
            }


def version_of(blob: Any) -> ObjectVersion:
    """The object version that an answer has described."""
    return ObjectVersion(
        name=blob.name,
        generation=blob.generation,
        metageneration=blob.metageneration,
        crc32c=blob.crc32c or "",
        size_bytes=blob.size or 0,
        updated=blob.updated,
        created=blob.time_created,
        metadata=dict(blob.metadata or {}),
        fields=fields_of(blob),
        content_encoding=blob.content_encoding,
    )
