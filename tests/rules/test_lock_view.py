"""The view of a lock that a person sees, from the records that were read."""

import pytest

from jupyter_terra_env.rules.edit_lock import Claim, EditLock, Holder
from jupyter_terra_env.rules.lock_view import (
    NO_LOCK,
    READ_ONLY,
    UNKNOWN_LOCK,
    LockAction,
    LockState,
    LockView,
    as_of,
    seen,
    without_permission,
)

LOCK = EditLock(holder=Holder(owner="o", environment="e"), expires_at_ms=180_000)
HELD = LockView(state=LockState.HELD, lock=LOCK)


@pytest.mark.parametrize(
    ("claim", "state"),
    [
        (Claim.FREE, LockState.FREE),
        (Claim.MINE, LockState.HELD),
        (Claim.MINE_ELSEWHERE, LockState.HELD_ELSEWHERE),
        (Claim.OTHERS, LockState.HELD_BY_OTHER),
    ],
)
def test_whose_a_record_is_decides_the_state(claim, state):
    view = seen(claim, LOCK, before=None)
    assert (view.state, view.lost) == (state, False)
    assert view.lock == (None if state is LockState.FREE else LOCK)


@pytest.mark.parametrize("claim", [Claim.OTHERS, Claim.MINE_ELSEWHERE])
def test_who_held_it_before_has_lost_it_until_it_is_free(claim):
    lost = seen(claim, LOCK, before=HELD)
    assert lost.lost
    assert lost.message != seen(claim, LOCK, before=None).message
    assert seen(claim, LOCK, before=lost).lost
    assert not seen(Claim.FREE, None, before=lost).lost
    assert not seen(claim, LOCK, before=seen(Claim.FREE, None, before=lost)).lost


def test_a_lock_of_ours_that_has_run_out_is_not_claimed():
    assert as_of(HELD, 179_999) is HELD
    assert as_of(HELD, 180_000) == UNKNOWN_LOCK
    others = seen(Claim.OTHERS, LOCK, before=None)
    assert as_of(others, 180_000) is others, "the watch reports when it is free"


@pytest.mark.parametrize("state", list(LockState))
def test_every_state_has_its_words_and_its_ways_out(state):
    view = LockView(state=state)
    assert bool(view.message) == (view != NO_LOCK)
    assert (LockAction.PLAYGROUND in view.actions) == (state in READ_ONLY)
    assert (LockAction.TAKE_OVER in view.actions) == (state is LockState.HELD_ELSEWHERE)


def test_a_record_that_counts_as_none_is_said_so():
    view = seen(Claim.FREE, LOCK, before=None, void=True)
    assert (view.state, view.lock) == (LockState.FREE, None)
    assert "ignored" in view.message
    assert view.message != seen(Claim.FREE, None, before=None).message


@pytest.mark.parametrize("state", LockState)
def test_without_permission_a_notebook_is_read_only_in_every_state(state):
    view = without_permission(LockView(state=state))
    assert view.state in READ_ONLY
    assert view.state in {state, LockState.NOT_PERMITTED}
