"""What is shared and what is not: marks, one notice at upload, and a deletion that says for whom it deletes."""

import pytest
from person import Person
from real_jupyter import BEN, WORKSPACE, running

pytestmark = pytest.mark.parametrize("interface", ["lab"], indirect=True)


def entry(person, name):
    return person.page.locator(".jp-DirListing-item", has_text=name).first


def delete(person, name):
    entry(person, name).click()
    person.page.keyboard.press("Delete")


def on_disk(jupyter, name):
    return jupyter.home / "work" / WORKSPACE / "edit" / name


def test_what_stays_on_this_disk_looks_so_and_says_where_it_is(person, jupyter, colleague):
    colleague.put("shared-one.ipynb", "x = 1")
    on_disk(jupyter, "data.csv").parent.mkdir(parents=True, exist_ok=True)
    on_disk(jupyter, "data.csv").write_text("1,2", encoding="utf-8")
    person.open_folder()
    mark = entry(person, "data.csv").locator(".jp-terra-Mark[data-mark=this-disk]")
    mark.wait_for(timeout=30_000)
    assert "no one else sees it" in mark.get_attribute("aria-label")
    assert entry(person, "shared-one.ipynb").locator(".jp-terra-Mark").count() == 0
    entry(person, "data.csv").click(button="right")
    person.take_picture("this-disk-menu")
    person.page.locator(".lm-Menu-item", has_text="On This Disk Only…").click()
    told = person.dialog(about="data.csv")
    person.wait_until(lambda: str(on_disk(jupyter, "data.csv")) in person.dialog())
    person.take_picture("this-disk-details")
    assert "gs://" not in told


def test_an_upload_that_stays_on_this_disk_is_reported_once(person, tmp_path):
    names = ("first.csv", "second.csv", "third.ipynb")
    for name in names:
        text = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}' if name.endswith("ipynb") else "1"
        (tmp_path / name).write_text(text, encoding="utf-8")
    person.open_folder()
    with person.page.expect_file_chooser() as chooser:
        person.page.locator("[data-command='filebrowser:upload'], .jp-ToolbarButton:has-text('Upload')").or_(
            person.page.get_by_title("Upload Files")
        ).first.click()
    chooser.value.set_files([tmp_path / name for name in names])
    notice = person.notification("stay on this disk")
    person.take_picture("upload-notice")
    assert "first.csv, second.csv stay on this disk" in notice.inner_text()
    person.wait(2)
    assert person.page.locator(".Toastify__toast", has_text="on this disk").count() == 1


def test_a_deletion_says_for_whom_and_can_be_left(person, colleague):
    colleague.put("for-all.ipynb", "x = 1")
    person.open_folder()
    delete(person, "for-all.ipynb")
    asked = person.dialog(about="for-all.ipynb")
    person.take_picture("delete-for-everybody")
    assert f"Delete “for-all.ipynb” for everybody in “{WORKSPACE}”?" in asked
    assert person.page.evaluate("document.activeElement.textContent") == "Cancel"
    person.answer_dialog("Cancel")
    person.wait(1)
    assert "for-all.ipynb" in colleague.names()
    delete(person, "for-all.ipynb")
    person.dialog(about="for-all.ipynb")
    person.answer_dialog("Delete for Everybody")
    person.wait_until(lambda: "for-all.ipynb" not in colleague.names())
    person.wait(1)
    assert person.dialogs() == 0, "it is asked about once"


def test_what_someone_has_open_is_not_deleted_and_is_named(person, colleague):
    colleague.put("open-there.ipynb", "x = 1")
    colleague.lock("open-there.ipynb", BEN)
    person.open_folder()
    delete(person, "open-there.ipynb")
    asked = person.dialog(about="open-there.ipynb")
    person.take_picture("delete-held")
    assert f"{BEN} is editing “open-there.ipynb”" in asked
    assert "Delete for Everybody" not in asked
    person.answer_dialog("Close")
    assert "open-there.ipynb" in colleague.names()


def test_a_deletion_from_this_disk_does_not_frighten(person, jupyter, colleague):
    on_disk(jupyter, "own.csv").parent.mkdir(parents=True, exist_ok=True)
    on_disk(jupyter, "own.csv").write_text("1", encoding="utf-8")
    person.open_folder()
    delete(person, "own.csv")
    asked = person.dialog(about="own.csv")
    person.take_picture("delete-own")
    assert "everybody" not in asked
    assert "Only on this disk: own.csv" in asked
    person.answer_dialog("Cancel")


@pytest.fixture
def in_the_open(interface, browser, tmp_path):
    """A page whose application can be called, as by another extension."""
    with running(interface, tmp_path / "open", options=("--LabApp.expose_app_in_browser=True",)) as server:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        yield Person(page=context.new_page(), jupyter=server, pictures=tmp_path)
        context.close()


def test_what_another_extension_deletes_is_asked_about_as_well(in_the_open):
    person, colleague = in_the_open, in_the_open.jupyter.colleague
    colleague.put("by-command.ipynb", "x = 1")
    person.open_folder()
    path = f"{WORKSPACE}/edit/by-command.ipynb"
    person.page.evaluate(
        "path => { jupyterapp.serviceManager.contents.delete(path).catch(error => (window.told = error.message)) }",
        path,
    )
    assert "for everybody" in person.dialog(about="by-command.ipynb")
    person.answer_dialog("Cancel")
    person.wait_until(lambda: person.page.evaluate("window.told") == "Nothing was deleted.")
    assert "by-command.ipynb" in colleague.names()
