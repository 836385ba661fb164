"""What becomes of the old content of a working copy."""

from dataclasses import dataclass
from pathlib import Path

from jupyter_terra_env.rules.workspace import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How the old content of a working copy is kept when another takes its place.

    Attributes:
        kept: a free name in its folder.
        owed_as: the place of that name, if it is owed to the bucket as a new object; None to keep it on this disk only.
    """

    kept: Path
    owed_as: Location | None = None


class KeptNameTaken(Exception):
    """The name for edits that were not shown is taken, or none was given; nothing has changed."""
