"""Versions of an object: as decisions need them, and how often a changed one is looked at again."""

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.rules.errors import BucketTrouble, BucketUnavailable
from jupyter_terra_env.rules.sync import Remote
from jupyter_terra_env.rules.workspace import Location


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
        location: where the object is.
        most: number of tries.
    """

    def __init__(self, location: Location, *, most: int = 5) -> None:
        self._location = location
        self._left = most

    def begin(self) -> None:
        """Begin the next try.

        Raises:
            BucketUnavailable: every try has been used; the object kept changing.
        """
        if self._left == 0:
            where = f"gs://…/{self._location.object_name}"
            raise BucketUnavailable(self._location.workspace.bucket, BucketTrouble.OVERLOADED, f"{where} kept changing")
        self._left -= 1
