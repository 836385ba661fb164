"""What is typed reaches the bucket by itself, about every five seconds, unless the person has set otherwise."""

import itertools

import pytest


def gaps(times):
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def test_typing_reaches_the_bucket_every_five_seconds_without_pressing_save(person, colleague):
    colleague.put("typed.ipynb", "x = 1")
    person.open_folder()
    person.double_click("typed.ipynb")
    person.click_cell()

    typed = person.type_for("7", seconds=30, until_puts=3)
    person.take_picture("typed")
    assert all(4 < gap < 9 for gap in gaps(person.puts)), gaps(person.puts)
    assert len(person.puts) == 3

    person.page.keyboard.type("8")
    expected = "x = 1" + "7" * typed + "8"
    person.wait_until(lambda: colleague.cell("typed.ipynb")["source"] == expected)
    assert len(person.puts) == 4

    person.wait(8)
    assert len(person.puts) == 4, "nothing was changed, so nothing is sent"
    person.take_picture("saved")


def test_a_shorter_interval_of_the_persons_own_wins(person, jupyter, colleague):
    colleague.put("often.ipynb", "x = 1")
    with jupyter.user_settings(autosaveInterval=2):
        person.open("often.ipynb")
        person.click_cell()
        person.type_for("7", seconds=15, until_puts=3)
    assert all(1.5 < gap < 4 for gap in gaps(person.puts)), gaps(person.puts)
    assert len(person.puts) == 3


@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_a_longer_interval_of_the_persons_own_wins(person, jupyter, colleague):
    colleague.put("rarely.ipynb", "x = 1")
    with jupyter.user_settings(autosaveInterval=3600):
        person.open("rarely.ipynb")
        person.click_cell()
        person.type_for("7", seconds=8)
    assert person.puts == []
