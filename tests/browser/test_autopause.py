"""The countdown before a pause: who is there keeps the environment running, and who is not loses nothing."""

import json
import re

import pytest
from pausing import pausing
from test_appearance import AA, contrast

CARD = ".jp-terra-Countdown"
BADGE = ".jp-terra-Badge[data-kind=pause]"
ASKED = "Pause this environment now?"
ENDPOINT = re.compile("/terra-env/autopause([?]|$)")
PATIENCE_MS = 30_000

_WRONG_CLOCK = "const now = Date.now.bind(Date); Date.now = () => now() - 3 * 3600 * 1000;"
_CAN_BE_HIDDEN = """
let hidden = false;
Object.defineProperty(document, 'visibilityState', { get: () => (hidden ? 'hidden' : 'visible') });
Object.defineProperty(document, 'hidden', { get: () => hidden });
window.setHidden = value => { hidden = value; document.dispatchEvent(new Event('visibilitychange')); };
"""


@pytest.fixture(scope="module")
def patient(interface, tmp_path_factory):
    """Its countdown lasts longer than the tests that look at it."""
    with pausing(interface, tmp_path_factory.mktemp(interface) / "home", lead_seconds=300) as server:
        yield server


@pytest.fixture
def given(before_a_browser):
    """Someone who is to open a notebook on a server."""

    def sit_down(server, name, source="x = 1"):
        server.jupyter.colleague.put(name, source)
        return before_a_browser(server.jupyter, "ann")

    return sit_down


def card_of(person):
    card = person.page.locator(CARD)
    card.wait_for(timeout=PATIENCE_MS)
    return card


def seconds_left(card):
    minutes, seconds = re.fullmatch(r"(\d+):(\d\d)", card.get_by_role("timer").inner_text()).groups()
    return 60 * int(minutes) + int(seconds)


def wait_until_gone(person, seconds=10):
    person.wait_until(lambda: person.page.locator(CARD).count() == 0, seconds=seconds)


def said_to_all(person, words):
    """What screen readers say."""
    return person.page.get_by_role("status").filter(has_text=words).inner_text()


def assert_readable(person):
    texts = person.page.locator(f"{CARD}-words > div, {CARD} button:enabled, {BADGE} .jp-terra-Badge-text").all()
    assert len(texts) == 6
    for text in texts:
        assert contrast(text) >= AA, text.inner_text()


def told_of(page):
    """What a page tells and asks of autopause, from now on."""
    told = []
    page.on("request", lambda request: told.append(request) if ENDPOINT.search(request.url) else None)
    return told


def test_a_closed_tab_is_not_waited_for(given, patient):
    person = given(patient, "closed.ipynb")
    with person.page.expect_response(lambda answer: "heartbeat" in (answer.request.post_data or "")):
        person.open("closed.ipynb")
        person.click_cell()
    person.page.goto("about:blank")
    person.wait_until(lambda: patient.request("flush", deadline_seconds=30)["flushed"]["tabs_saved"])


def test_a_key_ends_the_countdown_and_a_press_asks_for_an_hour(given, patient):
    person = given(patient, "key.ipynb")
    person.page.add_init_script(_WRONG_CLOCK)
    person.open("key.ipynb")
    card = card_of(person)
    assert card.get_attribute("aria-label") == "Pause of this environment"
    for words in (
        "This environment pauses in",
        "No one is here and nothing is running.",
        "Running costs $0.20 per hour",
    ):
        assert words in card.inner_text()
    buttons = [button.inner_text() for button in card.get_by_role("button").all()]
    assert buttons == ["Keep Running 1 h", "Until Jobs End", "Pause Now"]
    before, said = seconds_left(card), said_to_all(person, "Press any key")
    assert before <= 300, "by the server's clock; the browser's is three hours slow"
    assert said.startswith("This environment is paused in less than 5 min.")
    person.wait_until(lambda: seconds_left(card) <= before - 2)
    assert said_to_all(person, "Press any key") == said
    assert person.page.locator(BADGE).inner_text().startswith("Pauses in ")
    person.take_picture("countdown")
    assert_readable(person)

    person.page.keyboard.press("Shift")
    wait_until_gone(person)
    assert patient.report()["state"] == "active"
    assert said_to_all(person, "This environment keeps running.")
    assert person.page.locator(BADGE).inner_text() == "Running"

    # As slow as a person: the press itself must not end the countdown.
    card_of(person).get_by_role("button", name="Keep Running 1 h").click(delay=700)
    wait_until_gone(person)
    person.notification("This environment is kept running for 1 h.")
    assert patient.report()["keep_awake"]["until"] is not None
    person.page.locator(BADGE).click()
    assert "Somebody has asked to keep it running for" in person.dialog()
    person.take_picture("kept-running")
    person.answer_dialog("Do Not Keep Running")
    card_of(person)
    assert patient.report()["keep_awake"]["until"] is None


def test_neither_a_hidden_tab_nor_a_sleeping_computer_keeps_anything_running(given, patient):
    person = given(patient, "hidden.ipynb")
    person.page.add_init_script(_CAN_BE_HIDDEN)
    person.page.clock.install()
    person.open("hidden.ipynb")
    card_of(person)
    person.page.keyboard.press("Shift")
    wait_until_gone(person)
    person.page.keyboard.press("Shift")
    with person.page.expect_request(ENDPOINT) as leaving:
        person.page.evaluate("window.setHidden(true)")
    assert json.loads(leaving.value.post_data)["last_input_age_seconds"] < 60, "the last key is not forgotten"
    leaving.value.response()

    told = told_of(person.page)
    person.page.clock.fast_forward(120_000)
    person.wait_until(lambda: patient.report()["state"] == "warning")
    card_of(person)
    person.page.clock.fast_forward(120_000)
    person.wait(0.5)
    assert told == []
    with person.page.expect_request(ENDPOINT) as back:
        person.page.evaluate("window.setHidden(false)")
    assert json.loads(back.value.post_data)["last_input_age_seconds"] > 200
    assert patient.report()["state"] == "warning", "an old key is no new one"

    person.page.keyboard.press("Shift")
    wait_until_gone(person)
    lid = person.page.context.new_cdp_session(person.page)
    lid.send("Page.setWebLifecycleState", {"state": "frozen"})
    person.wait_until(lambda: patient.report()["state"] == "warning")
    lid.send("Page.setWebLifecycleState", {"state": "active"})
    card_of(person)


def test_untouched_it_is_paused_with_everything_saved(given, interface, tmp_path):
    how = {"max_snooze_seconds": 0, "client_save_seconds": 10, "theme": "JupyterLab Dark"}
    with pausing(interface, tmp_path / "home", lead_seconds=9, **how) as server:
        jupyter = server.jupyter
        with jupyter.user_settings(autosave=False):
            person = given(server, "typed.ipynb")
            person.open("typed.ipynb")
            person.click_cell()
            person.page.keyboard.type("7")
            person.wait_for_badge("place", "Unsaved")
            card_of(person).locator("[data-action=keep-awake]").click()
            person.notification("The longest time that can be requested has been used up")
            person.take_picture("refused")
            assert_readable(person)
            assert jupyter.colleague.cell("typed.ipynb")["source"] == "x = 1"
            person.wait_until(server.paused.exists, seconds=60)
            assert jupyter.colleague.cell("typed.ipynb")["source"] == "x = 17"
            assert jupyter.colleague.updated("typed.ipynb") <= server.paused.stat().st_mtime
            flush = server.report()["flush"]
            assert (flush["cause"], flush["clean"], flush["tabs_saved"]) == ("idle", True, True)
            card = card_of(person)
            person.wait_until(lambda: "This environment is paused" in card.inner_text())
            assert person.page.locator(BADGE).inner_text() == "Paused"
            assert person.dialogs() == 0
            person.take_picture("paused")


def test_pause_now_names_what_it_ends_and_what_is_not_in_the_workspace(given, interface, tmp_path):
    with pausing(interface, tmp_path / "home", lead_seconds=300) as server:
        person = given(server, "job.ipynb", "import time; time.sleep(600)")
        person.open("job.ipynb")
        person.click_cell()
        person.page.keyboard.press("Shift+Enter")
        person.wait_until(lambda: server.works() == ["A cell of job.ipynb runs."])
        person.page.locator(BADGE).click()
        assert "What keeps it running" in person.dialog()
        person.take_picture("why-running")
        person.answer_dialog("Pause Now")
        assert "A cell of job.ipynb runs." in person.dialog(about=ASKED)
        person.take_picture("pause-now")
        person.answer_dialog("Cancel")
        person.page.locator(".jp-Dialog").wait_for(state="detached")
        assert server.report()["state"] == "active"

        server.jupyter.colleague.put("job.ipynb", "x = 2")
        person.click_cell()
        person.page.keyboard.type("7")
        person.dialog(about="has two versions")
        person.answer_dialog("Decide Later")
        person.page.locator(BADGE).click()
        person.dialog(about="What keeps it running")
        person.answer_dialog("Pause Now")
        person.dialog(about=ASKED)
        person.answer_dialog("Pause Now")
        card = card_of(person)
        person.wait_until(lambda: "This environment could not be paused" in card.inner_text())
        assert "some files are not in the workspace yet" in card.inner_text()
        assert "my-workspace/edit/job.ipynb" in card.inner_text()
        person.notification("some files are not in the workspace yet")
        person.wait(0.5)
        person.take_picture("unflushed")
        assert not server.paused.exists()
        card.get_by_role("button", name="Pause Anyway").click()
        assert "my-workspace/edit/job.ipynb" in person.dialog(about=ASKED)
        person.answer_dialog("Pause Now")
        person.wait_until(server.paused.exists)
        assert server.jupyter.source("job.ipynb") == "import time; time.sleep(600)7"


@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_where_nothing_is_paused_nothing_is_shown_and_nothing_asked(given, interface, tmp_path):
    with pausing(interface, tmp_path / "home", lead_seconds=300, enabled=False) as server:
        person = given(server, "off.ipynb")
        person.page.clock.install()
        told = told_of(person.page)
        person.open_folder()
        person.wait_until(lambda: len(told) == 1)
        person.page.keyboard.press("Shift")
        person.page.clock.fast_forward(120_000)
        person.wait(0.5)
        assert [request.method for request in told] == ["GET"]
        assert person.page.locator(f"{CARD}, {BADGE}").count() == 0
