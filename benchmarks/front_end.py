"""JupyterLab in Chromium with and without this extension, in turns: requests, and the time until it can be used.

``python -m benchmarks.front_end``. Both servers run all the time; each round loads JupyterLab from one, then from the
other, in a browser profile of its own, so nothing is cached. "Without" is without its bundle, too: one that is only
switched off is loaded all the same. Requests are counted and decide the exit code; times depend on the machine and
never do. Their ratio is the median of the rounds' ratios, with that of the middle half of the rounds.
"""

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

from jupyter_core.paths import ENV_JUPYTER_PATH, SYSTEM_JUPYTER_PATH
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks import made_notebooks
from benchmarks.counting_proxy import CountingProxy
from benchmarks.report import table
from benchmarks.run import BUCKET, Seeder
from benchmarks.servers import FOLDER, Client, root_of, stock_server, workspace_server
from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer

_NOTEBOOK = "a.ipynb"
_MOST = 1.05
"""Requests, as a ratio to those without the extension."""
_PATIENCE_MS = 120_000
_SETTLE_SECONDS = 6.0
_EXTENSION = "jupyter-terra-env"
_FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
_USABLE = {
    "launcher": ".jp-LauncherCard",
    "notebook": ".jp-Notebook-ExecutionIndicator[data-status=idle]",
}


@dataclass(slots=True)
class Load:
    """One page.

    Attributes:
        ms: until it could be used.
        requests: paths asked for, websockets included, with how often.
    """

    ms: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)


def main() -> int:
    """Run and print.

    Returns:
        1 when there are more than 5 % more requests with the extension, else 0.
    """
    arguments = _arguments()
    with (
        tempfile.TemporaryDirectory(prefix="terra-env-benchmark-") as folder,
        _servers(Path(folder)) as clients,
        sync_playwright() as playwright,
    ):
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        loads = {(kind, client.name): [] for kind in _USABLE for client in clients}
        for number in range(arguments.rounds):
            for kind in _USABLE:
                # Who goes first changes: the second finds a warm machine.
                for client in clients if number % 2 == 0 else reversed(clients):
                    loads[kind, client.name].append(_load(browser, client, kind))
                    print(kind, client.name, f"{loads[kind, client.name][-1].ms:.0f} ms", file=sys.stderr)
        idle = {kind: _idle(browser, clients, kind, arguments.idle_seconds) for kind in _USABLE}
        browser.close()
    return _report(loads, idle, arguments)


@contextlib.contextmanager
def _servers(folder: Path) -> Iterator[tuple[Client, Client]]:
    ours_home, stock_home = folder / "ours", folder / "stock"
    others = f"--LabApp.labextensions_path={_other_front_ends(folder / 'labextensions')}"
    for home in (ours_home, stock_home):
        overrides = home / "config" / "labconfig" / "default_setting_overrides.json"
        overrides.parent.mkdir(parents=True, exist_ok=True)
        no_news = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
        overrides.write_text(json.dumps(no_news), encoding="utf-8")
    with (
        EmbeddedBucket(folder / "bucket" / "bucket.sqlite3") as bucket,
        EmbeddedServer(bucket) as front,
        CountingProxy(front.port, latency_ms=50.0) as proxy,
    ):
        Seeder(bucket, root_of(stock_home)).put(
            _NOTEBOOK, made_notebooks.as_stored(made_notebooks.with_many_outputs(1))
        )
        emulator = f"http://127.0.0.1:{proxy.port}{urlsplit(front.url).path}"
        with (
            workspace_server(ours_home, emulator, BUCKET) as ours,
            stock_server(stock_home, options=(others,)) as stock,
        ):
            yield ours, stock


def _other_front_ends(folder: Path) -> Path:
    """A folder with everything that JupyterLab would load, but for this extension."""
    folder.mkdir(parents=True)
    for place in (Path(path, "labextensions") for path in (*ENV_JUPYTER_PATH, *SYSTEM_JUPYTER_PATH)):
        for front_end in place.iterdir() if place.is_dir() else ():
            if front_end.name != _EXTENSION and not (folder / front_end.name).exists():
                (folder / front_end.name).symlink_to(front_end)
    return folder


@contextlib.contextmanager
def _page(browser: Browser, counted: Counter[str]) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.on("request", lambda request: counted.update([_shown(request.url)]))
    page.on("websocket", lambda socket: counted.update([_shown(socket.url)]))
    try:
        yield page
    finally:
        context.close()


def _load(browser: Browser, client: Client, kind: str) -> Load:
    load = Load()
    with _page(browser, load.requests) as page:
        started = time.perf_counter()
        _open(page, client, kind)
        load.ms = (time.perf_counter() - started) * 1000
        page.wait_for_timeout(_SETTLE_SECONDS * 1000)
    return load


def _idle(browser: Browser, clients: tuple[Client, Client], kind: str, seconds: float) -> dict[str, Counter[str]]:
    """What pages request without any input: with and without the extension at the same time."""
    counted = {client.name: Counter[str]() for client in clients}
    with contextlib.ExitStack() as open_pages:
        pages = [open_pages.enter_context(_page(browser, counted[client.name])) for client in clients]
        for page, client in zip(pages, clients, strict=True):
            _open(page, client, kind)
        pages[-1].wait_for_timeout(_SETTLE_SECONDS * 1000)
        for requests in counted.values():
            requests.clear()
        pages[-1].wait_for_timeout(seconds * 1000)
    return counted


def _open(page: Page, client: Client, kind: str) -> None:
    where = "" if kind == "launcher" else f"/tree/{FOLDER}/{_NOTEBOOK}"
    token = client.session.headers["Authorization"].rpartition(" ")[2]
    page.goto(f"{client.url}/lab{where}?token={token}&reset")
    page.locator(_USABLE[kind]).first.wait_for(state="attached", timeout=_PATIENCE_MS)


def _shown(url: str) -> str:
    """A path without what differs from one page to the next."""
    parts = urlsplit(url).path.split("/")
    is_kernel = "kernels" in parts and parts.index("kernels") + 1 < len(parts)
    return "/".join(parts[: parts.index("kernels") + 1]) + "/…" if is_kernel else urlsplit(url).path


def _report(loads: dict, idle: dict, arguments: argparse.Namespace) -> int:
    rows, missed = [], []
    for kind in _USABLE:
        ours, stock = (loads[kind, name] for name in ("ours", "stock"))
        counts = [median(sum(load.requests.values()) for load in side) for side in (ours, stock)]
        times = [median(load.ms for load in side) for side in (ours, stock)]
        waits = [sum(idle[kind][name].values()) for name in ("ours", "stock")]
        for what, (one, other), decides in (
            (f"{kind}: requests of the start", counts, True),
            (f"{kind}: ms until it can be used", times, False),
            (f"{kind}: requests in {arguments.idle_seconds:g} s idle", waits, True),
        ):
            ratio = f"{one / max(other, 1):.2f}" if decides else _spread(ours, stock)
            rows.append([what, f"{one:.0f}", f"{other:.0f}", ratio])
            if decides and one > _MOST * other:
                missed.append((what, _more(kind, loads, idle, what)))
    print(f"\nJupyterLab, {arguments.rounds} rounds, medians\n")
    print(table(("", "with", "without", "ratio"), rows))
    for what, more in missed:
        print(f"\ntarget missed: {what}: {more}", file=sys.stderr)
    return 1 if missed else 0


def _spread(ours: list[Load], stock: list[Load]) -> str:
    """The ratio of the times of a round: its median, and where the middle half of the rounds is."""
    ratios = [one.ms / other.ms for one, other in zip(ours, stock, strict=True)]
    low, middle, high = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _more(kind: str, loads: dict, idle: dict, what: str) -> str:
    if "idle" in what:
        ours, stock = idle[kind]["ours"], idle[kind]["stock"]
    else:
        ours, stock = (loads[kind, name][-1].requests for name in ("ours", "stock"))
    more = {path: number - stock[path] for path, number in ours.items() if number > stock[path]}
    less = {path: ours[path] - number for path, number in stock.items() if number > ours[path]}
    return ", ".join(f"{number:+d} {path}" for path, number in sorted({**more, **less}.items()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.front_end", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle-seconds", type=float, default=60.0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
