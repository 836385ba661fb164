"""Everything of ours is as WCAG AA wants it, in light, dark and high contrast, as axe-core sees it."""

import axe
import pytest
from colleague import cell, notebook_of
from pausing import pausing
from person import Person
from real_jupyter import BEN, WORKSPACE, running

THEMES = ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast")
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
DIALOG = ".jp-Dialog-content"
APPLICATION = {"lab": "LabApp", "notebook": "JupyterNotebookApp"}


def exposed(interface):
    """So that the theme can be changed while a dialog is open."""
    return (f"--{APPLICATION[interface]}.expose_app_in_browser=True",)


@pytest.fixture(scope="module")
def exposed_jupyter(interface, tmp_path_factory):
    with running(interface, tmp_path_factory.mktemp(interface) / "exposed", options=exposed(interface)) as server:
        yield server


@pytest.fixture
def reader(before_a_browser, exposed_jupyter):
    return before_a_browser(exposed_jupyter, "exposed")


def found_in_each_theme(person: Person, name: str, *selectors: str):
    """What axe-core finds, by theme; the page is light again afterwards."""
    found = {}
    for theme in (*THEMES, THEMES[0]):
        person.page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        person.page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
        person.wait(0.5)  # colours fade
        if theme in found:
            continue
        for selector in selectors:
            person.page.locator(selector).first.wait_for()  # a changed setting is a sign of life: no countdown, for now
        person.take_picture(f"axe-{name}-{theme.removeprefix('JupyterLab ').replace(' ', '-').lower()}")
        found[theme] = axe.violations(person.page, *selectors)
    return {theme: violations for theme, violations in found.items() if violations}


def test_an_edited_notebook_and_where_it_is(reader):
    reader.jupyter.colleague.put("axe-edited.ipynb", "x = 1")
    reader.open("axe-edited.ipynb")
    reader.wait_for_badge("place", "In the workspace")
    badges = [f"{PANEL} .jp-terra-Badge[data-kind={kind}]" for kind in ("mode", "place")]
    assert found_in_each_theme(reader, "edited", *badges) == {}
    reader.page.locator(badges[1]).click()
    reader.wait_until(lambda: "gs://" in reader.dialog())
    assert found_in_each_theme(reader, "where", DIALOG) == {}
    reader.page.keyboard.press("Escape")
    reader.page.set_viewport_size({"width": 390, "height": 800})
    if reader.jupyter.is_lab:
        reader.page.keyboard.press("Control+B")
    reader.page.locator(".jp-terra-StatusLine").wait_for()
    assert found_in_each_theme(reader, "narrow", ".jp-terra-StatusLine") == {}


def test_a_read_only_notebook_with_its_banner_and_a_notice(reader):
    colleague = reader.jupyter.colleague
    colleague.put("axe-read.ipynb", "x = 1")
    colleague.lock("axe-read.ipynb", BEN)
    reader.open("axe-read.ipynb")
    reader.wait_for_badge("mode", "Read-only")
    ours = [f"{PANEL} .jp-terra-Banner", f"{PANEL} .jp-terra-Badge[data-kind=mode]"]
    assert found_in_each_theme(reader, "read-only", *ours) == {}


def test_a_second_tab_with_its_first_button(reader):
    reader.jupyter.colleague.put("axe-second.ipynb", "x = 1")
    reader.open("axe-second.ipynb")
    reader.wait_for_badge("mode", "Editing")
    second = Person(page=reader.page.context.new_page(), jupyter=reader.jupyter, pictures=reader.pictures)
    second.open("axe-second.ipynb")
    second.wait_for_badge("mode", "Read-only")
    assert found_in_each_theme(second, "second-tab", f"{PANEL} .jp-terra-Banner") == {}


def test_the_conflict_view_and_the_notice_after_it(reader):
    name, colleague = "axe-conflict.ipynb", reader.jupyter.colleague
    first = [cell("a", "x = 1"), cell("b", "same = 1"), cell("c", "y = 1")]
    colleague.put_notebook(name, notebook_of(*first))
    reader.open(name)
    reader.wait_for_badge("place", "In the workspace")
    stream = {"output_type": "stream", "name": "stdout", "text": "1\n"}
    theirs = [cell("a", "x = 'theirs'"), cell("b", "same = 1"), cell("c", "y = 1", [stream]), cell("d", "added = 2")]
    colleague.put_notebook(name, notebook_of(*theirs), by=BEN)
    reader.click_cell()
    reader.page.keyboard.type("  # mine")
    reader.dialog(about="two versions")
    reader.page.locator(".jp-terra-Conflict .jp-terra-Merge", has_text="added = 2").wait_for()
    assert found_in_each_theme(reader, "conflict", DIALOG) == {}
    for summary in reader.page.locator(".jp-terra-Conflict summary").all():
        summary.click()
    assert found_in_each_theme(reader, "conflict-unfolded", DIALOG) == {}
    reader.answer_dialog("Take Theirs")
    reader.notification("Your version is kept as")
    assert found_in_each_theme(reader, "notice", ".Toastify__toast") == {}


def test_the_preview(reader):
    stream = {"output_type": "stream", "name": "stdout", "text": "printed\n"}
    text = {
        "cell_type": "markdown",
        "id": "m",
        "metadata": {},
        "source": "# Title\n\nText with [a link](https://a.invalid).",
    }
    reader.jupyter.colleague.put_notebook(
        "axe-preview.ipynb", notebook_of(text, cell("c", "print('printed')  # x", [stream]))
    )
    reader.open("axe-preview.ipynb")
    reader.wait_for_badge("mode", "Editing")
    reader.open_notebook_of(lambda: reader.run_command("Preview"))
    if reader.jupyter.is_lab:
        frame = reader.page.locator("iframe").element_handle().content_frame()
        assert found_in_each_theme(reader, "preview-frame", "iframe") == {}
    else:
        frame = reader.page.main_frame
    frame.wait_for_selector("text=printed")
    # Nothing runs in the preview itself, nor does axe-core.
    copy = reader.page.context.new_page()
    copy.set_content(frame.content())
    for scheme in ("light", "dark"):
        copy.emulate_media(color_scheme=scheme)
        copy.screenshot(path=reader.pictures / f"axe-preview-{scheme}.png")
        assert axe.violations(copy, "html") == []


@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_the_file_browser_and_a_deletion(reader):
    colleague = reader.jupyter.colleague
    folder = reader.jupyter.home / "work" / WORKSPACE / "edit"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "axe.csv").write_text("1", encoding="utf-8")
    colleague.put("axe-marked.ipynb", "x = 1")
    colleague.lock("axe-marked.ipynb", BEN)
    colleague.put("axe-deleted.ipynb", "x = 1")
    reader.open_folder()
    reader.page.locator("[data-terra-mark=this-disk] .jp-DirListing-itemText").first.wait_for()
    reader.page.locator(".jp-terra-Mark[data-mark=locked]").first.wait_for()
    ours = (".jp-terra-Mark", "[data-terra-mark=this-disk] .jp-DirListing-itemText")
    assert found_in_each_theme(reader, "folder", *ours) == {}
    for name, button in (("axe-deleted.ipynb", "Cancel"), ("axe-marked.ipynb", "Close"), ("axe.csv", "Cancel")):
        reader.page.locator(".jp-DirListing-item", has_text=name).first.click()
        reader.page.keyboard.press("Delete")
        reader.dialog(about=name)
        assert found_in_each_theme(reader, f"delete-{name}", DIALOG) == {}
        reader.answer_dialog(button)


def test_the_countdown_and_the_dialogs_about_a_pause(before_a_browser, interface, tmp_path):
    with pausing(interface, tmp_path / "home", lead_seconds=300, options=exposed(interface)) as server:
        server.jupyter.colleague.put("axe-pause.ipynb", "import time; time.sleep(600)")
        person = before_a_browser(server.jupyter, "ann")
        person.open("axe-pause.ipynb")
        person.page.locator(".jp-terra-Countdown").wait_for()
        badge = ".jp-terra-Badge[data-kind=pause]"
        assert found_in_each_theme(person, "countdown", ".jp-terra-Countdown", badge) == {}
        person.click_cell()
        person.page.keyboard.press("Shift+Enter")
        person.wait_until(lambda: server.works() != [])
        person.page.locator(badge).click()
        person.dialog(about="What keeps it running")
        assert found_in_each_theme(person, "why-running", DIALOG) == {}
        person.answer_dialog("Pause Now")
        person.dialog(about="Pause this environment now?")
        assert found_in_each_theme(person, "pause-now", DIALOG) == {}
        person.answer_dialog("Cancel")
