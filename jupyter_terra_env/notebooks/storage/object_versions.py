"""What is said of an object's version: as decisions need it, and that there was no end of new ones."""

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


def kept_changing(location: Location) -> BucketUnavailable:
    """The error when an object changed again each time it was looked at."""
    return BucketUnavailable(
        location.workspace.bucket, BucketTrouble.OVERLOADED, f"gs://…/{location.object_name} kept changing"
    )


class Rounds:
    """Limits how often a compare-and-set on an object is tried again at once.

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
            raise kept_changing(self._location)
        self._left -= 1
