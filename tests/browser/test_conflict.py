"""A colleague's version and the person's own: neither is lost, and the person is told."""

SENTENCE = "Your version is kept on this disk, theirs in the workspace; nothing was overwritten."


def test_a_colleagues_version_is_not_overwritten_even_when_the_person_insists(person, jupyter, colleague):
    colleague.put("shared.ipynb", "x = 1")
    person.open("shared.ipynb")
    colleague.put("shared.ipynb", "theirs = 2")
    generation = colleague.generation("shared.ipynb")
    person.click_cell()
    person.type_for("7", seconds=2)

    told = person.dialog()
    person.take_picture("refused")
    assert "File Save Error for shared.ipynb" in told
    assert SENTENCE in told

    # Autosave tries again, and the front end may offer to overwrite.
    person.answer_dialog("Close")
    told = person.dialog()
    person.take_picture("refused-again")
    if "Overwrite" in told:
        person.answer_dialog("Overwrite")
        told = person.dialog(about="File Save Error")
    assert SENTENCE in told

    assert colleague.generation("shared.ipynb") == generation
    assert colleague.cell("shared.ipynb")["source"] == "theirs = 2"
    assert person.on_screen().startswith("x = 17")
    assert "".join(jupyter.working_copy("shared.ipynb")["cells"][0]["source"]).startswith("x = 17")
