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


@pytest.mark.parametrize("width", WIDTHS)
def test_the_status_is_whole_and_shown_once_at_each_width(person, colleague, width):
    name = f"width-{width}.ipynb"
    colleague.put(name, "x = 1")
    person.page.set_viewport_size({"width": width, "height": 800})
    person.open(name)
    person.wait_for_badge("mode", "Editing")
    person.wait_for_badge("place", "In the workspace")
    person.wait_until(lambda: set(shown(person)) == {"mode", "place"})
    person.wait(1.5)  # the toolbar arranges itself
    person.take_picture(f"status-{width}")
    words = shown(person)
    assert words["mode"] == "Editing"
    assert words["place"].startswith("In ")
    for badge in person.page.locator(".jp-NotebookPanel .jp-terra-Badge").all():
        assert not is_cut(badge), badge.inner_text()
