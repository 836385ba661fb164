"""The status of a notebook: where its last saved work is, in the words that every surface uses."""

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
"""The bucket's version must not be replaced by ours: saves are refused, and a person must choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStatus:
    """The status of a notebook that a person sees.

    Attributes:
        mode: edit or playground.
        place: where the last saved work is.
        message: one constant sentence.
        reason: machine-readable cause, if the work is not where it should be.
        variant: distinguishes sentences of the same place and reason; None for the usual one.
    """

    mode: Mode
    place: Place
    message: str
    reason: str | None = None
    variant: str | None = None

    @property
    def code(self) -> str:
        """Identifies ``message`` for translation; append only, never rename."""
        return ":".join(part for part in (self.place.value, self.variant or self.reason) if part)

    @property
    def is_news_of_equal(self) -> bool:
        """Whether it is announced even if bucket and working copy are equal."""
        return self.place is Place.OFFLINE or (self.place is Place.IN_WORKSPACE and self.reason is not None)


def in_workspace() -> WorkStatus:
    """Return the status if bucket and disk hold the same."""
    return WorkStatus(mode=Mode.EDIT, place=Place.IN_WORKSPACE, message="Saved on this disk and in the workspace.")


def not_on_this_disk() -> WorkStatus:
    """Return the status of a notebook shown from the bucket because another person is editing it."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.IN_WORKSPACE,
        message="This is the workspace's version; there is no copy of it on this disk.",
        variant="not-on-this-disk",
    )


def gone(how: How, *, is_on_disk: bool) -> WorkStatus:
    """Return the status of a notebook whose object has gone and that has no unsaved edits here.

    Args:
        how: how the object has gone.
        is_on_disk: whether this disk has a copy.
    """
    what = {How.RENAMED: "renamed", How.DELETED: "deleted", How.MISSING: "moved or deleted"}[how]
    where = "The copy on this disk is unchanged." if is_on_disk else "There is no copy of it on this disk."
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.GONE,
        message=f"This notebook was {what} in the workspace. {where}",
        reason=how.value,
    )


def uploading() -> WorkStatus:
    """Return the status while the upload of a durable save is under way."""
    return WorkStatus(mode=Mode.EDIT, place=Place.UPLOADING, message="Saved on this disk; on its way to the workspace.")


def not_yet_in_workspace(error: BucketError) -> WorkStatus:
    """Return the status of a durable save whose upload failed with this error and is retried."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.ON_DISK,
        message=f"{_OWED} {error.sentence}",
        reason=error.trouble.value,
    )


def owed() -> WorkStatus:
    """Return the status of a durable save that is not in the bucket for an unknown reason."""
    return WorkStatus(mode=Mode.EDIT, place=Place.ON_DISK, message=_OWED)


def not_fit(reason: Unfit) -> WorkStatus:
    """Return the status of a file on the disk that is not fit for the bucket."""
    return WorkStatus(mode=Mode.EDIT, place=Place.ON_DISK, message=SENTENCES[reason], reason=reason.value)


def not_to_be_read(refused: OperationRefused) -> WorkStatus:
    """Return the status of a debt whose path now leads to something that is refused, such as a link."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.ON_DISK,
        message=f"Saved, NOT in the workspace yet, and not found where it was saved. {refused}",
        reason=refused.reason.value,
    )


def gone_from_disk() -> WorkStatus:
    """Return the status of a debt whose file another program has removed from the disk."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.ON_DISK,
        message=(
            "Saved, NOT in the workspace yet, and since removed from this disk by another program. "
            "Put the file back where it was, or open the workspace's version."
        ),
        reason="not-found",
    )


def disk_unreadable() -> WorkStatus:
    """Return the status of a debt whose file cannot be read."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.ON_DISK,
        message=f"{_OWED} The disk could not be read just now.",
        reason="disk-fails",
    )


def never_sent() -> WorkStatus:
    """Return the status of a file that a program wrote and that is not uploaded automatically."""
    return not_fit(Unfit.WRITTEN_BY_PROGRAM)


def brought_for_program() -> WorkStatus:
    """Return the status if the bucket has what a program wrote since the notebook was opened or saved last."""
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
    """Return the status of a notebook opened from the disk because the bucket did not answer, without unsaved edits."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.OFFLINE,
        message=f"This is the copy on this disk; the workspace may hold a newer one. {error.sentence}",
        reason=error.trouble.value,
    )


def newer_in_workspace() -> WorkStatus:
    """Return the status of a notebook opened from the disk before the bucket answered with a newer version."""
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
    """Return the status if bucket and working copy are in conflict."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.CONFLICT,
        message=str(WorkspaceConflict(reason)),
        reason=reason.value,
    )


def locked(held: LockHeldElsewhere) -> WorkStatus:
    """Return the status of a durable save that is not uploaded because another person is editing the notebook."""
    return WorkStatus(
        mode=Mode.EDIT,
        place=Place.LOCKED,
        message=f"Saved on this disk, NOT in the workspace. {held}",
        reason=held.reason.value,
    )


def kept_on_disk(location: Location) -> WorkStatus:
    """Return the status of a file that is never uploaded, with the reason."""
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
