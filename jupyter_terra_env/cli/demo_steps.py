"""The functions that the cells of the notebook *Start here* call: each does one thing and describes what to look at."""

import os
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from jupyter_terra_env.cli.demo_data import COLLEAGUES_NOTEBOOK, CONFLICT_NOTEBOOK, demo_notebooks
from jupyter_terra_env.cli.running_server import RunningServer, ServerRefused
from jupyter_terra_env.rules.errors import SettingsError

URL_VARIABLE = "TERRA_ENV_DEMO_URL"
TOKEN_VARIABLE = "TERRA_ENV_DEMO_TOKEN"  # noqa: S105 - a variable's name
_START_SECONDS = 150.0
_FLUSH_SECONDS = 20


class Said:
    """A sentence or two, shown by a notebook.

    Args:
        lines: the sentences, one paragraph each.
        entries: a list below them.
        link: what a link says, and where it leads to.
    """

    def __init__(self, *lines: str, entries: Sequence[str] = (), link: tuple[str, str] | None = None) -> None:
        self._lines = lines
        self._entries = entries
        self._link = link

    def __repr__(self) -> str:
        link = () if self._link is None else (f"{self._link[0]}: {self._link[1]}",)
        return "\n".join((*self._lines, *(f"  {entry}" for entry in self._entries), *link))

    def _repr_html_(self) -> str:
        parts = [f"<p>{escape(line)}</p>" for line in self._lines]
        if self._entries:
            parts.append(f"<ul>{''.join(f'<li>{escape(entry)}</li>' for entry in self._entries)}</ul>")
        if self._link is not None:
            text, url = self._link
            parts.append(f'<p><a href="{escape(url)}" target="_blank"><b>{escape(text)}</b></a></p>')
        return "".join(parts)


def bucket() -> Said:
    """Show what everyone else would get from the workspace's bucket now."""
    found = _ask("GET", "terra-env-demo/bucket")
    lines = [f"{notebook['name']} — written at {_clock(notebook['updated'])}" for notebook in found["notebooks"]]
    return Said("The workspace's bucket has now:", entries=lines)


def colleague() -> Said:
    """Start the colleague's JupyterLab and open it in a browser tab of its own."""
    try:
        opened = _ask("POST", "terra-env-demo/colleague", {}, seconds=_START_SECONDS)["opened"]
    except ServerRefused as refused:
        return Said(str(refused))
    where = "It opens in a new tab; if not, use the link." if opened else "Open it with the link."
    return Said(
        f"The colleague's JupyterLab is ready, the dark one, with {COLLEAGUES_NOTEBOOK} to edit. {where}",
        link=("Open the colleague's JupyterLab", f"{_server().url}terra-env-demo/colleague/open"),
    )


def other_version() -> Said:
    """Let a program write its own version of a notebook into the bucket, ignoring the edit lock."""
    line = f"*This line was added by another program at {datetime.now().astimezone():%H:%M:%S}.*"
    try:
        _ask("POST", "terra-env-demo/line", {"notebook": CONFLICT_NOTEBOOK, "line": line})
    except ServerRefused as refused:
        return Said(str(refused))
    return Said(f"A program has just written its own version of {CONFLICT_NOTEBOOK} into the bucket.")


def offline() -> Said:
    """Disconnect this person from the bucket, as if the network were down."""
    _ask("POST", "terra-env-demo/switch", {"on": False})
    return Said("You are offline: the bucket cannot be reached. Go on typing, here or in another notebook.")


def online() -> Said:
    """Reconnect this person to the bucket, and upload everything that waited."""
    try:
        _ask("POST", "terra-env-demo/switch", {"on": True})
    except ServerRefused as refused:
        return Said(str(refused))
    flushed = _ask("POST", "terra-env/flush", {"deadline_seconds": _FLUSH_SECONDS}, seconds=2 * _FLUSH_SECONDS)
    waiting = [f"{each.get('path')}: {each.get('message')}" for each in flushed["unpaid"]]
    if waiting:
        return Said("You are online again. Not in the workspace yet:", entries=waiting)
    return Said("You are online again. What you typed meanwhile is in the workspace now.")


def earlier_work() -> Said:
    """List the notebooks that the demo did not come with: versions that were set aside, and your own."""
    known = {name for name, _ in demo_notebooks()}
    found = _ask("GET", "terra-env-demo/bucket")["notebooks"]
    more = [
        f"{notebook['name']} — {_clock(notebook['updated'])}" for notebook in found if notebook["name"] not in known
    ]
    if not more:
        return Said("Nothing was set aside yet: make the conflict above, and keep both versions.")
    return Said("Beside the demo's own notebooks the workspace has:", entries=more)


def _ask(method: str, path: str, body: Any = None, *, seconds: float = 30.0) -> dict[str, Any]:
    return _server().ask(method, path, body, seconds=seconds)


def _server() -> RunningServer:
    url, token = os.environ.get(URL_VARIABLE), os.environ.get(TOKEN_VARIABLE, "")
    if not url:
        raise SettingsError("This cell works in the demo only: start it with 'jupyter terra-env demo'.")
    return RunningServer(url=url, token=token, root=Path.cwd())


def _clock(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone():%H:%M:%S}"
