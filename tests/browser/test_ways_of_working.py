"""JupyterLab as people arrange it: side by side, twenty at once, in simple mode, twice as large."""

import os
from pathlib import Path

import pytest
from person import Person
from real_jupyter import BEN, WORKSPACE, running

pytestmark = pytest.mark.parametrize("interface", ["lab"], indirect=True)

MANY = 20
SHOWN = ".jp-NotebookPanel:not(.lm-mod-hidden)"
IN_VIEW = """
element => {
  const box = element.getBoundingClientRect();
  const inside = box.left >= 0 && box.top >= 0 && box.right <= innerWidth + 1 && box.bottom <= innerHeight + 1;
  return inside && element.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
}
"""


@pytest.fixture
def arranged(interface, browser, tmp_path):
    """A page whose application can be called, so that it can be arranged, at a size and zoom of its own."""
    with running(interface, tmp_path / "home", options=("--LabApp.expose_app_in_browser=True",)) as server:
        contexts = []
        pictures = Path(os.environ.get("BROWSER_TEST_PICTURES") or tmp_path)

        def sit_down(width=1280, height=800, zoom=1):
            viewport = {"width": width // zoom, "height": height // zoom}
            contexts.append(browser.new_context(viewport=viewport, device_scale_factor=zoom))
            return Person(page=contexts[-1].new_page(), jupyter=server, pictures=pictures)

        yield sit_down
        for context in contexts:
            context.close()


def execute(person, command, **arguments):
    person.page.evaluate("([id, args]) => jupyterapp.commands.execute(id, args).then(() => null)", [command, arguments])


def show(person, name, **options):
    execute(person, "docmanager:open", path=f"{WORKSPACE}/edit/{name}", options=options)


def words(person, kind):
    """What the badges of one kind say that can be seen."""
    badges = person.page.locator(f"{SHOWN} .jp-terra-Badge[data-kind={kind}]").all()
    return [badge.get_attribute("aria-label").partition(". ")[0] for badge in badges if badge.is_visible()]


def type_into(person, cell, text):
    cell.click()
    person.page.keyboard.press("Control+End")
    person.page.keyboard.type(text)


def test_notebooks_side_by_side_have_a_status_each(arranged):
    person = arranged()
    colleague = person.jupyter.colleague
    colleague.put("split-left.ipynb", "x = 1")
    colleague.put("right.ipynb", "x = 1")
    colleague.lock("right.ipynb", BEN)
    person.open("split-left.ipynb")
    show(person, "right.ipynb", mode="split-right")
    person.wait_until(lambda: sorted(words(person, "mode")) == ["Editing", "Read-only"], seconds=30)
    left = person.page.locator(f"{SHOWN} .jp-Cell .cm-content").first
    type_into(person, left, "7")
    person.wait_until(lambda: colleague.cell("split-left.ipynb")["source"] == "x = 17")
    person.wait_until(lambda: sum(word.startswith("In the workspace") for word in words(person, "place")) == 2)
    person.take_picture("side-by-side")
    assert colleague.cell("right.ipynb")["source"] == "x = 1"


def test_two_views_of_one_notebook_are_one_editor(arranged):
    person = arranged()
    person.jupyter.colleague.put("views.ipynb", "x = 1")
    person.open("views.ipynb")
    person.wait_for_badge("mode", "Editing")
    execute(person, "docmanager:clone")
    person.wait_until(lambda: person.page.locator(".jp-NotebookPanel").count() == 2, seconds=30)
    person.wait_until(lambda: set(words(person, "mode")) == {"Editing"}, seconds=30)
    type_into(person, person.page.locator(f"{SHOWN} .jp-Cell .cm-content").last, "7")
    person.wait_until(lambda: person.jupyter.colleague.cell("views.ipynb")["source"] == "x = 17")
    person.take_picture("two-views")
    assert set(words(person, "mode")) == {"Editing"}
    assert person.banner() == ""
    assert person.dialogs() == 0


def test_two_views_of_one_notebook_ask_once_about_a_conflict(arranged):
    person = arranged()
    colleague = person.jupyter.colleague
    colleague.put("asked-once.ipynb", "x = 1\n")
    person.open("asked-once.ipynb")
    person.wait_for_badge("mode", "Editing")
    execute(person, "docmanager:clone")
    person.wait_until(lambda: words(person, "mode") == ["Editing"] * 2, seconds=30)
    colleague.put("asked-once.ipynb", "x = 1\ntheirs = 2\n")
    type_into(person, person.page.locator(f"{SHOWN} .jp-Cell .cm-content").last, "mine = 3")
    person.dialog(about="two versions")
    person.wait(2)
    assert person.dialogs() == 1
    person.answer_dialog("Take Theirs")
    person.wait_until(lambda: all(place.startswith("In the workspace") for place in words(person, "place")))
    person.wait(2)
    assert person.dialogs() == 0
    cells = person.page.locator(f"{SHOWN} .jp-Cell .cm-content").all_inner_texts()
    assert len(cells) == 2
    assert all("theirs = 2" in text for text in cells)


@pytest.mark.timeout(240)
def test_twenty_notebooks_are_edited_and_shown_as_one_is(arranged):
    person = arranged()
    colleague = person.jupyter.colleague
    names = [f"many-{number:02}.ipynb" for number in range(MANY)]
    for name in names:
        colleague.put(name, "x = 1")
    person.open(names[0])
    for name in names[1:]:
        show(person, name)
    person.wait_until(lambda: all(colleague.is_locked(name) for name in names), seconds=90)
    for name in (names[-1], names[0]):
        show(person, name)
        person.wait_until(lambda: words(person, "mode") == ["Editing"], seconds=60)
        type_into(person, person.page.locator(f"{SHOWN} .jp-Cell .cm-content").first, "7")
        person.wait_until(lambda name=name: colleague.cell(name)["source"] == "x = 17", seconds=60)
        person.wait_for_badge("place", "In the workspace", seconds=60)
    person.take_picture("twenty")
    execute(person, "application:close-all")
    person.wait_until(lambda: not any(colleague.is_locked(name) for name in names), seconds=60)


def test_simple_mode_shows_mode_place_and_banner(arranged):
    person = arranged()
    person.jupyter.colleague.put("simple.ipynb", "x = 1")
    person.jupyter.colleague.lock("simple.ipynb", BEN)
    person.open("simple.ipynb")
    person.wait_for_badge("mode", "Read-only")
    execute(person, "application:toggle-mode")
    person.page.locator("#jp-main-dock-panel[data-mode=single-document]").wait_for()
    person.wait_until(lambda: words(person, "mode") == ["Read-only"])
    assert len(words(person, "place")) == 1
    assert f"{BEN} is editing" in person.banner()
    person.take_picture("simple-mode")


def test_twice_as_large_everything_is_reached(arranged):
    person = arranged(zoom=2)
    name, colleague = "large.ipynb", person.jupyter.colleague
    colleague.put(name, "x = 1\n")
    person.open(name)
    person.page.keyboard.press("Control+B")  # beside the file browser there is no notebook
    person.wait_for_badge("place", "In the workspace")
    person.wait(2)
    assert len(words(person, "mode")) == len(words(person, "place")) == 1
    person.take_picture("zoomed")
    colleague.put(name, "x = 1\ntheirs = 2\n")
    person.click_cell()
    person.page.keyboard.type("mine = 3")
    person.dialog(about="two versions")
    person.page.locator(".jp-terra-Conflict .jp-terra-Merge", has_text="theirs = 2").wait_for()
    person.take_picture("zoomed-conflict")
    for button in person.page.locator(".jp-Dialog-footer button").all():
        assert button.evaluate(IN_VIEW), button.inner_text()
    person.answer_dialog("Keep Both")
    person.wait_for_badge("place", "In the workspace")
    assert colleague.cell(name)["source"] == "x = 1\ntheirs = 2\n"
