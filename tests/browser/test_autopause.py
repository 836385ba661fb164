"""The countdown before a pause: who is there keeps the environment running, who is not loses nothing."""

import pytest
from pausing import pausing


@pytest.fixture(scope="module")
def patient(interface, tmp_path_factory):
    """Its countdown lasts longer than the tests that look at it."""
    with pausing(interface, tmp_path_factory.mktemp(interface) / "home", lead_seconds=120) as server:
        yield server


def test_a_key_ends_the_countdown(before_a_browser, patient):
    patient.jupyter.colleague.put("key.ipynb", "x = 1")
    person = before_a_browser(patient.jupyter, "ann")
    person.open("key.ipynb")
    card = person.page.locator(".jp-terra-Countdown")
    card.wait_for(timeout=30_000)
    print(card.inner_text())
    person.wait(1)
    person.take_picture("countdown")
    cdp = person.page.context.new_cdp_session(person.page)
    other = person.page.context.new_page()
    other.bring_to_front()
    person.wait(0.5)
    print("after other", person.page.evaluate("document.visibilityState"))
    try:
        w = cdp.send("Browser.getWindowForTarget")
        cdp.send("Browser.setWindowBounds", {"windowId": w["windowId"], "bounds": {"windowState": "minimized"}})
        person.wait(0.5)
        print("minimized", person.page.evaluate("document.visibilityState"))
    except Exception as e:
        print(e)
    try:
        cdp.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
        other.bring_to_front()
        person.wait(0.5)
        print("no focus emu", person.page.evaluate("document.visibilityState"))
    except Exception as e:
        print(e)
    other.close()
    person.click_cell()
    person.page.keyboard.press("a")
    person.wait_until(lambda: card.count() == 0, seconds=3)
    print(patient.report())
    person.page.locator(".jp-terra-Badge[data-kind=pause]").click()
    person.wait(0.5)
    person.take_picture("details")
