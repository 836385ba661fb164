"""Everything of ours is translated, the server's sentences as well, and has room when it is longer."""

import json
import os

import pseudo_locale
import pytest
from person import Person
from real_jupyter import BEN, running

_OURS = (
    ".jp-terra-Badge, .jp-terra-Banner-sentence, .jp-terra-Button, .jp-terra-Whereabouts p, .jp-terra-Whereabouts dt, "
    ".jp-terra-Deletion p, .jp-terra-Countdown-sentence"
)
_UNTRANSLATED = """
selector => [...document.querySelectorAll(selector)]
  .filter(node => node.offsetParent !== null)
  .flatMap(node => [node.innerText, node.title, node.getAttribute('aria-label')])
  .filter(text => text && text.trim() && !text.includes('⟦'))
"""
_CUT = """
() => [...document.querySelectorAll('.jp-terra-Badge-text, .jp-terra-Banner, .jp-terra-Button, .jp-terra-Whereabouts')]
  .filter(node => node.offsetParent !== null)
  .filter(node => node.scrollWidth > node.clientWidth + 1 || node.getBoundingClientRect().right > innerWidth + 1)
  .map(node => node.innerText)
"""


@pytest.fixture
def in_another_language(interface, tmp_path, browser):
    pack = tmp_path / "pack"
    pack.mkdir()
    pseudo_locale.install(pack)
    home = tmp_path / "home"
    settings = home / "config" / "lab" / "user-settings" / "@jupyterlab" / "translation-extension"
    settings.mkdir(parents=True)
    chosen = {"locale": pseudo_locale.LOCALE}
    (settings / "plugin.jupyterlab-settings").write_text(json.dumps(chosen), encoding="utf-8")
    path = os.pathsep.join(part for part in (str(pack), os.environ.get("PYTHONPATH", "")) if part)
    variables = {"TERRA_ENV_EMBEDDED_BUCKET": str(home / "bucket"), "PYTHONPATH": path}
    with running(interface, home, data=home / "bucket", variables=variables) as server:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        pictures = type(tmp_path)(os.environ.get("BROWSER_TEST_PICTURES") or tmp_path)
        yield Person(page=context.new_page(), jupyter=server, pictures=pictures)
        context.close()


def untranslated(person):
    return person.page.evaluate(_UNTRANSLATED, _OURS)


def test_what_is_shown_of_a_notebook_is_translated_and_has_room(in_another_language):
    person, colleague = in_another_language, in_another_language.jupyter.colleague
    colleague.put("mine.ipynb", "x = 1")
    colleague.put("theirs.ipynb", "x = 1")
    colleague.lock("theirs.ipynb", BEN)
    for name in ("mine.ipynb", "theirs.ipynb"):
        for width in (1280, 800):
            person.page.set_viewport_size({"width": width, "height": 800})
            person.open(name)
            person.wait_for_badge("place", "⟦In the workspace")
            person.wait(1.5)
            person.take_picture(f"pseudo-{name}-{width}")
            assert untranslated(person) == []
            assert person.page.evaluate(_CUT) == []
    person.page.locator(".jp-terra-Badge[data-kind=place]").click()
    person.wait_until(lambda: "gs://" in person.dialog())
    person.take_picture("pseudo-details")
    assert untranslated(person) == []
    assert person.page.evaluate(_CUT) == []
