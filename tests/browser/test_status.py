"""The status of a notebook at each width: short words and an icon, shown once, and nothing pushed out for it."""

import pytest

WIDTHS = (1920, 1280, 1024, 800, 390)


def shown(person):
    """What is seen of the status: the text of each badge that is on the screen."""
    badges = person.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-terra-Badge").all()
    return {badge.get_attribute("data-kind"): badge.inner_text().strip() for badge in badges if badge.is_visible()}


def is_cut(badge):
    return badge.evaluate(
        """badge => {
          const text = badge.querySelector('.jp-terra-Badge-text');
          const [box, edge] = [badge.getBoundingClientRect(), document.documentElement.clientWidth];
          const isCovered = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
          return text.scrollWidth > text.clientWidth + 1 || box.right > edge || !badge.contains(isCovered);
        }"""
    )


def kernel_state_is_seen(person):
    return person.page.locator(".jp-NotebookPanel-toolbar .jp-Notebook-ExecutionIndicator").is_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_status_is_whole_and_shown_once_at_each_width(person, jupyter, colleague, width):
    name = f"width-{width}.ipynb"
    colleague.put(name, "x = 1")
    person.page.set_viewport_size({"width": width, "height": 800})
    person.open(name)
    if jupyter.is_lab and width < 800:
        person.page.keyboard.press("Control+B")  # beside the file browser there is no notebook
    person.wait_for_badge("mode", "Editing")
    person.wait_for_badge("place", "In the workspace")
    person.wait_until(lambda: set(shown(person)) == {"mode", "place"})
    person.wait(2)  # the toolbar arranges itself
    person.take_picture(f"status-{width}")
    words = shown(person)
    assert words["mode"] == "Editing"
    assert words["place"].startswith("In ")
    for badge in person.page.locator(".jp-NotebookPanel .jp-terra-Badge").all():
        assert not is_cut(badge), badge.inner_text()
    if width >= 1280:
        person.wait_until(lambda: kernel_state_is_seen(person))  # it is not pushed out of the toolbar


@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_a_notebook_as_narrow_as_two_icons_shows_them(person, colleague):
    colleague.put("narrow.ipynb", "x = 1")
    person.page.set_viewport_size({"width": 390, "height": 800})
    person.open("narrow.ipynb")
    person.wait_until(lambda: set(shown(person)) == {"mode", "place"})
    person.take_picture("status-narrow")
    badge = person.page.locator(".jp-NotebookPanel .jp-terra-Badge[data-kind=place]")
    assert "Saved on this disk and in the workspace." in badge.get_attribute("title")


@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_nothing_is_pushed_out_while_the_window_changes(person, colleague):
    colleague.put("changing.ipynb", "x = 1")
    person.open("changing.ipynb")
    for width in (800, 1920, 1100, 1400):
        person.page.set_viewport_size({"width": width, "height": 800})
        person.wait(2)
        assert set(shown(person)) == {"mode", "place"}, width
        person.wait_until(lambda: kernel_state_is_seen(person) or width < 1280)  # noqa: B023 - asked at once


def test_tabs_are_distinguished_and_files_keep_their_names(person, jupyter, colleague):
    colleague.put("titled.ipynb", "x = 1")
    person.open("titled.ipynb")
    person.wait_for_badge("mode", "Editing")
    person.open("titled.ipynb", folder="playground")
    person.wait_for_badge("mode", "Playground")
    if jupyter.is_lab:
        tab = person.page.locator(".lm-DockPanel-tabBar .lm-mod-current")
        drawn = tab.evaluate("tab => getComputedStyle(tab, '::after').content")
        assert drawn == '"(playground)"'
        assert tab.locator(".lm-TabBar-tabLabel").inner_text() == "titled.ipynb"
    else:
        person.wait_until(lambda: person.page.title().startswith("titled.ipynb (playground)"))
    person.take_picture("title-playground")
    person.wait(3)
    names = {file.name for file in (jupyter.home / "work" / "my-workspace" / "playground").glob("titled*")}
    assert names == {"titled.ipynb"}


def test_where_my_work_is_has_an_address_to_copy(person, colleague):
    colleague.put("address.ipynb", "x = 1")
    person.open("address.ipynb")
    person.wait_for_badge("place", "In the workspace")
    person.page.locator(".jp-terra-Badge[data-kind=place]").click()
    person.wait_until(lambda: "gs://my-workspace-bucket/notebooks/address.ipynb" in person.dialog())
    person.take_picture("where")
    assert "/work/my-workspace/edit/address.ipynb" in person.dialog()
    assert "last edited by ann@example.org" in person.dialog()
    copy = person.page.get_by_role("button", name="Copy “gs://my-workspace-bucket/notebooks/address.ipynb”")
    copy.click()
    person.page.get_by_role("button", name="Copied").wait_for()


def test_previews_and_copies_log_nothing(person, jupyter, colleague):
    colleague.put("quiet.ipynb", "x = 1")
    failed = []
    person.page.context.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    person.open("quiet.ipynb")
    person.wait_for_badge("mode", "Editing")
    failed.clear()
    if jupyter.is_lab:
        person.run_command("Preview")
        person.page.locator("iframe").first.wait_for(state="attached")
    else:
        person.open_notebook_of(lambda: person.run_command("Preview"))
        person.close_tab()
        person.open("quiet.ipynb")
    person.wait(1)
    assert [url for url in failed if "terra-env" in url or "quiet" in url] == []
