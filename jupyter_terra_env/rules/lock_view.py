"""The view of a notebook's edit lock that a person sees. The states: docs/protocol/keeping-locks.md."""

from dataclasses import dataclass
from enum import StrEnum

from jupyter_terra_env.rules.edit_lock import Claim, EditLock


class LockState(StrEnum):
    """Who holds the lock, as it was last seen; append only, never rename."""

    HELD = "held"
    FREE = "free"
    HELD_BY_OTHER = "held-by-other"
    HELD_ELSEWHERE = "held-elsewhere"
    NOT_PERMITTED = "not-permitted"
    UNKNOWN = "unknown"
    NONE = "none"


class LockAction(StrEnum):
    """Actions that a person can take when another holds the lock; append only, never rename."""

    PLAYGROUND = "playground"
    COPY = "copy"
    WAIT = "wait"
    TAKE_OVER = "take-over"


READ_ONLY = frozenset({LockState.HELD_BY_OTHER, LockState.HELD_ELSEWHERE, LockState.NOT_PERMITTED})
WAITED_FOR = frozenset({LockState.HELD_BY_OTHER, LockState.HELD_ELSEWHERE})
_TRY_OUT = (LockAction.PLAYGROUND, LockAction.COPY)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockView:
    """The lock of a notebook, as this server last saw it.

    Attributes:
        state: who holds it.
        lock: the record, if the lock is held.
        lost: whether this environment held it before and did not release it.
        void: whether the notebook has a record that counts as no lock because of its expiry.
    """

    state: LockState
    lock: EditLock | None = None
    lost: bool = False
    void: bool = False

    @property
    def message(self) -> str:
        """One constant sentence; empty if there is nothing to say."""
        if self.void and self.state is LockState.FREE:
            return _VOID
        return _LOST[self.state] if self.lost and self.state in _LOST else _SENTENCES[self.state]

    @property
    def code(self) -> str:
        """Identifies ``message`` for translation; append only, never rename."""
        if self.void and self.state is LockState.FREE:
            return f"{self.state.value}:void"
        return f"{self.state.value}:lost" if self.lost and self.state in _LOST else self.state.value

    @property
    def actions(self) -> tuple[LockAction, ...]:
        """The actions that are offered."""
        match self.state:
            case LockState.HELD_BY_OTHER:
                return (*_TRY_OUT, LockAction.WAIT)
            case LockState.HELD_ELSEWHERE:
                return (*_TRY_OUT, LockAction.WAIT, LockAction.TAKE_OVER)
            case LockState.NOT_PERMITTED:
                return _TRY_OUT
            case _:
                return ()


NO_LOCK = LockView(state=LockState.NONE)
UNKNOWN_LOCK = LockView(state=LockState.UNKNOWN)


def seen(claim: Claim, lock: EditLock | None, *, before: LockView | None, void: bool = False) -> LockView:
    """Return the view after the record of an object was read.

    Args:
        claim: who owns the record.
        lock: the record.
        before: the previous view.
        void: whether the record's expiry is implausible, see ``edit_lock.is_implausible``.
    """
    state = _STATES[claim]
    had_it = before is not None and (before.state is LockState.HELD or before.lost)
    return LockView(
        state=state,
        lock=None if state is LockState.FREE else lock,
        lost=had_it and state in WAITED_FOR,
        void=void and state is LockState.FREE,
    )


def without_permission(view: LockView) -> LockView:
    """Return the view for a person whose last attempt to write the lock was refused: read-only, even if it is free.

    Args:
        view: the view with permission.
    """
    return view if view.state in READ_ONLY else LockView(state=LockState.NOT_PERMITTED)


def as_of(view: LockView, now_ms: int) -> LockView:
    """Return the view at a moment: a lock of ours that has expired is unknown.

    Args:
        view: the last view.
        now_ms: the bucket's time, in epoch milliseconds.
    """
    expired = view.lock is not None and now_ms >= view.lock.expires_at_ms
    return UNKNOWN_LOCK if expired and view.state is LockState.HELD else view


_STATES = {
    Claim.FREE: LockState.FREE,
    Claim.MINE: LockState.HELD,
    Claim.MINE_ELSEWHERE: LockState.HELD_ELSEWHERE,
    Claim.OTHERS: LockState.HELD_BY_OTHER,
}

_SENTENCES = {
    LockState.HELD: "You are editing this notebook.",
    LockState.FREE: "No one is editing this notebook.",
    LockState.HELD_BY_OTHER: (
        "Another person is editing this notebook: it is read-only here. Open it in the playground, make a copy, or "
        "wait until it is free."
    ),
    LockState.HELD_ELSEWHERE: (
        "You are editing this notebook in another environment: it is read-only here. Take over to edit it here."
    ),
    LockState.NOT_PERMITTED: (
        "The workspace bucket does not let this account lock notebooks, so this one is read-only here. Open it in the "
        "playground or make a copy, or ask an owner of the workspace for access."
    ),
    LockState.UNKNOWN: "It is unknown whether another person is editing this notebook.",
    LockState.NONE: "",
}
_VOID = (
    "No one is editing this notebook: its lock is set to expire more than a day from now, which no editor does, and is "
    "ignored."
)
_LOST = {
    LockState.HELD_BY_OTHER: (
        "Another person is editing this notebook now: your edit lock had expired. What was not saved to the "
        "workspace is kept on this disk."
    ),
    LockState.HELD_ELSEWHERE: (
        "You took over this notebook in another environment. What was not saved to the workspace is kept on this disk."
    ),
}
