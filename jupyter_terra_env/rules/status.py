"""Where the work of a notebook is, in the words every surface uses (promise P8)."""

from dataclasses import dataclass
from enum import StrEnum

from jupyter_terra_env.rules.errors import (
    BucketError,
    ConflictReason,
    LockHeldElsewhere,
    OperationRefused,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.gone import How
from jupyter_terra_env.rules.whole_content import SENTENCES, Unfit
from jupyter_terra_env.rules.workspace import Location, Mode


class Place(StrEnum):
    """Where the last saved work is; append only, never rename."""

    IN_WORKSPACE = "in-workspace"
    UPLOADING = "uploading"
    ON_DISK = "on-disk"
    OFFLINE = "offline"
    CONFLICT = "conflict"
    LOCAL_ONLY = "local-only"
    PLAYGROUND = "playground"
    LOCKED = "locked"
    GONE = "gone"


_OWED = "Saved on this disk, NOT in the workspace yet; it is tried again until it succeeds."

REFUSED = frozenset({Place.CONFLICT, Place.LOCKED})
"""The bucket's version must not be replaced by ours: saves are told so, and a person must choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStatus:
    """What a person is told about a notebook.

    Attributes:
        mode: edit or playground.
        place: where the last saved work is.
        message: one constant sentence.
        reason: machine-readable cause, when the work is not where it should be.
        variant: tells sentences of one place and reason apart; None for the usual one.
    """

    mode: Mode
    place: Place
    message: str
    reason: str | None = None
    variant: str | None = None

    @property
    def code(self) -> str:
        """Stands for ``message`` where it is put into another language; append only, never rename."""
        return ":".join(part for part in (self.place.value, self.variant or self.reason) if part)

    @property
    def is_news_of_equal(self) -> bool:
        """Whether it is to be told although bucket and working copy are equal."""
        return self.place is Place.OFFLINE or (self.place is Place.IN_WORKSPACE and self.reason is not None)


def in_workspace() -> WorkStatus:
    """The bucket holds what the disk holds."""
    return WorkStatus(mode=Mode.EDIT, place=Place.IN_WORKSPACE, message="Saved on this disk and in the workspace.")


def not_on_this_disk() -> WorkStatus:
    """Shown as the bucket has it, because somebody else is editing."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.IN_WORKSPACE,
        message="This is the workspace's version; there is no copy of it on this disk.",
        variant="not-on-this-disk",
    )


def gone(how: How, *, is_on_disk: bool) -> WorkStatus:
    """The object was there and is not any more; nothing that was typed here is owed to it.

    Args:
        how: what became of it.
        is_on_disk: whether this disk has a copy.
    """
    what = {How.RENAMED: "renamed", How.DELETED: "deleted", How.MISSING: "moved or deleted"}[how]
    where = "The copy on this disk is as it was." if is_on_disk else "There is no copy of it on this disk."
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.GONE,
        message=f"This notebook was {what} in the workspace. {where}",
        reason=how.value,
    )


def uploading() -> WorkStatus:
    """Durable on the disk, on its way to the bucket."""
    return WorkStatus(mode=Mode.EDIT, place=Place.UPLOADING, message="Saved on this disk; on its way to the workspace.")


def not_yet_in_workspace(error: BucketError) -> WorkStatus:
    """Durable on the disk, not in the bucket for now."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.ON_DISK,
        message=f"{_OWED} {error.sentence}",
        reason=error.trouble.value,
    )


def owed() -> WorkStatus:
    """Durable on the disk, not in the bucket for now, and why is not known."""
    return WorkStatus(mode=Mode.EDIT, place=Place.ON_DISK, message=_OWED)


def not_fit(reason: Unfit) -> WorkStatus:
    """On the disk, and not brought to the bucket as it is."""
    return WorkStatus(mode=Mode.EDIT, place=Place.ON_DISK, message=SENTENCES[reason], reason=reason.value)


def not_to_be_read(refused: OperationRefused) -> WorkStatus:
    """Saved once, but what has its name now is refused: nothing of it goes to the bucket."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.ON_DISK,
        message=f"Saved, NOT in the workspace yet, and not found where it was saved. {refused}",
        reason=refused.reason.value,
    )


def gone_from_disk() -> WorkStatus:
    """Saved once, not in the bucket, and removed from the disk by something else than this server."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.ON_DISK,
        message=(
            "Saved, NOT in the workspace yet, and removed from this disk since, not by Jupyter. "
            "Put the file back where it was, or open the workspace's version."
        ),
        reason="not-found",
    )


def disk_unreadable() -> WorkStatus:
    """Saved once; what the disk has of it cannot be looked at."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.ON_DISK,
        message=f"{_OWED} The disk could not be read just now.",
        reason="disk-fails",
    )


def never_sent() -> WorkStatus:
    """A file that a program wrote, not a save, and that nothing brings to the bucket by itself."""
    return not_fit(Unfit.WRITTEN_BY_PROGRAM)


def brought_for_program() -> WorkStatus:
    """The bucket holds what a program wrote to the disk, which is newer than what was opened or saved last."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.IN_WORKSPACE,
        message=(
            "A program changed this file on this disk, and the workspace has that version. Where it is open, reload it "
            "from the disk to see it."
        ),
        reason=Unfit.WRITTEN_BY_PROGRAM.value,
    )


def offline(error: BucketError) -> WorkStatus:
    """Opened from the disk because the bucket could not be asked; no edits are owed."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.OFFLINE,
        message=f"This is the copy on this disk; the workspace may hold a newer one. {error.sentence}",
        reason=error.trouble.value,
    )


def newer_in_workspace() -> WorkStatus:
    """Opened from the disk before the bucket answered, which holds something newer; no edits are owed."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.OFFLINE,
        message=(
            "This is the copy on this disk; the workspace holds a newer version. "
            "Close the notebook and open it again to see that one; nothing was overwritten."
        ),
        reason=ConflictReason.REMOTE_CHANGED.value,
    )


def conflict(reason: ConflictReason) -> WorkStatus:
    """Bucket and working copy have parted."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.CONFLICT,
        message=str(WorkspaceConflict(reason)),
        reason=reason.value,
    )


def locked(held: LockHeldElsewhere) -> WorkStatus:
    """Durable on the disk, and not to go to the bucket while somebody else edits there."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.LOCKED,
        message=f"Saved on this disk, NOT in the workspace. {held}",
        reason=held.reason.value,
    )


def kept_on_disk(location: Location) -> WorkStatus:
    """A file that never goes to the bucket, and why."""
    if location.mode is Mode.PLAYGROUND:
        return WorkStatus(
            mode=location.mode,
            place=Place.PLAYGROUND,
            message="Playground: changes stay on this disk and are never saved to the workspace.",
        )
    if (why := location.why_not_in_bucket) is not None:
        return WorkStatus(
            mode=location.mode,
            place=Place.LOCAL_ONLY,
            message=f"Kept on this disk only: the workspace cannot hold it, because {why}. Rename it to change that.",
            reason="name-pattern",
            variant="impossible-name",
        )
    return WorkStatus(
        mode=location.mode,
        place=Place.LOCAL_ONLY,
        message=(
            "Kept on this disk only: files of this name are not saved to the workspace "
            f"(the workspace keeps {location.workspace.pattern.pattern})."
        ),
        reason="name-pattern",
    )
