"""Saves that take long: nothing that is typed meanwhile is forgotten, and the interval stays."""

import itertools
import time

import pytest

SLOW_SECONDS = 2.0


_SLOW = """
const fetch = window.fetch;
window.slowSaves = [];
window.fetch = async (request, options) => {
  if (request.method !== 'PUT' || !request.url.includes('/api/contents/')) {
    return fetch(request, options);
  }
  const started = performance.now();
  await new Promise(resolve => setTimeout(resolve, SLOW_MS));
  const answer = await fetch(request, options);
  window.slowSaves.push([started, performance.now()]);
  return answer;
};
"""


@pytest.fixture
def slow_saves(person):
    """Every save of the person takes long; gives when those that have ended started and ended, in seconds."""
    person.page.add_init_script(_SLOW.replace("SLOW_MS", str(SLOW_SECONDS * 1000)))
    return lambda: [[moment / 1000 for moment in save] for save in person.page.evaluate("window.slowSaves")]


def test_what_is_typed_while_a_save_is_on_its_way_is_saved_without_another_edit(person, colleague, slow_saves):
    colleague.put("meanwhile.ipynb", "x = 1")
    person.open("meanwhile.ipynb")
    person.click_cell()
    person.page.keyboard.type("7")
    person.wait_for_badge("place", "Saving…")
    person.wait(0.5)
    person.page.keyboard.type("8")
    assert slow_saves() == []
    person.wait_until(lambda: len(slow_saves()) == 1)
    person.wait_for_badge("place", "Unsaved", seconds=3)
    person.wait_until(lambda: colleague.cell("meanwhile.ipynb")["source"] == "x = 178", seconds=12)
    person.wait_for_badge("place", "In the workspace")
    assert len(slow_saves()) == 2
    person.wait(7)
    assert len(slow_saves()) == 2, "nothing was changed, so nothing is sent"


def test_slow_saves_neither_overlap_nor_stretch_the_interval(person, colleague, slow_saves):
    colleague.put("slow.ipynb", "x = 1")
    person.open("slow.ipynb")
    person.click_cell()
    deadline = time.monotonic() + 40
    while len(slow_saves()) < 4 and time.monotonic() < deadline:
        person.page.keyboard.type("7")
        person.wait(1)
    assert len(slow_saves()) == 4
    for (_, ended), (started, _) in itertools.pairwise(slow_saves()):
        assert started >= ended, "one save at a time"
        assert started - ended < 5 + 2, "JupyterLab would wait ten times as long as the save took"
