"""A colleague's version and the person's own: neither is lost, and the person is asked once."""

import pytest

SENTENCE = "Your version is kept on this disk, theirs in the workspace; nothing was overwritten."


@pytest.fixture
def in_conflict(person, colleague, request):
    """A notebook that a colleague has changed behind the server's back, and the person, too; its name."""
    name = f"{request.node.originalname[5:25]}.ipynb"
    colleague.put(name, "x = 1\ny = 2\n")
    person.open(name)
    person.wait_for_badge("place", "In the workspace")
    colleague.put(name, "x = 1\ntheirs = 2\n")
    person.click_cell()
    person.page.keyboard.type("mine = 3")
    return name


def test_the_person_is_asked_once_and_nothing_is_overwritten_meanwhile(person, jupyter, colleague, in_conflict):
    generation = colleague.generation(in_conflict)
    told = person.dialog(about="two versions")
    person.take_picture("conflict")
    assert SENTENCE in told
    assert person.badge("place") == "Conflict"
    puts = len(person.puts)
    person.answer_dialog("Decide Later")
    person.wait(12)
    assert person.dialogs() == 0
    assert len(person.puts) == puts, "nothing was changed, so nothing is sent"
    assert SENTENCE in person.banner()
    person.take_picture("conflict-later")

    person.click_cell()
    person.page.keyboard.type("4")
    person.wait_until(lambda: jupyter.source(in_conflict).endswith("mine = 34"))
    person.wait(6)
    assert person.dialogs() == 0, "it is the same conflict"
    assert person.badge("place") == "Conflict"
    assert colleague.generation(in_conflict) == generation
    assert colleague.cell(in_conflict)["source"] == "x = 1\ntheirs = 2\n"
    assert person.on_screen().endswith("mine = 34")

    person.press("resolve")
    assert SENTENCE in person.dialog(about="two versions")
    person.answer_dialog("Decide Later")


def test_keep_both_shows_theirs_and_brings_mine_to_the_workspace(person, colleague, in_conflict):
    before = colleague.names()
    person.dialog(about="two versions")
    person.answer_dialog("Keep Both")
    person.wait_until(lambda: "theirs = 2" in person.on_screen())
    person.wait_for_badge("place", "In the workspace")
    person.wait_until(lambda: len(colleague.names() - before) == 1)
    (mine,) = colleague.names() - before
    assert colleague.cell(mine)["source"] == "x = 1\ny = 2\nmine = 3"
    assert colleague.cell(in_conflict)["source"] == "x = 1\ntheirs = 2\n"
    person.notification("Your version is kept as")
    person.take_picture("conflict-kept-both")

    person.click_cell()
    person.page.keyboard.type("z = 5")
    person.wait_until(lambda: colleague.cell(in_conflict)["source"] == "x = 1\ntheirs = 2\nz = 5")
    assert person.dialogs() == 0


def test_take_theirs_shows_theirs_and_keeps_mine_beside_it(person, jupyter, colleague, in_conflict):
    person.dialog(about="two versions")
    person.answer_dialog("Take Theirs")
    person.wait_until(lambda: "theirs = 2" in person.on_screen())
    person.wait_for_badge("place", "In the workspace")
    told = person.notification("Your version is kept as").inner_text()
    mine = told.split("“")[1].split("”")[0]
    assert jupyter.source(mine) == "x = 1\ny = 2\nmine = 3"
    assert colleague.cell(in_conflict)["source"] == "x = 1\ntheirs = 2\n"
    person.wait(7)
    assert person.dialogs() == 0
