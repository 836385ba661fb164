"""What a bucket keeps on an object besides its content and its custom metadata, and an upload must not drop.

An upload makes a new object: anything it does not name is gone (Cloud Storage: "Object metadata", fixed-key metadata).
``contentEncoding`` is not carried: what is uploaded is plain. Storage class and encryption key are the bucket's
defaults. Holds and retention cannot be carried, as nothing replaces an object that has one; contexts are not.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFields:
    """Fixed-key metadata of one object, as the JSON API writes it; None for what the object does not have.

    Attributes:
        cache_control: ``cacheControl``.
        content_disposition: ``contentDisposition``.
        content_language: ``contentLanguage``.
        content_type: ``contentType``.
        custom_time: ``customTime``, RFC 3339.
    """

    cache_control: str | None = None
    content_disposition: str | None = None
    content_language: str | None = None
    content_type: str | None = None
    custom_time: str | None = None

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> Self:
        """Read fields from a mapping; other entries are ignored."""
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in known.items() if name in names and isinstance(value, str)})

    def known(self) -> dict[str, str]:
        """The fields that the object has."""
        return {name: value for name, value in asdict(self).items() if value is not None}
