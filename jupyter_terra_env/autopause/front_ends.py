"""The browser tabs that are open here: when a person last touched one, and whether it has saved when asked to."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

FRESH_SECONDS = 120.0
"""A tab that has not been heard for so long has gone, or sleeps."""
_MOST_TABS = 200


@dataclass(slots=True)
class _Tab:
    heard: float
    visible: bool
    saved: bool = True


class FrontEnds:
    """The tabs of a server.

    Args:
        monotonic: a clock, in seconds.
        on_human: is told how many seconds ago somebody typed or clicked.
    """

    def __init__(self, *, monotonic: Callable[[], float], on_human: Callable[[float], None]) -> None:
        self._monotonic = monotonic
        self._on_human = on_human
        self._tabs: dict[str, _Tab] = {}
        self._left: deque[str] = deque(maxlen=_MOST_TABS)
        self._answered = asyncio.Event()

    def heartbeat(self, tab_id: str, *, visible: bool, last_input_age: float | None) -> None:
        """A tab tells that it is there.

        Args:
            tab_id: which one.
            visible: whether it can be seen.
            last_input_age: seconds since the last key or click in it; None when there was none. A hidden tab's are
                nobody's.
        """
        if visible and last_input_age is not None:
            self._on_human(last_input_age)
        self._forget_the_gone()
        # The last heartbeat of a tab may overtake its farewell.
        if tab_id in self._left or (tab_id not in self._tabs and len(self._tabs) >= _MOST_TABS):
            return
        tab = self._tabs.setdefault(tab_id, _Tab(heard=0.0, visible=visible))
        tab.heard, tab.visible = self._monotonic(), visible

    def saved(self, tab_id: str) -> None:
        """A tab has saved everything it was asked to save."""
        tab = self._tabs.get(tab_id)
        if tab is not None:
            tab.saved = True
            self._answered.set()

    def left(self, tab_id: str) -> None:
        """A tab was closed, for good: nobody waits for it any more."""
        self._left.append(tab_id)
        self._tabs.pop(tab_id, None)
        self._answered.set()

    @property
    def count(self) -> int:
        """How many tabs are open."""
        self._forget_the_gone()
        return len(self._tabs)

    async def save_all(self, deadline_seconds: float) -> bool:
        """Wait until every tab has saved; they are asked by the event that announces the flush.

        Args:
            deadline_seconds: how long at most.

        Returns:
            Whether all of them have.
        """
        self._forget_the_gone()
        for tab in self._tabs.values():
            tab.saved = False
        try:
            async with asyncio.timeout(deadline_seconds):
                while not all(tab.saved for tab in self._tabs.values()):
                    self._answered.clear()
                    await self._answered.wait()
        except TimeoutError:
            return False
        return True

    def _forget_the_gone(self) -> None:
        now = self._monotonic()
        self._tabs = {id_: tab for id_, tab in self._tabs.items() if now - tab.heard < FRESH_SECONDS}
