"""A colleague's version and the person's own: neither is lost, and the person is asked once."""

import pytest
from colleague import cell, notebook_of

SENTENCE = "Your version is kept on this disk, theirs in the workspace; nothing was overwritten."
THEIRS = "x = 1\ntheirs = 2\n"
MINE = "x = 1\ny = 2\nmine = 3"


@pytest.fixture
def in_conflict(person, colleague, request):
    """A notebook that a colleague has changed behind the server's back, and the person, too; its name."""
    name = f"{request.node.originalname[5:25]}.ipynb"
    colleague.put(name, "x = 1\ny = 2\n")
    person.open(name)
    person.wait_for_badge("place", "In the workspace")
    colleague.put(name, THEIRS)
    person.click_cell()
    person.page.keyboard.type("mine = 3")
    return name


def test_the_person_is_asked_once_and_nothing_is_overwritten_meanwhile(person, jupyter, colleague, in_conflict):
    generation = colleague.generation(in_conflict)
    told = person.dialog(about="two versions")
    person.page.locator(".jp-terra-Conflict .jp-terra-Merge", has_text="theirs = 2").wait_for()
    person.wait(1)
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
    assert colleague.cell(in_conflict)["source"] == THEIRS
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
    assert colleague.cell(mine)["source"] == MINE
    assert colleague.cell(in_conflict)["source"] == THEIRS
    person.notification("Your version is kept as")
    person.take_picture("conflict-kept-both")

    person.click_cell()
    person.page.keyboard.type("z = 5")
    person.wait_until(lambda: colleague.cell(in_conflict)["source"] == f"{THEIRS}z = 5")
    assert person.dialogs() == 0


def test_take_theirs_shows_theirs_and_keeps_mine_beside_it(person, jupyter, colleague, in_conflict):
    person.dialog(about="two versions")
    person.answer_dialog("Take Theirs")
    person.wait_until(lambda: "theirs = 2" in person.on_screen())
    person.wait_for_badge("place", "In the workspace")
    told = person.notification("Your version is kept as").inner_text()
    mine = told.split("“")[1].split("”")[0]
    assert jupyter.source(mine) == MINE
    assert colleague.cell(in_conflict)["source"] == THEIRS
    person.wait(7)
    assert person.dialogs() == 0


def test_replace_theirs_brings_what_is_on_the_screen_to_the_workspace(person, colleague, in_conflict):
    person.dialog(about="two versions")
    person.answer_dialog("Replace Theirs")
    person.wait_for_badge("place", "In the workspace")
    assert person.on_screen() == MINE
    assert colleague.cell(in_conflict)["source"] == MINE
    person.click_cell()
    person.page.keyboard.type("4")
    person.wait_until(lambda: colleague.cell(in_conflict)["source"] == f"{MINE}4")
    assert person.dialogs() == 0


def test_changes_in_different_places_are_merged(person, jupyter, colleague):
    colleague.put("merged.ipynb", "a = 1\n\nb = 2\n\nc = 3\n")
    person.open("merged.ipynb")
    person.wait_for_badge("place", "In the workspace")
    colleague.put("merged.ipynb", "a = 100\n\nb = 2\n\nc = 3\n")
    person.click_cell()
    person.page.keyboard.type("d = 4")
    person.dialog(about="two versions")
    person.answer_dialog("Merge")
    merged = "a = 100\n\nb = 2\n\nc = 3\nd = 4"
    person.wait_until(lambda: colleague.cell("merged.ipynb")["source"] == merged)
    person.wait_until(lambda: "a = 100" in person.on_screen() and "d = 4" in person.on_screen())
    person.wait_for_badge("place", "In the workspace")
    told = person.notification("Your version is kept as").inner_text()
    assert jupyter.source(told.split("“")[1].split("”")[0]) == "a = 1\n\nb = 2\n\nc = 3\nd = 4"


def test_texts_that_have_changed_are_shown_as_texts(person, colleague):
    text = {"cell_type": "markdown", "id": "t", "metadata": {}, "source": "# Before"}
    colleague.put_notebook("texts.ipynb", notebook_of(cell("c", "x = 1"), text))
    person.open("texts.ipynb")
    person.wait_for_badge("place", "In the workspace")
    colleague.put_notebook("texts.ipynb", notebook_of(cell("c", "x = 1"), {**text, "source": "# Theirs"}))
    person.click_cell()
    person.page.keyboard.type("7")
    asked = person.dialog(about="two versions")
    assert "Save yours under a new name" not in asked, "the buttons say what can be done"
    person.answer_dialog("Take Theirs")
    person.page.locator(".jp-MarkdownCell.jp-mod-rendered h1", has_text="Theirs").wait_for()


@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_what_has_changed_again_is_asked_again(person, colleague, in_conflict):
    person.dialog(about="two versions")
    colleague.put(in_conflict, "even newer = 3")
    person.answer_dialog("Replace Theirs")
    told = person.dialog(about="It was changed again meanwhile")
    person.page.locator(".jp-terra-Conflict .jp-terra-Merge", has_text="even newer").wait_for()
    assert "Replace Theirs" in told
    assert colleague.cell(in_conflict)["source"] == "even newer = 3"
    person.answer_dialog("Take Theirs")
    person.wait_until(lambda: person.on_screen() == "even newer = 3")


@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_a_notebook_that_was_deleted_in_the_workspace_is_put_back_or_left(person, jupyter, colleague):
    for name, button in (("put-back.ipynb", "Put It Back"), ("left.ipynb", "Leave It Deleted")):
        colleague.put(name, "x = 1")
        person.open(name)
        person.wait_for_badge("place", "In the workspace")
        colleague.delete(name)
        person.click_cell()
        person.page.keyboard.type("7")
        person.dialog(about=name)
        person.take_picture("conflict-deleted")
        person.answer_dialog(button)
        if button == "Put It Back":
            person.wait_for_badge("place", "In the workspace")
            assert colleague.cell(name)["source"] == "x = 17"
    told = person.notification("Your version is kept as").inner_text()
    assert jupyter.source(told.split("“")[1].split("”")[0]) == "x = 17"
    assert "left.ipynb" not in colleague.names()
    assert person.dialogs() == 0


@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_the_preview_is_read_without_a_kernel_or_a_lock(person, colleague):
    colleague.put("preview.ipynb", "print('to be read')")
    person.open_folder()
    entry = person.page.locator(".jp-DirListing-item", has_text="preview.ipynb")
    entry.wait_for()
    person.wait(1)
    entry.click(button="right")
    person.page.locator(".lm-Menu-item", has_text="Preview").click()
    person.page.frame_locator("iframe").get_by_text("to be read").first.wait_for()
    person.take_picture("preview")
    assert not colleague.is_locked("preview.ipynb")
