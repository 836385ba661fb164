"""The browser tabs that are open here: when a person last touched one, and whether it has saved when asked to."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from jupyter_terra_env.autopause.flush import Unsafe, UnsafeFile

FRESH_SECONDS = 120.0
"""A tab that has not sent a heartbeat for so long has gone, or sleeps."""
_MOST_TABS = 200
_UNKNOWN = "browser tab"
"""The path that stands for the edits of a tab that does not name them."""


@dataclass(slots=True)
class _Tab:
    """A tab.

    Attributes:
        heard: when it was last heard, by the clock.
        visible: whether it can be seen.
        answered: whether it has answered the last request to save.
        unsaved: API paths of what it holds that is not saved, as it says.
    """

    heard: float
    visible: bool
    answered: bool = True
    unsaved: tuple[str, ...] = field(default=())


class FrontEnds:
    """The tabs of a server.

    Args:
        monotonic: a clock, in seconds.
        on_human: called with how many seconds ago a person typed or clicked.
    """

    def __init__(self, *, monotonic: Callable[[], float], on_human: Callable[[float], None]) -> None:
        self._monotonic = monotonic
        self._on_human = on_human
        self._tabs: dict[str, _Tab] = {}
        self._left: deque[str] = deque(maxlen=_MOST_TABS)
        self._answered = asyncio.Event()

    def heartbeat(self, tab_id: str, *, visible: bool, last_input_age: float | None) -> None:
        """Handle a heartbeat of a tab.

        Args:
            tab_id: which one.
            visible: whether it can be seen.
            last_input_age: seconds since the last key or click in it; None when there was none. A hidden tab's
                do not count.
        """
        if visible and last_input_age is not None:
            self._on_human(last_input_age)
        self._forget_the_gone()
        tab = self._tab(tab_id)
        if tab is not None:
            tab.heard, tab.visible = self._monotonic(), visible

    def saved(self, tab_id: str) -> None:
        """A tab has saved everything it was asked to save."""
        tab = self._tabs.get(tab_id)
        if tab is not None:
            tab.answered, tab.unsaved = True, ()
            self._answered.set()

    def unsaved(self, tab_id: str, paths: Sequence[str], *, still_saving: bool) -> None:
        """A tab holds edits that are not saved.

        Args:
            tab_id: which one.
            paths: API paths of what it holds.
            still_saving: whether it is still trying; otherwise they cannot be saved.
        """
        tab = self._tab(tab_id)
        if tab is not None:
            tab.heard = self._monotonic()
            tab.answered, tab.unsaved = not still_saving, tuple(paths)
            self._answered.set()

    def left(self, tab_id: str) -> None:
        """A tab was closed for good: no flush waits for it any more."""
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
            tab.answered, tab.unsaved = False, ()
        try:
            async with asyncio.timeout(deadline_seconds):
                while not all(tab.answered for tab in self._tabs.values()):
                    self._answered.clear()
                    await self._answered.wait()
        except TimeoutError:
            return False
        return not any(tab.unsaved for tab in self._tabs.values())

    def not_saved(self) -> tuple[UnsafeFile, ...]:
        """What the open tabs have not saved since they were last asked to, each once; a tab that was closed is none."""
        found: dict[UnsafeFile, None] = {}
        for tab in self._tabs.values():
            if tab.unsaved:
                reason = Unsafe.TAB_NOT_SAVED if tab.answered else Unsafe.TAB_SAVING
                found |= dict.fromkeys(UnsafeFile(path=path, reason=reason) for path in tab.unsaved)
            elif not tab.answered:
                found[UnsafeFile(path=_UNKNOWN, reason=Unsafe.TAB_SILENT)] = None
        return tuple(found)

    def _tab(self, tab_id: str) -> _Tab | None:
        """An open tab, created if it is new; None for a closed one, and if there are too many."""
        # The last heartbeat of a tab may overtake its farewell.
        if tab_id in self._left or (tab_id not in self._tabs and len(self._tabs) >= _MOST_TABS):
            return None
        return self._tabs.setdefault(tab_id, _Tab(heard=self._monotonic(), visible=False))

    def _forget_the_gone(self) -> None:
        now = self._monotonic()
        self._tabs = {id_: tab for id_, tab in self._tabs.items() if now - tab.heard < FRESH_SECONDS}
