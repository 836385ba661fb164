"""A progress bar in a real JupyterLab: its widget's messages do not make a running cell look idle."""

import pytest
from pausing import pausing

_LOOP = """
import pathlib, time
from tqdm.notebook import tqdm
pathlib.Path("begun").touch()
for step in tqdm(range(5)):
    time.sleep(1)
pathlib.Path("ended").touch()
"""

_RUNS = "A cell of bar.ipynb runs."


@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_a_cell_with_a_progress_bar_is_busy_until_it_ends(before_a_browser, interface, tmp_path):
    with pausing(interface, tmp_path / "home", lead_seconds=300) as server:
        server.jupyter.colleague.put("bar.ipynb", _LOOP)
        person = before_a_browser(server.jupyter, "ann")
        person.open("bar.ipynb")
        person.click_cell()
        person.page.keyboard.press("Shift+Enter")
        folder = server.jupyter.home / "work" / "my-workspace" / "edit"
        begun, ended = folder / "begun", folder / "ended"
        person.wait_until(begun.exists, seconds=30)
        person.wait_until(lambda: server.works() == [_RUNS])
        looks = 0
        while True:
            states, works = server.of_kernels(), server.works()
            if set(states) != {"busy"}:
                # What Jupyter says is corrected within a moment.
                person.wait(0.3)
                states = server.of_kernels()
            if ended.exists():
                break
            assert states == ["busy", "busy"]
            assert works == [_RUNS]
            looks += 1
            person.wait(0.1)
        assert looks > 3
        person.take_picture("progress-bar")
        assert person.page.locator(".jp-OutputArea-output .widget-hprogress, .jp-OutputArea-output progress").count()
        assert server.metric("terra_env_state_corrections_total") > 0, "Jupyter would have called it idle"
