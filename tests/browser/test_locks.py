"""Two people, one notebook: the second reads, is notified when it is free, and edits then."""

import pytest
from real_jupyter import ANN, BEN


def test_the_second_person_reads_is_notified_when_it_is_free_and_edits_then(person, ben, colleague):
    colleague.put("locked.ipynb", "x = 1")
    person.open("locked.ipynb")
    person.wait_for_badge("mode", "Edit")

    ben.open("locked.ipynb")
    ben.wait_for_badge("mode", "Read-only")
    assert f"{ANN} is editing (last saved" in ben.banner()
    ben.take_picture("read-only")
    ben.click_cell()
    ben.page.keyboard.type("overwritten")
    ben.wait(7)
    assert ben.on_screen() == "x = 1"
    assert ben.puts == []
    ben.press("wait")

    person.click_cell()
    person.page.keyboard.type("7")
    person.wait_until(lambda: colleague.cell("locked.ipynb")["source"] == "x = 17")
    person.close_tab()

    edit_now = ben.notification("No one else is editing").get_by_role("button", name="Edit now")
    assert ben.badge("mode") == "Read-only", "nothing is taken by itself"
    ben.take_picture("free-again")
    edit_now.click()
    ben.wait_for_badge("mode", "Edit")
    assert ben.banner() == ""
    ben.wait_until(lambda: ben.on_screen() == "x = 17")
    ben.click_cell()
    ben.page.keyboard.type("8")
    ben.wait_until(lambda: colleague.cell("locked.ipynb")["source"] == "x = 178")
    ben.take_picture("edits-now")


def test_what_is_open_in_ones_other_environment_is_taken_over(person, colleague):
    colleague.put("elsewhere.ipynb", "x = 1")
    colleague.lock("elsewhere.ipynb", ANN)
    person.open("elsewhere.ipynb")
    person.wait_for_badge("mode", "Read-only")
    assert "another environment" in person.banner()
    person.take_picture("elsewhere")
    person.press("take-over")
    person.page.locator(".jp-Dialog-footer button", has_text="Edit Here").click()
    person.wait_for_badge("mode", "Edit")
    person.click_cell()
    person.page.keyboard.type("7")
    person.wait_until(lambda: colleague.cell("elsewhere.ipynb")["source"] == "x = 17")


def said_to_be_kept(person, said):
    said.append(person.banner())
    return "What you typed here is kept on this disk" in said[-1]


def test_a_notebook_that_was_taken_over_says_so_and_keeps_what_was_typed(person, colleague):
    colleague.put("taken.ipynb", "x = 1")
    person.open("taken.ipynb")
    person.wait_for_badge("mode", "Edit")
    colleague.lock("taken.ipynb", ANN)
    person.click_cell()
    person.page.keyboard.type("7")
    said = []
    person.wait_until(lambda: said_to_be_kept(person, said), seconds=20)
    assert person.jupyter.source("taken.ipynb") == "x = 17", "it is true when it is said"
    assert not any("is in the workspace" in sentence for sentence in said)
    assert person.badge("mode") == "Read-only"
    person.take_picture("taken-over")
    assert person.on_screen() == "x = 17"
    assert colleague.cell("taken.ipynb")["source"] == "x = 1"


@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_the_file_browser_marks_what_another_person_edits(person, colleague):
    colleague.put("marked.ipynb", "x = 1")
    colleague.put("unmarked.ipynb", "x = 1")
    colleague.lock("marked.ipynb", BEN)
    person.open_folder()
    marked = person.page.locator(".jp-DirListing-item", has_text="marked.ipynb").first
    mark = marked.locator(".jp-terra-Mark")
    mark.wait_for(timeout=30_000)
    assert mark.get_attribute("aria-label")
    unmarked = person.page.locator(".jp-DirListing-item", has_text="unmarked.ipynb")
    assert unmarked.locator(".jp-terra-Mark").count() == 0
    person.take_picture("marks")


def test_the_lock_is_free_within_seconds_after_the_tab_was_closed(person, colleague):
    colleague.put("closed.ipynb", "x = 1")
    person.open("closed.ipynb")
    person.wait_for_badge("mode", "Edit")
    assert colleague.is_locked("closed.ipynb")
    person.close_tab()
    person.wait_until(lambda: not colleague.is_locked("closed.ipynb"), seconds=30)


@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_the_lock_is_free_at_once_after_the_notebook_was_closed(person, colleague):
    colleague.put("shut.ipynb", "x = 1")
    person.open("shut.ipynb")
    person.wait_for_badge("mode", "Edit")
    assert colleague.is_locked("shut.ipynb")
    person.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="shut.ipynb").locator(
        ".lm-TabBar-tabCloseIcon"
    ).click()
    person.wait_until(lambda: not colleague.is_locked("shut.ipynb"), seconds=5)


def test_a_reload_keeps_the_lock(person, colleague):
    colleague.put("reloaded.ipynb", "x = 1")
    person.open("reloaded.ipynb")
    person.wait_for_badge("mode", "Edit")
    person.page.reload()
    for _ in range(16):
        assert colleague.is_locked("reloaded.ipynb")
        person.wait(1)
    person.wait_for_badge("mode", "Edit")


def test_a_hidden_tab_sends_nothing(person, colleague):
    colleague.put("hidden.ipynb", "x = 1")
    person.page.add_init_script(
        """
        Object.defineProperty(document, 'hidden', { get: () => window.isHidden === true });
        Object.defineProperty(document, 'visibilityState', { get: () => (window.isHidden ? 'hidden' : 'visible') });
        """
    )
    person.open("hidden.ipynb")
    person.wait_for_badge("place", "In the workspace")
    person.wait(6)  # what JupyterLab does of itself soon after opening
    person.page.evaluate("window.isHidden = true; document.dispatchEvent(new Event('visibilitychange'))")
    person.wait(1)
    sent = []
    person.page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    person.page.on("websocket", lambda socket: sent.append(f"opened {socket.url}"))
    person.wait(20)
    assert [request for request in sent if "terra-env" in request or "hidden.ipynb" in request] == []
    person.page.evaluate("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    assert colleague.is_locked("hidden.ipynb")
