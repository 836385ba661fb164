"""Open, edit, save: what the person is shown at each step, and that it is true."""


def test_the_badges_report_where_the_work_is_at_each_step(person, colleague):
    colleague.put("shown.ipynb", "x = 1")
    person.open("shown.ipynb")
    person.wait_for_badge("mode", "Edit")
    person.wait_for_badge("place", "In the workspace")
    assert person.banner() == ""

    person.click_cell()
    person.page.keyboard.type("7")
    person.wait_for_badge("place", "Unsaved", seconds=2)
    person.take_picture("editing-unsaved")
    assert colleague.cell("shown.ipynb")["source"] == "x = 1"

    person.wait_for_badge("place", "In the workspace")
    assert colleague.cell("shown.ipynb")["source"] == "x = 17"
    person.take_picture("editing-saved")
    assert person.page.locator(".jp-terra-Badge[data-kind=place]").count() == 1, "it is shown once"


def test_a_badge_reports_the_rest_in_a_dialog_and_by_keyboard(person, colleague):
    colleague.put("told.ipynb", "x = 1")
    person.open("told.ipynb")
    person.wait_for_badge("place", "In the workspace")
    badge = person.page.locator(".jp-terra-Badge[data-kind=place]")
    assert "Saved on this disk and in the workspace." in badge.get_attribute("aria-label")
    assert "Saved on this disk and in the workspace." in badge.get_attribute("title")
    badge.focus()
    person.page.keyboard.press("Enter")
    told = person.dialog()
    person.take_picture("details")
    assert "You are editing this notebook." in told
    assert "Saved on this disk and in the workspace." in told
    person.page.keyboard.press("Escape")


def test_files_outside_workspaces_are_none_of_our_business(person, jupyter):
    (jupyter.home / "work" / "own").mkdir(exist_ok=True)
    address = jupyter.notebook_url("x.ipynb").replace("/my-workspace/edit/", "/own/")
    source = jupyter.home / "work" / "own" / "x.ipynb"
    source.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', encoding="utf-8")
    person.page.goto(address)
    person.page.locator(".jp-Notebook").wait_for()
    person.wait(3)
    assert person.badge("mode") == ""
    assert person.banner() == ""
    assert person.page.locator(".Toastify__toast").count() == 0


def test_what_is_loaded_to_edit_a_notebook_is_small(person, colleague):
    colleague.put("small.ipynb", "x = 1")
    loaded = []
    person.page.on("response", lambda answer: loaded.append(answer) if "/jupyter-terra-env/" in answer.url else None)
    person.open("small.ipynb")
    person.wait_for_badge("mode", "Edit")
    sizes = {answer.url.rpartition("/")[2]: len(answer.body()) for answer in loaded if ".js" in answer.url}
    assert any("remoteEntry" in name for name in sizes)
    assert sum(sizes.values()) < 150_000, sizes
