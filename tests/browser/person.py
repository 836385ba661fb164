"""What a person does in a browser, and what the tests see of it."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Locator, Page, Request
from real_jupyter import RealJupyter

_PATIENCE_MS = 30_000
_POLL_MS = 100
_CELL = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell .cm-content"
_NOTEBOOK = ".jp-NotebookPanel:not(.lm-mod-hidden)"
_BANNER = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-terra-Banner"


@dataclass
class Person:
    """A person before one browser page.

    Attributes:
        page: the page they look at; opening a notebook from Notebook 7's file browser changes it.
        jupyter: the server.
        pictures: where screenshots go.
        puts: times of the saves that the browser sent, in seconds.
    """

    page: Page
    jupyter: RealJupyter
    pictures: Path
    puts: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.context.on("request", self._note_put)

    def open_folder(self) -> None:
        """Look at the workspace's edit folder."""
        self.page.goto(self.jupyter.folder_url)
        self.page.wait_for_selector(".jp-DirListing-content", timeout=_PATIENCE_MS)

    def double_click(self, name: str) -> None:
        """Open a notebook from the file browser: in a tab of JupyterLab, in a browser tab of Notebook 7."""
        entry = self.page.locator(".jp-DirListing-item", has_text=name)
        entry.wait_for(timeout=_PATIENCE_MS)
        self.take_picture("folder")
        if self.jupyter.is_lab:
            entry.dblclick()
        else:
            with self.page.context.expect_page() as opened:
                entry.dblclick()
            self.page = opened.value
        self._wait_for_kernel(name)

    def open(self, name: str, *, folder: str = "edit") -> None:
        """Open a notebook by its address."""
        self.page.goto(self.jupyter.notebook_url(name, folder=folder))
        self._wait_for_kernel(name)

    def badge(self, kind: str) -> str:
        """All the words of a notebook's badge, ``mode`` or ``place``; empty: it is not there. Fewer may be shown."""
        badge = self.page.locator(f"{_NOTEBOOK} .jp-terra-Badge[data-kind={kind}]")
        return badge.get_attribute("aria-label").partition(". ")[0] if badge.count() else ""

    def wait_for_badge(self, kind: str, start: str, *, seconds: float = 15.0) -> None:
        """Do nothing until a badge says something that starts so."""
        try:
            self.wait_until(lambda: self.badge(kind).startswith(start), seconds=seconds)
        except AssertionError:
            raise AssertionError(f"the {kind} is {self.badge(kind)!r}, not {start!r}") from None

    def banner(self) -> str:
        """The sentence over the notebook; empty: there is none."""
        banner = self.page.locator(f"{_BANNER} .jp-terra-Banner-sentence")
        return banner.inner_text() if banner.count() else ""

    def press(self, action: str) -> None:
        """Press a button of the banner."""
        self.page.locator(f"{_BANNER} [data-action={action}]").click()

    def run_command(self, label: str) -> None:
        """Run a command by the palette."""
        self.page.keyboard.press("Control+Shift+C")
        self.page.locator(".lm-CommandPalette-input").fill(label)
        self.page.locator(".lm-CommandPalette-item", has_text=label).first.click()

    def open_notebook_of(self, act) -> None:
        """Look at the notebook that something opens: in a tab of JupyterLab, in a browser tab of Notebook 7."""
        if self.jupyter.is_lab:
            act()
            return
        with self.page.context.expect_page(timeout=_PATIENCE_MS) as opened:
            act()
        self.page = opened.value

    def notification(self, words: str) -> Locator:
        """The notification with these words, once it is there."""
        found = self.page.locator(".Toastify__toast", has_text=words)
        found.wait_for(timeout=_PATIENCE_MS)
        return found

    def dialogs(self) -> int:
        """How many dialogs are open."""
        return self.page.locator(".jp-Dialog-content").count()

    def close_tab(self) -> None:
        """Close the page, and look at an empty one."""
        other = self.page.context.new_page()
        self.page.close()
        self.page = other

    def click_cell(self) -> None:
        """Put the cursor at the end of the first cell."""
        self.page.locator(_CELL).first.click()
        self.page.keyboard.press("Control+End")

    def type_for(self, text: str, *, seconds: float, until_puts: int | None = None) -> int:
        """Type ``text`` once a second.

        Args:
            text: what to type.
            seconds: how long.
            until_puts: end as soon as so many saves were sent.

        Returns:
            How often it was typed.
        """
        times, deadline = 0, time.monotonic() + seconds
        while time.monotonic() < deadline and (until_puts is None or len(self.puts) < until_puts):
            self.page.keyboard.type(text)
            times += 1
            self.wait(1.0)
        return times

    def wait(self, seconds: float) -> None:
        """Do nothing, while the page goes on."""
        self.page.wait_for_timeout(seconds * 1000)

    def wait_until(self, condition, *, seconds: float = 15.0) -> None:
        """Do nothing until something has come true; fails when it does not."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come true in time"
            self.page.wait_for_timeout(_POLL_MS)

    def dialog(self, *, about: str = "") -> str:
        """Wait for a dialog, one with these words in it, and read it."""
        dialog = self.page.locator(".jp-Dialog-content", has_text=about)
        dialog.wait_for(timeout=_PATIENCE_MS)
        return dialog.inner_text()

    def answer_dialog(self, button: str) -> None:
        """Press a button of the dialog."""
        self.page.locator(".jp-Dialog-button", has_text=button).first.click()

    def on_screen(self) -> str:
        """The text of the first cell as it is shown."""
        return self.page.locator(_CELL).first.inner_text()

    def take_picture(self, name: str) -> None:
        """Take a screenshot."""
        self.pictures.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self.pictures / f"{self.jupyter.interface}-{name}.png")

    def _wait_for_kernel(self, name: str) -> None:
        """Wait for the page and for the kernel: the page shows "idle" before it has connected to one."""
        idle = self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").last
        idle.wait_for(state="attached", timeout=_PATIENCE_MS)
        self.wait_until(lambda: self.jupyter.has_connected_kernel(name), seconds=_PATIENCE_MS / 1000)
        idle.wait_for(state="attached", timeout=_PATIENCE_MS)

    def _note_put(self, request: Request) -> None:
        if request.method == "PUT" and "/api/contents/" in request.url:
            self.puts.append(time.monotonic())
