"""With jupyter-collaboration installed: notebooks of a workspace are no shared documents."""

import pytest

pytest.importorskip("jupyter_server_ydoc", reason="jupyter-collaboration is not installed")

THEIRS = "x = 1\ntheirs = 2\n"


def test_the_screen_shows_theirs_once_they_are_taken(person, jupyter, colleague):
    asked = []
    person.page.context.on("request", lambda request: asked.append(request.url))
    colleague.put("shared.ipynb", "x = 1\n")
    person.open("shared.ipynb")
    person.wait_for_badge("place", "In the workspace")
    assert person.badge("mode")
    colleague.put("shared.ipynb", THEIRS)
    person.click_cell()
    person.page.keyboard.type("mine = 3")
    person.dialog(about="two versions")
    person.answer_dialog("Take Theirs")
    person.wait_until(lambda: "theirs = 2" in person.on_screen())
    person.wait_for_badge("place", "In the workspace")
    person.click_cell()
    person.page.keyboard.type("z = 5")
    person.wait_until(lambda: colleague.cell("shared.ipynb")["source"] == f"{THEIRS}z = 5")
    assert "mine" not in person.on_screen()
    assert not [url for url in asked if "/api/collaboration/session/" in url]
