"""What is left to do about one object of an intent: every case."""

import itertools

import pytest

from jupyter_terra_env.rules.recovery import Act, Seen, Step, step_for

OTHER, PLANNED = 6, 7


@pytest.mark.parametrize(
    ("act", "generation", "is_free", "new_exists", "is_out"),
    list(itertools.product(Act, (None, OTHER, PLANNED), (False, True), (False, True), (False, True))),
)
def test_only_the_planned_version_is_touched_and_only_when_nothing_is_lost(
    act, generation, is_free, new_exists, is_out
):
    old = None if generation is None else Seen(generation=generation, is_free=is_free)
    step = step_for(act, PLANNED, old, new_exists=new_exists, is_out=is_out)
    free_to_go = {Act.MOVE: not new_exists, Act.DELETE: True, Act.OUT: is_out}[act]
    if generation is None:
        assert step is Step.DONE
    elif generation == PLANNED and is_free and free_to_go:
        assert step is Step.DO
    else:
        assert step is Step.STAYS


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize(("generation", "is_free"), list(itertools.product((None, OTHER, PLANNED), (False, True))))
def test_a_copy_of_our_own_is_finished_or_goes(act, generation, is_free):
    old = None if generation is None else Seen(generation=generation, is_free=is_free)
    step = step_for(act, PLANNED, old, new_exists=True, is_out=True, is_own_copy=True)
    if generation is None:
        assert step is Step.DONE
    else:
        assert step is (Step.DO if generation == PLANNED and is_free else Step.STAYS_WITHOUT_COPY)
