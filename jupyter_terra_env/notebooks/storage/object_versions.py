"""Versions of an object: as decisions need them, and how often a changed one is looked at again."""

from typing import Protocol

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.rules.errors import BucketTrouble, BucketUnavailable
from jupyter_terra_env.rules.sync import Remote


class HasObject(Protocol):
    """What names an object, such as a location in a workspace."""

    @property
    def bucket(self) -> str:
        """Bucket name without ``gs://``."""

    @property
    def object_name(self) -> str:
        """Its name in the bucket."""


def as_remote(version: ObjectVersion | None) -> Remote | None:
    """The part of an object version that decisions need."""
    if version is None:
        return None
    return Remote(
        generation=version.generation,
        metageneration=version.metageneration,
        crc32c=version.crc32c,
        metadata=version.metadata,
    )


class Rounds:
    """Limits how often an act on an object is tried again at once because the object changed meanwhile.

    Args:
        where: the object.
        most: number of tries.
    """

    def __init__(self, where: HasObject, *, most: int = 5) -> None:
        self._where = where
        self._left = most

    def begin(self) -> None:
        """Begin the next try.

        Raises:
            BucketUnavailable: every try has been used; the object kept changing.
        """
        if self._left == 0:
            detail = f"gs://…/{self._where.object_name} kept changing"
            raise BucketUnavailable(self._where.bucket, BucketTrouble.OVERLOADED, detail)
        self._left -= 1
