"""Two tabs of one notebook: the second reads, says so, and takes the first one's place when it is asked to."""

import json

import pytest
from person import Person

SECOND = "another tab or window"


@pytest.fixture
def second(person, jupyter):
    """Another page of the same browser."""
    return Person(page=person.page.context.new_page(), jupyter=jupyter, pictures=person.pictures)


def type_in(person, text):
    person.click_cell()
    person.page.keyboard.type(text)


def test_the_second_tab_reads_says_so_and_edits_when_asked(person, second, colleague):
    colleague.put("tabs.ipynb", "x = 1")
    person.open("tabs.ipynb")
    person.wait_for_badge("mode", "Editing")
    second.open("tabs.ipynb")
    second.wait_for_badge("mode", "Read-only")
    assert SECOND in second.banner()
    second.take_picture("second-tab")
    type_in(second, "lost")
    second.wait(1)
    assert second.on_screen() == "x = 1"

    type_in(person, "7")
    second.press("first-tab")
    person.wait_until(lambda: person.page.title().startswith("▶"))
    second.press("edit-here")
    second.wait_for_badge("mode", "Editing")
    second.wait_until(lambda: second.on_screen() == "x = 17")
    assert second.banner() == ""
    person.wait_for_badge("mode", "Read-only")
    type_in(second, "8")
    second.wait_until(lambda: colleague.cell("tabs.ipynb")["source"] == "x = 178")
    person.wait(6)
    assert person.dialogs() == second.dialogs() == 0
    assert colleague.cell("tabs.ipynb")["source"] == "x = 178"


def test_a_reload_keeps_the_seat_and_a_closed_tab_leaves_it(person, second, colleague):
    colleague.put("seat.ipynb", "x = 1")
    person.open("seat.ipynb")
    person.wait_for_badge("mode", "Editing")
    second.open("seat.ipynb")
    second.wait_for_badge("mode", "Read-only")
    person.page.reload()
    person.wait_for_badge("mode", "Editing")
    assert second.badge("mode") == "Read-only"
    person.page.close()
    person.page = second.page
    second.wait_until(lambda: "was closed" in second.banner())
    second.press("edit-here")
    second.wait_for_badge("mode", "Editing")
    type_in(second, "9")
    second.wait_until(lambda: colleague.cell("seat.ipynb")["source"] == "x = 19")


@pytest.mark.parametrize("choice", ["Go On with Mine", "Go On with That One"])
def test_what_a_program_wrote_is_not_lost_and_not_saved_over(person, jupyter, colleague, choice):
    name = f"program-{choice.rpartition(' ')[2].lower()}.ipynb"
    colleague.put(name, "x = 1")
    person.open(name)
    person.wait_for_badge("mode", "Editing")
    person.wait(6)
    file = jupyter.home / "work" / "my-workspace" / "edit" / name
    other = json.loads(file.read_text(encoding="utf-8"))
    other["cells"][0]["source"] = "written by a program"
    type_in(person, "7")
    file.write_text(json.dumps(other), encoding="utf-8")
    asked = person.dialog(about="was changed on this disk")
    person.take_picture("changed-on-disk")
    assert "Revert" not in asked
    person.answer_dialog(choice)
    mine, others = ("x = 17", "written by a program")
    shown, label, kept = (mine, "other version", others) if "Mine" in choice else (others, "my edits", mine)
    person.wait_until(lambda: person.on_screen() == shown)
    copy = name.replace(".ipynb", f" ({label}).ipynb")
    person.wait_until((file.parent / copy).exists)
    assert jupyter.source(copy) == kept
    person.wait_until(lambda: jupyter.source(name) == shown)
    person.wait(6)
    assert person.dialogs() == 0
