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
    texts = ben.page.locator(".jp-terra-Badge-text, .jp-terra-Banner-sentence, .jp-terra-Button").all()
    assert len(texts) >= 8
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
    assert ben.page.get_by_role("status").filter(has_text="is editing this notebook").count() == 1
    ben.page.locator("[data-action=playground]").focus()
    for _ in range(3):
        ben.page.keyboard.press("Tab")
    assert ben.page.evaluate("document.activeElement.dataset.action") == "wait"
    ben.page.keyboard.press("Enter")
    ben.page.locator("[data-action=stop-waiting]").wait_for()
