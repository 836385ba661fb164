"""A notebook of the workspace runs like any other, and what it prints is kept with it."""


def test_the_output_of_a_cell_reaches_the_bucket_when_saved(person, colleague):
    colleague.put("run.ipynb", "print(6 * 7)")
    person.open("run.ipynb")
    person.click_cell()
    person.page.keyboard.press("Shift+Enter")
    person.page.locator(".jp-OutputArea-output", has_text="42").wait_for(timeout=30_000)
    person.page.keyboard.press("Control+s")
    person.wait_until(lambda: colleague.cell("run.ipynb")["outputs"] != [])
    person.take_picture("run")
    cell = colleague.cell("run.ipynb")
    assert "".join(cell["outputs"][0]["text"]) == "42\n"
    assert cell["execution_count"] == 1
