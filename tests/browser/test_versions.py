"""Earlier versions of a notebook: seen, restored under the hands of the person who edits it, and copied."""

import pytest


@pytest.fixture
def two_versions(colleague):
    def put(name):
        colleague.put(name, "old = 1")
        colleague.put(name, "new = 2")

    with colleague.keeping_versions():
        yield put


def rows(person):
    return person.page.locator(".jp-terra-Versions li[data-state=noncurrent]")


def test_one_is_restored_for_everybody(person, colleague, two_versions):
    two_versions("restored.ipynb")
    person.open("restored.ipynb")
    person.wait_for_badge("mode", "Edit")
    person.click_cell()
    person.page.keyboard.type("34")
    person.run_command("Earlier Versions…")
    rows(person).last.wait_for(timeout=30_000)
    person.take_picture("earlier-versions")
    oldest = rows(person).last
    oldest.get_by_role("button", name="Restore…").click()
    assert "stays among the earlier ones" in oldest.get_by_role("alert").inner_text()
    person.take_picture("restore-for-everybody")
    oldest.get_by_role("button", name="Restore for Everybody").click()
    person.wait_until(lambda: colleague.cell("restored.ipynb")["source"] == "old = 1")
    person.wait_until(lambda: person.on_screen() == "old = 1")
    person.wait_until(lambda: person.dialogs() == 0)
    person.click_cell()
    person.page.keyboard.type("5")
    person.wait_until(lambda: colleague.cell("restored.ipynb")["source"] == "old = 15")


def test_one_is_copied_beside_the_notebook(person, colleague, two_versions):
    two_versions("copied.ipynb")
    person.open("copied.ipynb")
    person.run_command("Earlier Versions…")
    rows(person).first.wait_for(timeout=30_000)
    person.open_notebook_of(lambda: rows(person).first.get_by_role("button", name="Make a Copy").click())
    person.wait_until(lambda: any(name.startswith("copied (20") for name in colleague.names()))
    person.wait_until(lambda: person.on_screen() == "old = 1")
    assert colleague.cell("copied.ipynb")["source"] == "new = 2"


def test_a_bucket_that_keeps_none_says_how_to_change_that(person, colleague):
    colleague.put("only.ipynb", "x = 1")
    person.open("only.ipynb")
    person.run_command("Earlier Versions…")
    person.wait_until(lambda: "--versioning" in person.dialog(about="Earlier versions of"))
    person.take_picture("no-earlier-versions")
    assert rows(person).count() == 0
