"""Saves that take long: nothing that is typed meanwhile is forgotten, and the interval stays."""

import itertools
import time

import pytest

SLOW_SECONDS = 2.0


@pytest.fixture
def slow_saves(person):
    """Every save of the person takes long; gives the times at which saves were under way."""
    saves = []

    def answer_late(route):
        if route.request.method != "PUT":
            route.continue_()
            return
        started = time.monotonic()
        time.sleep(SLOW_SECONDS)  # the page goes on: it is another process
        response = route.fetch()
        saves.append((started, time.monotonic()))
        route.fulfill(response=response)

    person.page.context.route("**/api/contents/**", answer_late)
    return saves


def test_what_is_typed_while_a_save_is_on_its_way_is_saved_without_another_edit(person, colleague, slow_saves):
    colleague.put("meanwhile.ipynb", "x = 1")
    person.open("meanwhile.ipynb")
    person.click_cell()
    person.page.keyboard.type("7")
    with person.page.expect_request(lambda request: request.method == "PUT", timeout=15_000):
        pass
    person.page.keyboard.type("8")
    person.wait_until(lambda: len(slow_saves) == 1)
    person.wait_for_badge("place", "Unsaved", seconds=3)
    person.wait_until(lambda: colleague.cell("meanwhile.ipynb")["source"] == "x = 178", seconds=12)
    person.wait_for_badge("place", "In the workspace")
    assert len(slow_saves) == 2
    person.wait(7)
    assert len(slow_saves) == 2, "nothing was changed, so nothing is sent"


def test_slow_saves_neither_overlap_nor_stretch_the_interval(person, colleague, slow_saves):
    colleague.put("slow.ipynb", "x = 1")
    person.open("slow.ipynb")
    person.click_cell()
    deadline = time.monotonic() + 40
    while len(slow_saves) < 4 and time.monotonic() < deadline:
        person.page.keyboard.type("7")
        person.wait(1)
    assert len(slow_saves) == 4
    for (_, ended), (started, _) in itertools.pairwise(slow_saves):
        assert started >= ended, "one save at a time"
        assert started - ended < 5 + 2, "JupyterLab would wait ten times as long as the save took"


def test_saving_by_hand_during_a_save_saves_what_was_typed_since(person, colleague, slow_saves):
    colleague.put("by-hand.ipynb", "x = 1")
    person.open("by-hand.ipynb")
    person.click_cell()
    person.page.keyboard.type("7")
    person.page.keyboard.press("Control+s")
    person.wait(0.5)
    person.page.keyboard.type("8")
    for _ in range(3):
        person.page.keyboard.press("Control+s")
    person.wait_until(lambda: len(slow_saves) == 2, seconds=3 * SLOW_SECONDS)
    assert colleague.cell("by-hand.ipynb")["source"] == "x = 178"
    person.wait(2 * SLOW_SECONDS)
    assert len(slow_saves) == 2
