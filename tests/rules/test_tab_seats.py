"""One of several tabs edits: never two, in any order of events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_terra_env.rules.tab_seats import Seat, ask, enter, give_up, keep, leave, view, wait_is_over

FIRST_EDITS = enter(enter(Seat(), "first", wants=True), "second", wants=True)


def test_the_first_tab_edits_and_the_second_reads():
    assert view(FIRST_EDITS, "first").edits
    second = view(FIRST_EDITS, "second")
    assert (second.edits, second.free, second.others) == (False, False, 1)


def test_a_reload_gets_its_seat_back_although_another_tab_is_there():
    reloaded = enter(leave(FIRST_EDITS, "first"), "first-again", wants=True)
    assert view(reloaded, "first-again").edits
    assert not view(reloaded, "second").edits


def test_after_a_restart_the_reader_that_connects_first_stays_a_reader():
    seat = enter(enter(Seat(), "second", wants=False), "first", wants=True)
    assert (view(seat, "second").edits, view(seat, "first").edits) == (False, True)


def test_a_free_seat_is_taken_by_the_tab_that_requests_it_and_by_no_other():
    empty = leave(FIRST_EDITS, "first")
    assert view(empty, "second").free
    assert view(ask(empty, "second"), "second").edits


def test_a_seat_changes_hands_when_everything_is_saved():
    asked = ask(FIRST_EDITS, "second")
    assert view(asked, "first").asked
    assert not view(asked, "second").edits
    given = give_up(asked, "first")
    assert (view(given, "first").edits, view(given, "second").edits) == (False, True)
    assert not view(given, "second").asked


def test_a_tab_that_cannot_save_keeps_its_seat_and_the_other_sees_the_refusal():
    kept = keep(ask(FIRST_EDITS, "second"), "first")
    assert view(kept, "first").edits
    assert view(kept, "second").refused
    assert not view(ask(kept, "second"), "second").refused


def test_a_tab_that_hangs_or_goes_away_keeps_no_other_waiting():
    asked = ask(FIRST_EDITS, "second")
    for after in (wait_is_over(asked, "second"), leave(asked, "first")):
        assert view(after, "second").edits


@pytest.mark.parametrize("event", [give_up, keep, wait_is_over, ask])
def test_what_a_tab_without_a_say_sends_changes_nothing(event):
    assert event(FIRST_EDITS, "nobody") == FIRST_EDITS


TABS = st.sampled_from("abc")
SAID = {"ask": ask, "give": give_up, "keep": keep, "over": wait_is_over, "out": leave}
EVENTS = st.lists(st.tuples(st.sampled_from(["in", "back", *SAID]), TABS), max_size=40)


def after(seat, event, tab):
    if event in SAID:
        return SAID[event](seat, tab)
    return seat if tab in seat.tabs else enter(seat, tab, wants=event == "in")


@given(EVENTS)
def test_never_two_and_never_a_tab_that_is_gone(events):
    seat = Seat()
    for event, tab in events:
        before, seat = seat, after(seat, event, tab)
        assert sum(view(seat, other).edits for other in seat.tabs) <= 1
        assert all(role is None or role in seat.tabs for role in (seat.editor, seat.asked_by, seat.refused))
        assert seat.asked_by is None or seat.asked_by != seat.editor
        if event in {"in", "back"}:
            assert before.editor is None or seat.editor == before.editor
