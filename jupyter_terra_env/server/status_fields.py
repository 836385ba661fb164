"""The status of a notebook as JSON: the same object in models, answers and events."""

from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_terra_env.notebooks.deliveries import DeliveryResult
from jupyter_terra_env.notebooks.statuses import NotebookStatus
from jupyter_terra_env.notebooks.storage.foreign_debts import NOT_CONFIGURED, sentence
from jupyter_terra_env.notebooks.storage.journal import Debt
from jupyter_terra_env.rules.gone import Gone
from jupyter_terra_env.rules.lock_view import LockState, LockView
from jupyter_terra_env.rules.status import Place
from jupyter_terra_env.rules.workspace import Location, Mode

STATUS_KEY = "terra"
"""Extra key of our models; clients that do not know it ignore it."""


def status_fields(status: NotebookStatus, *, email: str | None) -> dict[str, Any]:
    """A notebook's status as JSON.

    Args:
        status: the status.
        email: address of the lock's holder, if it is known and may be shown; None otherwise.
    """
    location = status.location
    edit, playground = location.in_mode(Mode.EDIT), location.in_mode(Mode.PLAYGROUND)
    return {
        "path": location.api_path,
        "workspace": location.workspace.name,
        "bucket": location.workspace.bucket,
        "object": location.object_name if location.belongs_in_bucket else None,
        "mode": status.work.mode.value,
        "place": status.work.place.value,
        "message": status.work.message,
        "code": status.work.code,
        "reason": status.work.reason,
        "saved_at": None if status.saved_at is None else moment(status.saved_at),
        "writable": status.is_writable,
        "edit_path": None if edit is None else edit.api_path,
        "playground_path": None if playground is None else playground.api_path,
        "lock": lock_fields(status.lock, email=email),
        "workspace_version": None if status.seen is None else status.seen.name,
        "workspace_saved_at": None if status.seen is None else moment(status.seen.saved_at),
        "gone": None if status.gone is None else _gone_fields(location, status.gone),
    }


def _gone_fields(location: Location, gone: Gone) -> dict[str, Any]:
    path = None if gone.new_name is None else location.at(gone.new_name).api_path
    return {"how": gone.how.value, "path": path}


def lock_fields(view: LockView, *, email: str | None) -> dict[str, Any]:
    """A lock as JSON; ``email``: see ``status_fields``."""
    return {
        "state": view.state.value,
        "message": view.message,
        "code": view.code,
        "holder": None if view.lock is None else view.lock.holder.owner,
        "email": email,
        "until": None if view.lock is None else _moment_of(view.lock.expires_at_ms),
        "lost": view.lost,
        "actions": [action.value for action in view.actions],
    }


def payment_fields(delivery_result: DeliveryResult) -> dict[str, Any]:
    """What became of debts, as JSON."""
    return {
        "paid": list(delivery_result.paid),
        "unpaid": [
            *(status_fields(status, email=None) for status in delivery_result.unpaid),
            *(foreign_debt_fields(debt) for debt in delivery_result.foreign),
        ],
    }


def foreign_debt_fields(debt: Debt) -> dict[str, Any]:
    """A debt to a workspace that is not configured here, as JSON: the fields of a status that are known."""
    none = LockState.NONE.value
    lock = {"state": none, "message": "", "code": none, "holder": None, "email": None, "until": None, "lost": False}
    return {
        "path": debt.path,
        "workspace": None,
        "bucket": debt.bucket,
        "object": debt.object_name,
        "mode": Mode.EDIT.value,
        "place": Place.ON_DISK.value,
        "message": sentence(debt),
        "code": f"{Place.ON_DISK.value}:{NOT_CONFIGURED}",
        "reason": NOT_CONFIGURED,
        "saved_at": None,
        "writable": False,
        "edit_path": None,
        "playground_path": None,
        "lock": {**lock, "actions": []},
        "workspace_version": None,
        "workspace_saved_at": None,
        "gone": None,
    }


def _moment_of(epoch_ms: int) -> str | None:
    """A moment, or None for one beyond the calendar: it was written in another unit."""
    try:
        return moment(datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=epoch_ms))
    except OverflowError:
        return None


def moment(time: datetime) -> str:
    """A moment as JSON: UTC, ISO 8601."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
