"""The playground takes what is on the screen, never reaches the bucket, and is left by one command."""


def test_the_playground_takes_what_is_on_the_screen_and_stays_on_the_disk(person, jupyter, colleague):
    colleague.put("tried.ipynb", "x = 1")
    person.open("tried.ipynb")
    person.click_cell()
    person.page.keyboard.type("7")
    person.open_notebook_of(lambda: person.run_command("Open in Playground"))
    person.wait_for_badge("mode", "Playground")
    assert "not saved to the workspace" in person.banner()
    person.wait_until(lambda: person.on_screen() == "x = 17")
    assert jupyter.source("tried.ipynb", folder="playground") == "x = 17"
    person.click_cell()
    person.page.keyboard.type("99")
    person.wait_until(lambda: jupyter.source("tried.ipynb", folder="playground") == "x = 1799")
    person.wait_for_badge("place", "On this disk only")
    person.take_picture("playground")
    assert colleague.names() >= {"tried.ipynb"}
    assert "99" not in colleague.cell("tried.ipynb")["source"]

    person.open_notebook_of(lambda: person.press("copy-to-edit"))
    person.wait_for_badge("mode", "Edit")
    person.wait_until(lambda: "tried (from playground).ipynb" in colleague.names())
    assert colleague.cell("tried (from playground).ipynb")["source"] == "x = 1799"
    assert "99" not in colleague.cell("tried.ipynb")["source"]


def test_a_playground_copy_with_edits_is_never_written_over(person, jupyter, colleague):
    colleague.put("twice.ipynb", "x = 1")
    person.open("twice.ipynb", folder="playground")
    person.click_cell()
    person.page.keyboard.type("11")
    person.wait_until(lambda: jupyter.source("twice.ipynb", folder="playground") == "x = 111")

    person.open("twice.ipynb")
    person.click_cell()
    person.page.keyboard.type("22")
    person.open_notebook_of(lambda: person.run_command("Open in Playground"))
    person.wait_for_badge("mode", "Playground")
    person.wait_until(lambda: person.on_screen() == "x = 122")
    assert jupyter.source("twice.ipynb", folder="playground") == "x = 111"
    assert jupyter.source("twice (copy).ipynb", folder="playground") == "x = 122"


def test_a_reader_copies_what_is_on_the_screen(person, ben, bens_jupyter, colleague):
    colleague.put("read.ipynb", "x = 1")
    person.open("read.ipynb")
    person.wait_for_badge("mode", "Edit")
    ben.open("read.ipynb")
    ben.wait_for_badge("mode", "Read-only")
    ben.open_notebook_of(lambda: ben.press("copy"))
    ben.wait_until(lambda: "read (copy).ipynb" in colleague.names())
    ben.wait_for_badge("mode", "Edit")
    assert colleague.cell("read (copy).ipynb")["source"] == "x = 1"
    assert bens_jupyter.source("read (copy).ipynb") == "x = 1"


def test_a_notebook_that_no_one_has_opened_is_opened_in_the_playground_from_its_folder(person, jupyter, colleague):
    colleague.put("from-folder.ipynb", "x = 1")
    person.open_folder()
    entry = person.page.locator(".jp-DirListing-item", has_text="from-folder.ipynb")
    entry.wait_for()
    person.wait(1)
    entry.click(button="right")
    item = person.page.locator(".lm-Menu-item", has_text="Open in Playground")
    item.wait_for()
    person.take_picture("folder-menu")
    person.open_notebook_of(item.click)
    person.wait_for_badge("mode", "Playground")
    assert jupyter.source("from-folder.ipynb", folder="playground") == "x = 1"
    assert not colleague.is_locked("from-folder.ipynb")
