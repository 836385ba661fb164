"""Every error of this package, grouped by what the caller does about it.

TerraEnvError
├── SettingsError        stop at start-up: a person must correct a setting
├── ObjectNotFound       a fact about the bucket: decide again
├── PreconditionFailed   a fact about the bucket (HTTP 412): read back, decide again
├── BucketUnavailable    try again later; a write may or may not have happened
│   └── LeftUnfinished   a rename or deletion has begun, and continues in the background
├── BucketRefused        trying again does not help until a person changes something
├── WorkspaceConflict    the bucket and the working copy have parted: a person must choose
├── NotWhole             a working copy is not fit for the workspace: it stays on the disk, with the reason
├── LockHeldElsewhere    another person is editing: read only, until the lock is released or expires
├── FilesStay            deleted in the bucket, but the disk could not remove the files
├── CloudRefused         the cloud refused an operation on the machine: the caller tries another way
├── AutopauseRefused     a request about the pause that cannot be granted; nothing changed
└── OperationRefused     refused, nothing changed; the sentence says what to do instead
"""

from enum import StrEnum

from jupyter_terra_env.rules.edit_lock import EditLock
from jupyter_terra_env.rules.whole_content import SENTENCES, Unfit


class BucketTrouble(StrEnum):
    """Machine-readable cause of a bucket error; append only, never rename."""

    UNREACHABLE = "unreachable"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server-error"
    CORRUPT_TRANSFER = "corrupt-transfer"
    NO_CREDENTIALS = "no-credentials"
    NO_PERMISSION = "no-permission"
    BUCKET_NOT_FOUND = "bucket-not-found"
    REQUESTER_PAYS = "requester-pays"
    BAD_REQUEST = "bad-request"
    NOT_OFFERED = "not-offered"
    OBJECT_HELD = "object-held"
    RETENTION_POLICY = "retention-policy"
    BILLING_DISABLED = "billing-disabled"
    USER_PROJECT = "user-project"
    ORGANIZATION_POLICY = "organization-policy"
    SERVICE_PERIMETER = "service-perimeter"
    API_DISABLED = "api-disabled"
    ENCRYPTION_KEY = "encryption-key"
    UNREADABLE_OBJECT = "unreadable-object"


FORBIDDEN = frozenset(BucketTrouble) - {
    BucketTrouble.UNREACHABLE,
    BucketTrouble.OVERLOADED,
    BucketTrouble.SERVER_ERROR,
    BucketTrouble.CORRUPT_TRANSFER,
    BucketTrouble.BUCKET_NOT_FOUND,
    BucketTrouble.BAD_REQUEST,
    BucketTrouble.NOT_OFFERED,
    BucketTrouble.UNREADABLE_OBJECT,
}
"""Causes that only a person with the necessary rights can remove: permissions, policies, billing."""


class ConflictReason(StrEnum):
    """Why bucket and working copy have parted; append only, never rename."""

    REMOTE_CHANGED = "remote-changed"
    REMOTE_DELETED = "remote-deleted"
    NAME_TAKEN = "name-taken"


class LockReason(StrEnum):
    """Why a notebook may not be changed here; append only, never rename."""

    LOCKED_BY_OTHER = "locked-by-other"
    LOCKED_ELSEWHERE = "locked-elsewhere"


class RefusalReason(StrEnum):
    """Why an operation was not done; append only, never rename."""

    NAME_EXISTS = "name-exists"
    WORKSPACE_FOLDER = "workspace-folder"
    FOLDER_NOT_EMPTY = "folder-not-empty"
    CROSSES_FOLDERS = "crosses-folders"
    NOT_IN_WORKSPACE_YET = "not-in-workspace-yet"
    WORKSPACE_COPY = "workspace-copy"
    OUTSIDE_WORKSPACE = "outside-workspace"
    PARENT_IS_FILE = "parent-is-file"
    NO_LOCK = "no-lock"
    NO_CONFLICT = "no-conflict"
    CANNOT_MERGE = "cannot-merge"
    NO_PREVIEW = "no-preview"
    FOLDER_NAME = "folder-name"
    NO_TRASH = "no-trash"
    DISK_REFUSES = "disk-refuses"
    ACT_UNDER_WAY = "act-under-way"
    NOT_A_FILE = "not-a-file"
    TOO_LARGE = "too-large"
    MINE_CHANGED = "mine-changed"
    UPLOAD_IN_PROGRESS = "upload-in-progress"
    JOURNAL_REPLACED = "journal-replaced"
    NOT_A_NOTEBOOK = "not-a-notebook"
    TOO_DEMANDING = "too-demanding"
    NOT_SAVED_TOO_DEMANDING = "not-saved-too-demanding"
    READER_FAILED = "reader-failed"
    NO_SUCH_VERSION = "no-such-version"


class AutopauseRefusal(StrEnum):
    """Why a request about the pause was not granted; append only, never rename."""

    NOT_A_TIME = "not-a-time"
    CAP = "longest-work-reached"
    SNOOZE_USED_UP = "keep-awake-used-up"
    NO_JOBS = "no-jobs"
    BEING_PAUSED = "being-paused"
    NO_LEASE = "no-lease"
    TOO_MANY_LEASES = "too-many-leases"


class TerraEnvError(Exception):
    """Base of this package's errors; never raised itself."""


class SettingsError(TerraEnvError):
    """A setting is wrong; the message names it and says what is expected."""


class ObjectNotFound(TerraEnvError):
    """The object (or the generation asked for) does not exist."""


class PreconditionFailed(TerraEnvError):
    """The bucket answered 412: the object is not at the version the request named."""


class BucketError(TerraEnvError):
    """The bucket did not do what was requested.

    Args:
        bucket: bucket name without ``gs://``.
        trouble: the cause, for machines.
        detail: the cause in the words of the client or the service.
    """

    def __init__(self, bucket: str, trouble: BucketTrouble, detail: str) -> None:
        super().__init__(f"{_SENTENCES[trouble].format(bucket=bucket)} ({detail})")
        self.bucket = bucket
        self.trouble = trouble

    def about(self, bucket: str, detail: str) -> "BucketError":
        """Return the same error for another bucket that needs the same connection."""
        return type(self)(bucket, self.trouble, detail)

    @property
    def sentence(self) -> str:
        """One constant sentence for the user: which bucket, what is wrong, what to do."""
        return _SENTENCES[self.trouble].format(bucket=self.bucket)


class BucketUnavailable(BucketError):
    """It may work later. The outcome of a write is unknown until it has been read back."""


class LeftUnfinished(BucketUnavailable):
    """A rename or deletion stopped halfway; its intent is in the journal and is completed later."""

    @property
    def sentence(self) -> str:
        """One constant sentence for the user: which bucket, what is wrong, what to do."""
        return f"{super().sentence} The rename or deletion continues by itself as soon as the workspace answers."


class BucketRefused(BucketError):
    """It will not work until a person changes something."""


class WorkspaceConflict(TerraEnvError):
    """The object is not the one the working copy came from; both versions are intact.

    Args:
        reason: how they have parted.
        about: the notebook, if the request was about something else, such as a whole folder.
    """

    def __init__(self, reason: ConflictReason, *, about: str = "") -> None:
        super().__init__(f"{about}: {_CONFLICTS[reason]}" if about else _CONFLICTS[reason])
        self.reason = reason


class NotWhole(TerraEnvError):
    """A working copy is not fit for the workspace, or not yet; nothing changed.

    Args:
        reason: why.
        again_in_seconds: when it may be fit; None if a person has to do something first.
    """

    def __init__(self, reason: Unfit, *, again_in_seconds: float | None = None) -> None:
        super().__init__(SENTENCES[reason])
        self.reason = reason
        self.again_in_seconds = again_in_seconds


class LockHeldElsewhere(TerraEnvError):
    """The edit lock is not ours to take.

    Args:
        lock: the lock in the metadata of the object; None if it has gone since.
        by_same_person: whether this person holds it in another environment.
        about: the notebook, if the request was about something else, such as a whole folder.
    """

    def __init__(self, lock: EditLock | None, *, by_same_person: bool, about: str = "") -> None:
        self.reason = LockReason.LOCKED_ELSEWHERE if by_same_person else LockReason.LOCKED_BY_OTHER
        super().__init__(f"{about}: {_LOCKED[self.reason]}" if about else _LOCKED[self.reason])
        self.lock = lock
        self.by_same_person = by_same_person


class OperationRefused(TerraEnvError):
    """Refused before anything changed.

    Args:
        reason: the cause, for machines.
        message: the sentence for the user.
    """

    def __init__(self, reason: RefusalReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class FilesStay(TerraEnvError):
    """The objects were deleted from the workspace, but the disk could not remove the files; they are in their place.

    Args:
        api_path: the file or folder.
        why: the error of the disk or the trash.
    """

    def __init__(self, api_path: str, why: str) -> None:
        super().__init__(
            f"{api_path} was deleted from the workspace, but not from this disk ({why}): its files are where they were."
        )


class CloudRefused(TerraEnvError):
    """A service of the cloud refused a request.

    Args:
        service: its name.
        status: HTTP status of the answer.
    """

    def __init__(self, service: str, status: int) -> None:
        super().__init__(f"{service} answered {status}.")
        self.status = status


class AutopauseRefused(TerraEnvError):
    """A request about the pause of the machine that cannot be granted.

    Args:
        reason: the cause, for machines.
    """

    def __init__(self, reason: AutopauseRefusal) -> None:
        super().__init__(_AUTOPAUSE_REFUSALS[reason])
        self.reason = reason


_SENTENCES = {
    BucketTrouble.UNREACHABLE: "The workspace bucket {bucket} cannot be reached: check the network.",
    BucketTrouble.OVERLOADED: "The workspace bucket {bucket} is receiving too many requests: try again soon.",
    BucketTrouble.SERVER_ERROR: "Cloud Storage did not answer for the workspace bucket {bucket}: try again soon.",
    BucketTrouble.CORRUPT_TRANSFER: (
        "A transfer with the workspace bucket {bucket} was corrupted in transit and discarded: try again."
    ),
    BucketTrouble.NO_CREDENTIALS: (
        "There are no valid Google credentials for the workspace bucket {bucket}: sign in again, "
        "or run 'gcloud auth application-default login'."
    ),
    BucketTrouble.NO_PERMISSION: (
        "You have no permission for this in the workspace bucket {bucket}: ask an owner of the workspace for access."
    ),
    BucketTrouble.BUCKET_NOT_FOUND: (
        "The workspace bucket {bucket} does not exist: check the setting that names it (WORKSPACE_BUCKET)."
    ),
    BucketTrouble.REQUESTER_PAYS: (
        "The workspace bucket {bucket} is requester-pays and no project was accepted to bill: "
        "set 'user_project' of the workspace."
    ),
    BucketTrouble.BAD_REQUEST: "The workspace bucket {bucket} did not accept the request.",
    BucketTrouble.OBJECT_HELD: (
        "The notebook in the workspace bucket {bucket} is under a hold and cannot be replaced or deleted: "
        "ask an owner of the workspace to release the hold, or save yours under a new name."
    ),
    BucketTrouble.RETENTION_POLICY: (
        "A retention policy of the workspace bucket {bucket} forbids replacing or deleting this notebook yet: "
        "wait until its retention period is over, or save yours under a new name."
    ),
    BucketTrouble.BILLING_DISABLED: (
        "The workspace bucket {bucket} cannot be used because its project has no active billing account: "
        "ask an owner of the workspace to restore billing."
    ),
    BucketTrouble.USER_PROJECT: (
        "The project that is to pay for requests to the workspace bucket {bucket} was not accepted: "
        "check that 'user_project' of the workspace exists, has billing, and that you may use it."
    ),
    BucketTrouble.ORGANIZATION_POLICY: (
        "A policy of the organization forbids this in the workspace bucket {bucket}: "
        "ask an administrator of the organization."
    ),
    BucketTrouble.SERVICE_PERIMETER: (
        "The workspace bucket {bucket} is inside a service perimeter that this environment is outside of "
        "(VPC Service Controls): work in an environment inside it, or ask an administrator of the organization."
    ),
    BucketTrouble.API_DISABLED: (
        "Cloud Storage is switched off in the project that is used for the workspace bucket {bucket}: "
        "ask an owner of that project to enable the Cloud Storage API."
    ),
    BucketTrouble.ENCRYPTION_KEY: (
        "The encryption key of the workspace bucket {bucket} cannot be used: "
        "ask an owner of the workspace to restore access to the key."
    ),
    BucketTrouble.UNREADABLE_OBJECT: (
        "A notebook in the workspace bucket {bucket} is marked as compressed and cannot be unpacked: "
        "ask the person who stored it to upload it again."
    ),
    BucketTrouble.NOT_OFFERED: (
        "The service at the address of the workspace bucket {bucket} does not support this: "
        "check that Cloud Storage is reached directly."
    ),
}

_LOCKED = {
    LockReason.LOCKED_BY_OTHER: (
        "Another person is editing this notebook: nothing was changed in the workspace. Save yours under a new name, "
        "open the notebook in the playground, or wait until it is free."
    ),
    LockReason.LOCKED_ELSEWHERE: (
        "You are editing this notebook in another environment: nothing was changed in the workspace. Take over to edit "
        "it here, or save yours under a new name."
    ),
}

_CONFLICTS = {
    ConflictReason.REMOTE_CHANGED: (
        "This notebook was changed in the workspace since you opened it. Your version is kept on this disk, "
        "theirs in the workspace; nothing was overwritten. Choose one of them, or keep both."
    ),
    ConflictReason.REMOTE_DELETED: (
        "This notebook was deleted from the workspace since you opened it. Your version is kept on this disk. "
        "Put it back, or leave it deleted."
    ),
    ConflictReason.NAME_TAKEN: (
        "A notebook of this name is already in the workspace. Your version is kept on this disk, "
        "theirs in the workspace; nothing was overwritten. Choose one of them, or keep both."
    ),
}

_AUTOPAUSE_REFUSALS = {
    AutopauseRefusal.NOT_A_TIME: "The time to keep the environment running must be a positive number of seconds.",
    AutopauseRefusal.CAP: (
        "Jobs may run without a person only for a limited time (max_busy_seconds), which has been reached: "
        "keep the environment running until the jobs end, or work in a notebook."
    ),
    AutopauseRefusal.SNOOZE_USED_UP: (
        "The longest time that can be requested has been used up (max_snooze_seconds): work in a notebook to get more."
    ),
    AutopauseRefusal.NO_JOBS: "Nothing is running that could be waited for.",
    AutopauseRefusal.BEING_PAUSED: "The environment is being paused already.",
    AutopauseRefusal.NO_LEASE: "There is no such lease, or it has ended.",
    AutopauseRefusal.TOO_MANY_LEASES: "Too many commands keep the environment running already.",
}
