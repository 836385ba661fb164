"""What a reader sees: who edits and when it was saved, newer versions, and what became of the notebook."""

import re

import pytest
from real_jupyter import ANN

BANNER = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-terra-Banner"


def reads_while_ann_edits(person, ben, colleague, name, source="x = 1"):
    colleague.put(name, source)
    person.open(name)
    person.wait_for_badge("mode", "Edit")
    ben.open(name)
    ben.wait_for_badge("mode", "Read-only")


def saves(person, colleague, name, text):
    person.click_cell()
    person.page.keyboard.type(text)
    person.wait_until(lambda: colleague.cell(name)["source"].endswith(text))


def run_cell(person):
    person.click_cell()
    person.page.keyboard.press("Control+Enter")


def outputs(person):
    return person.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea-output").all_inner_texts()


def test_a_clean_view_follows_the_editors_saves_by_itself(person, ben, colleague):
    reads_while_ann_edits(person, ben, colleague, "followed.ipynb")
    assert re.search(rf"{re.escape(ANN)} is editing \(last saved (just now|\d+ min ago)\)", ben.banner())
    saves(person, colleague, "followed.ipynb", "7")
    ben.wait_until(lambda: ben.on_screen() == "x = 17", seconds=30)
    ben.wait_for_badge("place", "In the workspace")
    ben.take_picture("follows")
    assert ben.puts == []
    assert ben.dialogs() == 0


def test_the_minutes_since_the_last_save_pass_and_are_not_read_aloud_each_time(person, ben, colleague):
    ben.page.clock.install()
    reads_while_ann_edits(person, ben, colleague, "minutes.ipynb")
    spoken = ben.page.locator(f"{BANNER} [role=status]")
    ben.wait_until(lambda: "(last saved just now)" in ben.banner())
    ben.page.clock.fast_forward(120_000)
    ben.wait_until(lambda: "(last saved 2 min ago)" in ben.banner())
    assert "(last saved just now)" in spoken.inner_text()


def test_a_view_with_outputs_of_its_own_offers_the_newer_version(person, ben, colleague):
    reads_while_ann_edits(person, ben, colleague, "looked-through.ipynb", "x = 1; print('seen')")
    before = colleague.names()
    run_cell(ben)
    ben.wait_until(lambda: "seen" in "".join(outputs(ben)))
    ben.wait_for_badge("place", "Not saved")
    saves(person, colleague, "looked-through.ipynb", "  # 7")
    show = ben.page.locator(f"{BANNER} [data-action=show-newer]")
    show.wait_for(timeout=30_000)
    ben.take_picture("newer-version")
    assert ben.on_screen().endswith("print('seen')"), "nothing is replaced by itself"
    show.click()
    ben.wait_until(lambda: ben.on_screen().endswith("# 7"))
    ben.wait_for_badge("place", "In the workspace")
    assert colleague.names() == before
    assert ben.dialogs() == 0


def test_running_a_cell_and_then_editing_leaves_nothing_behind(person, ben, colleague):
    reads_while_ann_edits(person, ben, colleague, "looked-at.ipynb", "print('seen')")
    before = colleague.names()
    run_cell(ben)
    ben.wait_until(lambda: "seen" in "".join(outputs(ben)))
    person.close_tab()
    edit = ben.page.locator(f"{BANNER} [data-action=edit]")
    edit.wait_for(timeout=60_000)
    edit.click()
    ben.wait_for_badge("mode", "Edit")
    ben.wait(2)
    assert colleague.names() == before
    assert not list((ben.jupyter.home / "work").rglob("*my edits*"))


def test_true_edits_of_a_reader_stay_on_this_disk(person, ben, colleague):
    reads_while_ann_edits(person, ben, colleague, "changed.ipynb")
    before = colleague.names()
    ben.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell").first.click()
    ben.page.keyboard.press("Escape")
    ben.page.keyboard.press("b")  # a cell of the reader's own
    ben.wait_for_badge("place", "Not saved")
    ben.take_picture("readers-own-edits")
    person.close_tab()
    edit = ben.page.locator(f"{BANNER} [data-action=edit]")
    edit.wait_for(timeout=60_000)
    edit.click()
    ben.notification("kept on this disk only")
    ben.wait_for_badge("mode", "Edit")
    ben.take_picture("kept-on-this-disk")
    kept = [path.name for path in (ben.jupyter.home / "work").rglob("changed (my edits)*.ipynb")]
    assert "changed (my edits).ipynb" in kept
    assert colleague.names() == before


def test_a_renamed_notebook_says_so_and_opens_under_its_new_name(person, ben, colleague):
    # A rename is recognised by its content: other tests leave notebooks of the usual one.
    reads_while_ann_edits(person, ben, colleague, "before.ipynb", "renamed = 1")
    person.jupyter.rename("before.ipynb", "after.ipynb")
    ben.wait_until(lambda: "was renamed to “after.ipynb”" in ben.banner(), seconds=30)
    ben.wait_for_badge("place", "Renamed")
    ben.take_picture("renamed")
    ben.open_notebook_of(lambda: ben.press("open-renamed"))
    ben.wait_until(lambda: "after.ipynb" in ben.page.title() or "after" in ben.page.url, seconds=30)
    ben.wait_until(lambda: ben.on_screen() == "renamed = 1", seconds=30)


def test_a_deleted_notebook_says_so_and_can_be_copied(person, ben, colleague):
    reads_while_ann_edits(person, ben, colleague, "deleted.ipynb")
    colleague.delete("deleted.ipynb")
    ben.wait_until(lambda: "was deleted in the workspace" in ben.banner(), seconds=30)
    ben.wait_for_badge("place", "Deleted")
    ben.take_picture("deleted")
    ben.open_notebook_of(lambda: ben.press("copy"))
    ben.wait_until(lambda: "deleted (copy).ipynb" in colleague.names(), seconds=30)


def test_a_notebook_that_was_taken_over_says_so_without_a_save(person, colleague):
    colleague.put("taken-over.ipynb", "x = 1")
    person.open("taken-over.ipynb")
    person.wait_for_badge("mode", "Edit")
    colleague.lock("taken-over.ipynb", ANN)
    person.wait_for_badge("mode", "Read-only", seconds=25)
    assert "another environment now" in person.banner()


def test_a_save_that_fails_says_why_in_the_banner_and_not_in_a_dialog(person, colleague):
    colleague.put("failing.ipynb", "x = 1")
    person.open("failing.ipynb")
    person.wait_for_badge("mode", "Edit")
    pattern = re.compile("/api/contents/.*failing.ipynb")
    refuse = lambda route: (  # noqa: E731
        route.fulfill(status=507, json={"message": "The disk is full: nothing was saved."})
        if route.request.method == "PUT"
        else route.continue_()
    )
    person.page.route(pattern, refuse)
    person.click_cell()
    person.page.keyboard.type("7")
    person.wait_until(lambda: "The disk is full" in person.banner(), seconds=20)
    person.wait_for_badge("place", "Not saved")
    person.take_picture("save-failed")
    person.wait(12)
    assert person.dialogs() == 0
    assert len(person.puts) > 1, "it is tried again"
    person.page.unroute(pattern)
    person.wait_until(lambda: colleague.cell("failing.ipynb")["source"] == "x = 17", seconds=30)
    person.wait_until(lambda: person.banner() == "")


def test_a_save_whose_answer_is_an_error_but_that_the_disk_has_is_saved(person, colleague):
    colleague.put("wrapped.ipynb", "x = 1")
    person.open("wrapped.ipynb")
    person.wait_for_badge("mode", "Edit")

    def save_and_fail(route):
        if route.request.method != "PUT":
            route.continue_()
            return
        route.fetch()
        route.fulfill(status=500, json={"message": "An extension failed after the save."})

    person.page.route(re.compile("/api/contents/.*wrapped.ipynb"), save_and_fail)
    person.click_cell()
    person.page.keyboard.type("7")
    person.wait_until(lambda: colleague.cell("wrapped.ipynb")["source"] == "x = 17", seconds=20)
    person.wait_for_badge("place", "In the workspace")
    person.wait(8)
    assert person.dialogs() == 0
    assert person.banner() == ""
    assert len(person.puts) == 1


@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_an_older_copy_in_the_playground_is_reported_with_a_way_to_it(person, colleague):
    colleague.put("copied-before.ipynb", "x = 1")
    person.open("copied-before.ipynb")
    person.wait_for_badge("mode", "Edit")
    person.run_command("Open in Playground")
    person.wait_for_badge("mode", "Playground", seconds=30)
    person.open("copied-before.ipynb")
    saves(person, colleague, "copied-before.ipynb", "7")
    person.run_command("Open in Playground")
    notice = person.notification("in the playground already")
    person.take_picture("playground-already")
    notice.get_by_role("button", name="Open").click()
    person.wait_until(lambda: person.on_screen() == "x = 1", seconds=40)
