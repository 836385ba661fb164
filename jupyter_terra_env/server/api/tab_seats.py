"""Notifies the tabs of each notebook which of them edits it. Protocol: docs/protocol/tabs.md."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from jupyter_terra_env.rules import tab_seats
from jupyter_terra_env.rules.tab_seats import Seat

LONGEST_WAIT_SECONDS = 5.0
"""How long a tab may take to save before another tab gets its seat."""

Send = Callable[[dict[str, Any]], None]
"""Takes the fields of ``tabs`` in a frame."""

_ACTS = {"edit-here": tab_seats.ask, "give-up": tab_seats.give_up, "keep": tab_seats.keep}


class SeatedTab:
    """One tab.

    Args:
        seats: the seats of all notebooks.
        tab_id: an id that no other tab has.
        path: API path of the notebook it shows.
        send: sends it a frame.
    """

    def __init__(self, seats: "TabSeats", tab_id: str, path: str, send: Send) -> None:
        self.id = tab_id
        self.path = path
        self.send = send
        self._seats = seats

    @property
    def fields(self) -> dict[str, Any]:
        """The state of the seat as this tab is sent it."""
        return {**asdict(tab_seats.view(self._seats.seat(self.path), self.id)), "show": False}

    def act(self, action: object) -> None:
        """Perform an action that the tab's page has sent; anything else is ignored."""
        if action == "show-editor":
            self._seats.show_editor(self.path)
        elif isinstance(action, str) and action in _ACTS:
            self._seats.change(self.path, _ACTS[action](self._seats.seat(self.path), self.id))
            self._seats.wait_for(self)

    def leave(self) -> None:
        """The tab was closed."""
        self._seats.leave(self)


class TabSeats:
    """The seats of all notebooks that tabs show."""

    def __init__(self) -> None:
        self._seats: dict[str, Seat] = {}
        self._tabs: dict[str, dict[str, SeatedTab]] = {}
        self._ids = itertools.count()

    def enter(self, path: str, send: Send, *, wants: bool) -> SeatedTab:
        """A tab shows a notebook.

        Args:
            path: API path of the notebook.
            send: sends the tab a frame; it is called when something changes for the tab, but not by this method.
            wants: see ``rules.tab_seats.enter``.
        """
        tab = SeatedTab(self, str(next(self._ids)), path, send)
        before = self.seat(path)
        self._tabs.setdefault(path, {})[tab.id] = tab
        self._seats[path] = tab_seats.enter(before, tab.id, wants=wants)
        self._announce(path, before)
        return tab

    def leave(self, tab: SeatedTab) -> None:
        """Remove a tab that was closed."""
        tabs = self._tabs.get(tab.path, {})
        if tabs.pop(tab.id, None) is None:
            return
        self.change(tab.path, tab_seats.leave(self.seat(tab.path), tab.id))
        if not tabs:
            del self._tabs[tab.path], self._seats[tab.path]

    def seat(self, path: str) -> Seat:
        """The seat of a notebook."""
        return self._seats.get(path, Seat())

    def change(self, path: str, seat: Seat) -> None:
        """Store a seat, and notify the tabs for which something has changed."""
        before = self.seat(path)
        self._seats[path] = seat
        self._announce(path, before)

    def show_editor(self, path: str) -> None:
        """Make the tab that edits a notebook show itself."""
        editor = self._tabs.get(path, {}).get(self.seat(path).editor or "")
        if editor is not None:
            editor.send({**editor.fields, "show": True})

    def wait_for(self, tab: SeatedTab) -> None:
        """Give a tab the seat that it asks for, if the tab that has it does not answer in time."""
        if self.seat(tab.path).asked_by == tab.id:
            asyncio.get_running_loop().call_later(LONGEST_WAIT_SECONDS, self._wait_is_over, tab)

    def _wait_is_over(self, tab: SeatedTab) -> None:
        if tab.id in self._tabs.get(tab.path, {}):
            self.change(tab.path, tab_seats.wait_is_over(self.seat(tab.path), tab.id))

    def _announce(self, path: str, before: Seat) -> None:
        seat = self.seat(path)
        for tab in list(self._tabs.get(path, {}).values()):
            is_new = tab.id not in before.tabs
            if not is_new and tab_seats.view(seat, tab.id) != tab_seats.view(before, tab.id):
                tab.send(tab.fields)
