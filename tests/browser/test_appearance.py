"""Readable in light and dark, and by keyboard: the contrast that WCAG AA asks for, computed from what is shown."""

import re

import pytest

AA = 4.5

_COLOURS = """
element => {
  const colours = [getComputedStyle(element).color];
  for (let node = element; node !== null; node = node.parentElement) {
    const background = getComputedStyle(node).backgroundColor;
    if (!/^rgba\\(.*, 0\\)$/.test(background)) {
      return [...colours, background];
    }
  }
  return [...colours, 'rgb(255, 255, 255)'];
}
"""


def luminance(colour):
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(element):
    text, background = element.evaluate(_COLOURS)
    lighter, darker = sorted((luminance(text), luminance(background)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_badges_banner_and_buttons_are_readable(person, ben, colleague, theme):
    name = f"{theme.rpartition(' ')[2].lower()}.ipynb"
    colleague.put(name, "x = 1")
    person.open(name)
    person.wait_for_badge("mode", "Edit")
    ben.open(name)
    ben.wait_for_badge("mode", "Read-only")
    if theme.endswith("Dark"):
        ben.run_command("Theme: JupyterLab Dark")
        ben.page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
        ben.wait(1)
    ben.take_picture(f"read-only-{theme.rpartition(' ')[2].lower()}")
    texts = ben.page.locator(".jp-terra-Badge-text, .jp-terra-Banner-sentence, button.jp-terra-Button").all()
    assert len(texts) >= 7
    for text in texts:
        assert contrast(text) >= AA, text.inner_text()
    # What the tests after this one find is as it was.
    if theme.endswith("Dark"):
        ben.run_command("Theme: JupyterLab Light")
        ben.page.wait_for_selector("body[data-jp-theme-light=true]", state="attached")


def test_the_banner_is_used_by_keyboard_and_read_aloud(person, ben, colleague):
    colleague.put("keys.ipynb", "x = 1")
    person.open("keys.ipynb")
    person.wait_for_badge("mode", "Edit")
    ben.open("keys.ipynb")
    ben.wait_for_badge("mode", "Read-only")
    assert ben.page.get_by_role("status").filter(has_text="is editing").count() == 1
    ben.page.locator("[data-action=wait]").focus()
    for action in ("playground", "preview", "copy"):
        ben.page.keyboard.press("Tab")
        assert ben.page.evaluate("document.activeElement.dataset.action") == action
    for _ in range(3):
        ben.page.keyboard.press("Shift+Tab")
    ben.page.keyboard.press("Enter")
    ben.page.locator("[data-action=stop-waiting]").wait_for()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_the_primary_button_marks_and_dialogs_are_readable(person, jupyter, colleague, theme):
    name = f"second-{theme.lower()}.ipynb"
    colleague.put(name, "x = 1")
    (jupyter.home / "work" / "my-workspace" / "edit").mkdir(parents=True, exist_ok=True)
    (jupyter.home / "work" / "my-workspace" / "edit" / "data.csv").write_text("1", encoding="utf-8")
    person.open(name)
    person.wait_for_badge("mode", "Editing")
    first, person.page = person.page, person.page.context.new_page()
    person.open(name)
    person.wait_for_badge("mode", "Read-only")
    if theme == "Dark":
        person.run_command("Theme: JupyterLab Dark")
        person.page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
        person.wait(1)
    person.take_picture(f"second-tab-{theme.lower()}")
    this_disk = "[data-terra-mark=this-disk] .jp-DirListing-itemText"
    texts = person.page.locator(f"button.jp-terra-Button, .jp-terra-Badge-text, {this_disk}").all()
    person.page.locator(".jp-terra-Badge[data-kind=place]").click()
    person.wait_until(lambda: "gs://" in person.dialog())
    texts += person.page.locator(".jp-terra-Whereabouts p, .jp-terra-Whereabouts code, .jp-terra-Address button").all()
    person.take_picture(f"where-{theme.lower()}")
    for text in texts:
        assert contrast(text) >= AA, text.inner_text()
    person.page.keyboard.press("Escape")
    if theme == "Dark":
        person.run_command("Theme: JupyterLab Light")
        person.page.wait_for_selector("body[data-jp-theme-light=true]", state="attached")
    first.close()
