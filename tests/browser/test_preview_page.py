"""A preview in a browser that would go anywhere: all it asks of the network is the page."""

import contextlib
import os
import shutil
import socket
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "hostile"))
import hostile_notebooks as corpus

from jupyter_terra_env.notebooks.preview.rendering import rendered

HOST = "preview.invalid"


class Everywhere:
    """The whole network, as far as the browser knows: each connection ends here, and what is said first is kept."""

    def __init__(self, page):
        self._page = page.encode()
        self.heard = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection, contextlib.suppress(OSError):
            said = connection.recv(65536)
            if not said:
                return
            self.heard.append(said)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(self._page)}\r\n"
            # No policy: what is asked here is whether the page itself is clean.
            connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + self._page)

    @property
    def others(self):
        """What was meant for other hosts."""
        return [said for said in self.heard if f"Host: {HOST}".encode() not in said]

    def close(self):
        self._listening.close()


def visit(playwright, page, picture):
    with contextlib.closing(Everywhere(page)) as everywhere:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", f"--host-resolver-rules=MAP * 127.0.0.1:{everywhere.port}"],
        )
        try:
            tab = browser.new_page()
            tab.add_init_script("window.attack = () => { document.title = 'attacked' }")
            tab.goto(f"http://{HOST}/", wait_until="load")
            tab.screenshot(path=picture, full_page=True)
            return [said for said in everywhere.others if corpus.HOST.encode() in said], tab.title()
        finally:
            browser.close()


@pytest.mark.timeout(240)
def test_it_asks_no_other_host_for_anything_and_nothing_runs(playwright, tmp_path):
    pictures = Path(os.environ.get("BROWSER_TEST_PICTURES") or tmp_path)
    others, title = visit(playwright, f"<!DOCTYPE html><title>a</title>{corpus.MARKUP}", pictures / "unclean.png")
    assert others, "the browser can be seen going elsewhere"
    page = rendered(corpus.acting(), "a.ipynb", skip={}, at_cell=lambda _: None)
    others, title = visit(playwright, page, pictures / "preview.png")
    assert (others, title) == ([], "a.ipynb")
