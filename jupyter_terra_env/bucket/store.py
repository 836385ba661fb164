"""The port to a bucket: few verbs, every write conditional.

All methods are coroutines that do their work off the event loop. All raise ``BucketUnavailable`` or ``BucketRefused``
(``rules.errors``); what else they raise is said at each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO, Protocol

from jupyter_terra_env.bucket.object_fields import ObjectFields
from jupyter_terra_env.rules.errors import BucketRefused, BucketTrouble, BucketUnavailable, TerraEnvError


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVersion:
    """One version of an object, as the bucket reported it.

    Attributes:
        name: object name.
        generation: content version.
        metageneration: metadata version within it.
        crc32c: base64, big-endian (Cloud Storage: object resource).
        size_bytes: content length.
        updated: time of the last change of content or metadata, UTC, aware.
        created: time the generation was made, UTC, aware.
        metadata: custom metadata.
        fields: fixed-key metadata.
        content_encoding: ``contentEncoding``, such as ``gzip``; None for plain content.
    """

    name: str
    generation: int
    metageneration: int
    crc32c: str
    size_bytes: int
    updated: datetime
    created: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    fields: ObjectFields = field(default_factory=ObjectFields)
    content_encoding: str | None = None

    @property
    def precondition(self) -> "MatchVersion":
        """The precondition that the object is still at exactly this version."""
        return MatchVersion(generation=self.generation, metageneration=self.metageneration)


@dataclass(frozen=True, slots=True, kw_only=True)
class MustNotExist:
    """The write creates the object or fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchVersion:
    """The write happens only on exactly this version (promise P2: both numbers, always)."""

    generation: int
    metageneration: int

    @property
    def precondition(self) -> "MatchVersion":
        """Itself."""
        return self


Precondition = MustNotExist | MatchVersion


class DamagedWrite(BucketUnavailable):
    """Our own upload took effect, with other content than was sent.

    Args:
        bucket: bucket name without ``gs://``.
        stored: the version it made: certainly ours, and so the one that the next attempt is to replace.
        detail: the cause in words.
    """

    def __init__(self, bucket: str, stored: ObjectVersion, detail: str) -> None:
        super().__init__(bucket, BucketTrouble.CORRUPT_TRANSFER, detail)
        self.stored = stored


class SessionGone(TerraEnvError):
    """A resumable session does not exist any more, or is another service's: begin another."""


class SupportsWrite(Protocol):
    """Where a download goes."""

    def write(self, content: bytes, /) -> int:
        """Take a piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """What a resumable session is to make.

    Attributes:
        size_bytes: length of the content.
        crc32c: its checksum, base64, big-endian: the service stores nothing else.
        content_type: media type.
        precondition: the version to be replaced.
        metadata: custom metadata.
    """

    size_bytes: int
    crc32c: str
    content_type: str
    precondition: Precondition
    metadata: Mapping[str, str] = field(default_factory=dict)


class ObjectTooLarge(BucketRefused):
    """A content is longer than is of use to the reader.

    Args:
        bucket: bucket name without ``gs://``.
        detail: the cause in words.
    """

    def __init__(self, bucket: str, detail: str) -> None:
        super().__init__(bucket, BucketTrouble.UNREADABLE_OBJECT, detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One level of a bucket: objects right below a prefix, and the prefixes of what lies deeper."""

    objects: tuple[ObjectVersion, ...] = ()
    prefixes: tuple[str, ...] = ()


class Kept(StrEnum):
    """As what a bucket keeps a version (Cloud Storage: Object Versioning; Soft delete)."""

    LIVE = "live"
    NONCURRENT = "noncurrent"
    SOFT_DELETED = "soft-deleted"
    """It cannot be read before it is restored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVersion:
    """A version, and for how long there is one.

    Attributes:
        version: the version; its ``created`` is when it was saved.
        kept: as what the bucket keeps it.
        replaced: when it was replaced or deleted, UTC, aware; None for the live one.
        kept_until: when the bucket removes it for good, UTC, aware; None when that is not known.
    """

    version: ObjectVersion
    kept: Kept
    replaced: datetime | None = None
    kept_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeps:
    """What a bucket keeps of objects that are replaced or deleted.

    Attributes:
        versioning: whether they stay as noncurrent versions.
        soft_delete_seconds: for how long they can be restored otherwise; 0 for not at all.
    """

    versioning: bool
    soft_delete_seconds: int


class BucketStore(Protocol):
    """A bucket."""

    @property
    def bucket(self) -> str:
        """Bucket name without ``gs://``."""

    async def stat(self, name: str) -> ObjectVersion | None:
        """The object's current version with its custom metadata; None when there is no object. One request."""

    async def list(self, prefix: str, progress: Callable[[], None] | None = None) -> Listing:
        """One level of the bucket. One request per 1,000 objects and prefixes.

        Args:
            prefix: what names begin with.
            progress: called, on any thread, each time a part has arrived.
        """

    async def list_all(self, prefix: str) -> tuple[ObjectVersion, ...]:
        """Every object whose name starts with a prefix, however deep. One request per 1,000 objects."""

    async def read_into(
        self, name: str, generation: int, file: BinaryIO, *, most_bytes: int | None = None, is_earlier: bool = False
    ) -> None:
        """Write the content of one generation to ``file``, which is empty, whole and verified. One request.

        What is stored compressed is unpacked, to a length in proportion to what is stored. A disk is never filled.

        Args:
            name: object name.
            generation: which content.
            file: where it goes, open for reading, too.
            most_bytes: the longest content that is of use; None for any length.
            is_earlier: the content may be one that the bucket has kept, and not the object's any more.

        Raises:
            ObjectTooLarge: it is longer, as stored or unpacked.
            OSError: the file's disk has no room for it (``ENOSPC``).
            ObjectNotFound: there is no object.
            PreconditionFailed: the object is at another generation.
            BucketRefused: also when it cannot be unpacked.
        """

    async def write(
        self,
        name: str,
        file: BinaryIO,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        precondition: Precondition,
        fields: ObjectFields | None = None,
    ) -> ObjectVersion:
        """Upload ``file`` from its start, replacing all metadata. One request up to 8 MiB.

        Args:
            name: object name.
            file: the content, which is compared with what the bucket says it has stored.
            content_type: media type.
            metadata: custom metadata.
            precondition: the version to be replaced.
            fields: fixed-key metadata that the object is to have, but for its media type; None for none.

        Returns:
            The version this very request made, from its own answer.

        Raises:
            PreconditionFailed: the bucket is not at the version named; nothing was written by this attempt.
            DamagedWrite: it took effect with other content than was sent.
            BucketUnavailable: the outcome is unknown; read back.
        """

    async def begin_session(self, name: str, plan: SessionPlan) -> str:
        """Begin a resumable upload, which another process may go on with. One request, which changes no object.

        Returns:
            The session's address. It lets anyone who has it write this object: keep it secret.
        """

    async def finish_session(
        self, address: str, file: BinaryIO, plan: SessionPlan, progress: Callable[[int], None]
    ) -> ObjectVersion:
        """Upload what a session does not have yet. One request, and one per 128 MiB.

        Args:
            address: as ``begin_session`` gave it, to this process or an earlier one.
            file: the content; its position is not used.
            plan: as the session was begun with.
            progress: called, on any thread, with the number of bytes that the session has or that have left.

        Returns:
            The version the session made, now or earlier, from its own answer.

        Raises:
            SessionGone: there is no such session; nothing was sent.
            PreconditionFailed: the bucket is not at the version named; nothing was written.
            BucketRefused: ``BAD_REQUEST`` also when other content was sent than planned; nothing was written.
            DamagedWrite: it took effect with other content than was sent.
            BucketUnavailable: it did not end; go on later with the same session.
        """

    async def read_from(self, name: str, generation: int, start: int, file: SupportsWrite) -> None:
        """Write the stored bytes of one generation from ``start`` on to ``file``, in order, unverified. One request.

        Raises:
            OSError: as the file raises.
            ObjectNotFound: there is no object.
            PreconditionFailed: the object is at another generation.
        """

    async def patch_metadata(
        self, name: str, metadata: Mapping[str, str | None], precondition: MatchVersion
    ) -> ObjectVersion:
        """Merge custom metadata; None removes a key. One request.

        Raises:
            ObjectNotFound: there is no object.
            PreconditionFailed: the object is at another version.
        """

    async def delete(self, name: str, precondition: MatchVersion) -> None:
        """Delete the object. One request.

        Raises:
            ObjectNotFound: there is no object.
            PreconditionFailed: the object is at another version.
        """

    async def copy(
        self,
        name: str,
        new_name: str,
        precondition: MatchVersion,
        *,
        metadata: Mapping[str, str],
        to_bucket: str | None = None,
        onto: Precondition | None = None,
    ) -> ObjectVersion:
        """Copy exactly one version of an object within Cloud Storage, never onto an existing object unless it is named.

        The content type and all else that Cloud Storage keeps with an object goes along, but for its ACL. Two requests;
        more for a large object that changes its place or storage class.

        Args:
            name: object name.
            new_name: name of the copy.
            precondition: the version that is copied.
            metadata: all custom metadata of the copy.
            to_bucket: the bucket of the copy; None for this one.
            onto: the version that the copy replaces, if there is to be one.

        Raises:
            ObjectNotFound: there is no object.
            PreconditionFailed: the object is at another version, or the new name exists.
            BucketRefused: it may not be copied, or is held, so that it could not be deleted once it is copied.
            BucketUnavailable: the outcome is unknown; look at the new name.
        """

    async def move(self, name: str, new_name: str, precondition: MatchVersion) -> ObjectVersion:
        """Rename atomically, never onto an existing object. One request.

        Raises:
            ObjectNotFound: there is no object.
            PreconditionFailed: the object is at another version, or the new name exists.
            BucketRefused: ``NOT_OFFERED`` where the service, or what stands before it, has no such method.
        """

    async def history(self, prefix: str, *, exactly: bool) -> tuple[KeptVersion, ...]:
        """Every version that the bucket has, newest first. Two requests, more for more than 1,000 versions.

        Args:
            prefix: an object's name, or the prefix of many.
            exactly: only the object of that very name.
        """

    async def keeps(self) -> Keeps:
        """What the bucket keeps of objects that are replaced or deleted. One request.

        Raises:
            BucketRefused: 403 where the role is about objects only.
        """

    async def restore(
        self, kept: KeptVersion, precondition: Precondition, *, metadata: Mapping[str, str]
    ) -> ObjectVersion:
        """Make a version live again, as a new one. At most two requests, more for a large object.

        Args:
            kept: the version.
            precondition: what the object must be now.
            metadata: all custom metadata of the new version; one that was soft-deleted keeps what it had.

        Raises:
            ObjectNotFound: the bucket no longer has it.
            PreconditionFailed: the object is at another version.
            BucketUnavailable: the outcome is unknown; look at the object.
        """
