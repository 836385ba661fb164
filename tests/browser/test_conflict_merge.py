"""Base, mine and theirs side by side: who did what, a choice for each cell, and the same place afterwards."""

import base64
import re
import struct
import zlib

import pytest
from colleague import cell, notebook_of
from real_jupyter import BEN

LIST = ".jp-terra-Merge-list"
ROW = ".jp-terra-Merge-row"


def plot(red, green, blue, *, width=60, height=40):
    """The output of a cell that has drawn: a PNG of one colour."""
    rows = (b"\0" + bytes((red, green, blue)) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()
    return {"output_type": "display_data", "metadata": {}, "data": {"image/png": data, "text/plain": "<Figure>"}}


def many(*changes):
    """Twelve cells with a plot, changed here and there."""
    sources = {f"c{number}": f"x{number} = {number}\n" * 3 for number in range(12)} | dict(changes)
    return [cell(name, source) for name, source in sources.items() if source is not None]


@pytest.fixture
def parted(person, colleague, request):
    """Ann has typed into the third cell; theirs has changes there and elsewhere, a new cell, one less; its name."""
    name = re.sub(r"\W+", "-", request.node.name)[-40:].strip("-") + ".ipynb"
    drawing = cell("plot", "draw()", [plot(200, 60, 40)])
    colleague.put_notebook(name, notebook_of(*many(), drawing))
    person.open(name)
    person.wait_for_badge("place", "In the workspace")
    theirs = many(("c2", "x2 = 'theirs'"), ("c7", "x7 = 'theirs'"), ("c9", None))
    redrawn = cell("plot", "draw()", [plot(40, 60, 200)])
    colleague.put_notebook(name, notebook_of(*theirs, redrawn, cell("new", "added = 'by them'")), by=BEN)
    type_into(person, 2, "mine = 2")
    person.dialog(about="two versions")
    return name


def type_into(person, index, text):
    """Type at the end of a cell."""
    person.page.locator(".jp-Notebook .jp-Cell .cm-content").nth(index).click()
    person.page.keyboard.press("Control+End")
    person.page.keyboard.type(text)


def row(person, key):
    return person.page.locator(f'{ROW}[data-key="id {key}"]')


def focused_cell(person):
    """The id of the cell that has the keyboard."""
    return person.page.evaluate(
        """() => {
          const cell = document.activeElement.closest('.jp-Notebook .jp-Cell');
          const cells = [...document.querySelectorAll('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell')];
          return cell === null ? null : cells.indexOf(cell);
        }"""
    )


def test_words_say_who_did_what(person, parted):
    words = {
        key: row(person, key).locator(".jp-terra-Merge-words").inner_text() for key in ("c2", "c7", "c9", "new", "plot")
    }
    assert words == {
        "c2": "changed by both of you",
        "c7": "changed by them",
        "c9": "deleted by them",
        "new": "added by them",
        "plot": "changed by them",
    }
    heads = person.page.locator(".jp-terra-Merge-heads")
    for head in ("Before", "Yours", "Theirs"):
        assert head in heads.inner_text()
    assert f"last edited by {BEN}" in heads.inner_text()
    assert row(person, "new").locator(".jp-terra-Line[data-sign='-']").count() == 0, "what they added is not removed"
    assert row(person, "plot").locator("img").count() == 2, "before and theirs, side by side"
    assert person.page.locator(".jp-terra-Merge-fold", has_text="cells are the same").count() >= 2
    person.take_picture("merge")
    assert person.page.locator(LIST).get_by_text("x4 = 4").count() == 0, "it is folded"
    person.page.get_by_role("button", name="Show the Cells Between").click()
    person.page.locator(LIST).get_by_text("x4 = 4").first.wait_for()
    row(person, "new").scroll_into_view_if_needed()
    top = person.page.locator(LIST).bounding_box()["y"]
    assert abs(heads.bounding_box()["y"] - top) <= 2, "the heads of the columns stay"
    person.answer_dialog("Decide Later")


def test_merge_waits_for_a_choice_then_makes_what_was_shown_and_the_place_is_kept(person, jupyter, colleague, parted):
    assert "Merge waits for your choice about 1 cell." in person.page.locator(".jp-terra-Merge-state").inner_text()
    person.answer_dialog("Merge")
    assert person.dialogs() == 1, "it shows what it waits for"
    person.wait_until(lambda: row(person, "c2").evaluate("node => node === document.activeElement"))
    row(person, "c2").get_by_label("Theirs", exact=True).check()
    person.page.get_by_role("button", name="Preview the Merge").click()
    preview = person.page.locator(LIST).inner_text()
    assert "x2 = 'theirs'" in preview
    assert "mine = 2" not in preview
    person.take_picture("merge-preview")
    person.answer_dialog("Merge")
    person.wait_for_badge("place", "In the workspace")
    merged = dict(colleague.cells(parted))
    assert (merged["c2"], merged["c7"], merged["new"]) == ("x2 = 'theirs'", "x7 = 'theirs'", "added = 'by them'")
    assert "c9" not in merged
    told = person.notification("Your version is kept as").inner_text()
    kept = jupyter.working_copy(told.split("“")[1].split("”")[0])
    assert "mine = 2" in "".join(kept["cells"][2]["source"]), "what was not chosen is still in a file"
    person.wait_until(lambda: focused_cell(person) == 2)
    person.page.keyboard.type("z")
    person.wait_until(lambda: "z" in dict(colleague.cells(parted))["c2"])


def test_a_notebook_of_200_cells_is_decided_with_the_keyboard_alone(person, colleague):
    def version(word):
        return notebook_of(*(cell(f"c{at}", f"{word} = {at}" if at % 20 == 0 else f"x = {at}") for at in range(200)))

    colleague.put_notebook("long.ipynb", version("base"))
    person.open("long.ipynb")
    person.wait_for_badge("place", "In the workspace")
    type_into(person, 0, "0")
    person.wait_until(lambda: dict(colleague.cells("long.ipynb"))["c0"] == "base = 00")
    colleague.put_notebook("long.ipynb", version("theirs"))
    type_into(person, 0, "0")
    person.dialog(about="two versions")
    page = person.page
    assert page.evaluate("document.activeElement.textContent") == "Decide Later"
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.closest('.jp-terra-Merge-row') !== null"):
            break
    state = page.locator(".jp-terra-Merge-state")
    assert "waits for your choice about 1 cell" in state.inner_text()
    page.keyboard.press("j")
    page.keyboard.press("n")
    assert row(person, "c0").get_attribute("aria-current") == "true"
    page.keyboard.press("1")
    person.wait_until(lambda: "Merge can be pressed" in state.inner_text())
    for _ in range(9):
        page.keyboard.press("j")
    assert row(person, "c180").evaluate("node => node === document.activeElement")
    heads, top = page.locator(".jp-terra-Merge-heads"), page.locator(LIST).bounding_box()["y"]
    assert abs(heads.bounding_box()["y"] - top) <= 2, "the heads of the columns stay"
    assert state.is_visible()
    page.keyboard.press("1")
    person.take_picture("merge-long")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Merge":
            break
    page.keyboard.press("Enter")
    person.wait_for_badge("place", "In the workspace")
    merged = dict(colleague.cells("long.ipynb"))
    assert (merged["c0"], merged["c20"], merged["c180"]) == ("base = 000", "theirs = 20", "base = 180")
    assert len(merged) == 200


@pytest.mark.parametrize("button", ["Take Theirs", "Keep Both"])
def test_the_person_stays_at_their_cell_regardless_of_what_they_choose(person, colleague, button):
    """Theirs has a new first cell: the same cell is active again, at the same height, with the keyboard."""
    name = f"place-{button.split()[0].lower()}.ipynb"
    colleague.put_notebook(name, notebook_of(*many()))
    person.open(name)
    person.wait_for_badge("place", "In the workspace")
    cells = person.page.locator(".jp-Notebook .jp-Cell")
    type_into(person, 9, "")
    colleague.put_notebook(name, notebook_of(cell("new", "added = 1\n" * 5), *many()))
    person.page.keyboard.type("mine = 9")
    person.dialog(about="two versions")
    height = cells.nth(9).bounding_box()["y"]
    person.answer_dialog(button)
    person.wait_for_badge("place", "In the workspace")
    person.wait_until(lambda: focused_cell(person) == 10)
    assert "x9 = 9" in cells.nth(10).inner_text()
    person.wait_until(lambda: abs(cells.nth(10).bounding_box()["y"] - height) <= 90)  # the banner has gone
    assert person.page.locator(".jp-Notebook.jp-mod-editMode").count() == 1, "typing goes on where it was"


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"])
@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_it_is_readable_at_each_width_and_in_each_theme(person, parted, theme):
    person.answer_dialog("Decide Later")
    person.run_command(f"Theme: {theme}")
    person.page.wait_for_selector(f'body[data-jp-theme-name="{theme}"]', state="attached")
    person.press("resolve")
    person.dialog(about="two versions")
    for width in (1280, 800):
        person.page.set_viewport_size({"width": width, "height": 800})
        person.take_picture(f"merge-{theme.split(' ', 1)[1].lower().replace(' ', '-')}-{width}")
        box = person.page.locator(".jp-terra-ConflictDialog .jp-Dialog-content").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        for button in person.page.locator(".jp-terra-ConflictDialog .jp-Dialog-button").all():
            assert button.bounding_box()["y"] + button.bounding_box()["height"] <= 800
    person.answer_dialog("Decide Later")
    person.run_command("Theme: JupyterLab Light")
    person.page.wait_for_selector('body[data-jp-theme-name="JupyterLab Light"]', state="attached")
