"""A colleague's version and the person's own: neither is lost, and the person is told."""


def test_a_colleagues_version_is_never_overwritten_unasked(person, colleague):
    colleague.put("shared.ipynb", "x = 1")
    person.open("shared.ipynb")
    colleague.put("shared.ipynb", "theirs = 2")
    person.click_cell()
    person.type_for("7", seconds=2)
    text = person.dialog()
    person.take_picture("changed-before-the-save")
    assert "File Changed" in text
    assert person.puts == []
    assert colleague.cell("shared.ipynb")["source"] == "theirs = 2"
    assert person.on_screen().startswith("x = 17")


def test_a_save_that_meets_a_colleagues_version_is_refused_and_both_stay(person, jupyter, colleague):
    colleague.put("raced.ipynb", "x = 1")
    person.open("raced.ipynb")

    def race(route):
        if route.request.method == "PUT" and len(person.puts) == 1:
            colleague.put("raced.ipynb", "theirs = 2")
        route.continue_()

    person.page.route("**/api/contents/**", race)
    person.click_cell()
    person.type_for("7", seconds=2)
    text = person.dialog()
    person.take_picture("changed-during-the-save")
    assert "File Save Error for raced.ipynb" in text
    assert "Your version is kept on this disk, theirs in the workspace; nothing was overwritten." in text
    assert colleague.cell("raced.ipynb")["source"] == "theirs = 2"
    assert person.on_screen().startswith("x = 17")
    working_copy = jupyter.working_copy("raced.ipynb")["cells"][0]["source"]
    assert "".join(working_copy).startswith("x = 17")
