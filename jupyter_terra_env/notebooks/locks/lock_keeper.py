"""Keeps the edit lock of each notebook that is in use, then gives it back. Protocol: docs/protocol/keeping-locks.md."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from jupyter_terra_env.notebooks.locks.lock_table import LockTable
from jupyter_terra_env.notebooks.locks.lock_watch import LockWatch
from jupyter_terra_env.notebooks.storage.write_gate import WriteGate
from jupyter_terra_env.rules.errors import BucketError, LockHeldElsewhere, ObjectNotFound, TerraEnvError
from jupyter_terra_env.rules.lock_view import WAITED_FOR, LockState
from jupyter_terra_env.rules.shown_names import shown
from jupyter_terra_env.rules.workspace import Location

_BLIND = "Which notebooks kernels use cannot be seen; their locks are kept as they were used last."


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepingTimes:
    """How long what lasts, in seconds.

    Attributes:
        look: between two looks at what is in use.
        touch: how long a notebook counts as in use after it was opened or saved.
        grace: from the last sign of use to giving the lock back; a page reload takes less.
        wait: between two looks at the locks that are waited for.
        retry: before an act that the bucket did not answer is tried again.
        longest: how long renewing one lock may take; less than the time that is left of it.
    """

    look: float = 2.0
    touch: float = 60.0
    grace: float = 12.0
    wait: float = 10.0
    retry: float = 10.0
    longest: float = 30.0


@dataclass(slots=True, eq=False)
class Tab:
    """A tab that shows a notebook.

    Attributes:
        location: the notebook; changes when it is renamed.
        is_looked_at: whether a person can see it, as far as the tab reports. If so, what others do with the notebook is
            shown within seconds, also while this environment edits it or no one does.
    """

    location: Location
    is_looked_at: bool = False


class LockKeeper:
    """Looks every two seconds at which notebooks are in use, without a request, and acts where something is due.

    Args:
        locks: the locks.
        writes: the lock of a notebook whose object is being written is left alone.
        watch: looks at the locks that are waited for.
        in_use: returns the API paths that kernels and their clients use just now.
        monotonic: seconds from some fixed point.
        log: where unexpected failures go.
        times: how long what lasts.
    """

    def __init__(  # noqa: PLR0913 - three parts, two questions, a log and the times, each by name
        self,
        locks: LockTable,
        writes: WriteGate,
        watch: LockWatch,
        *,
        in_use: Callable[[], Awaitable[Collection[str]]],
        monotonic: Callable[[], float],
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
        times: KeepingTimes = KeepingTimes(),
    ) -> None:
        self._locks = locks
        self._writes = writes
        self._watch = watch
        self._in_use = in_use
        self._monotonic = monotonic
        self._log = log
        self._times = times
        self._tabs: dict[str, set[Tab]] = {}
        self._used_until: dict[str, float] = {}
        self._with_kernel: frozenset[str] = frozenset()
        self._acts: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}
        self._looking: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[Collection[str]] | None = None
        self._blind = False
        self._watched_at = 0.0
        self._heard: dict[str, object] = {}
        self._closed = False

    def touch(self, location: Location, seconds: float | None = None) -> None:
        """A notebook was opened or saved.

        Args:
            location: the notebook.
            seconds: how long it counts as in use; None for as long as after an opening.
        """
        self._use(location, self._times.touch if seconds is None else seconds)

    async def acquire(self, location: Location, seconds: float | None = None) -> None:
        """Take a lock, or renew it, and keep it as ``touch`` does.

        Raises:
            LockHeldElsewhere: another person holds it, or this one in another environment.
            ObjectNotFound: there is no such object.
            BucketUnavailable, BucketRefused: as the port says.
        """
        await self._locks.acquire(location)
        self.touch(location, seconds)

    async def take_over(self, location: Location, seconds: float | None = None) -> None:
        """Take a lock from another environment of this person, and keep it; see ``acquire``."""
        await self._locks.take_over(location)
        self.touch(location, seconds)

    def enter(self, location: Location) -> Tab:
        """A tab shows a notebook.

        Returns:
            The tab, for ``leave``.
        """
        tab = Tab(location)
        self._tabs.setdefault(location.api_path, set()).add(tab)
        if location.is_delocalized:
            self._use(location, 0.0)
            self._begin(location, self._resume)
        return tab

    def look_at(self, tab: Tab, *, is_looked_at: bool) -> None:
        """A person can see a tab from now on, or cannot any more. What they see is looked after at the next round."""
        tab.is_looked_at = is_looked_at
        if is_looked_at:
            self._heard[tab.location.api_path] = self._locks.knowledge(tab.location)

    def leave(self, tab: Tab) -> None:
        """A tab is gone. When it was the last one that showed its notebook, the notebook was closed."""
        path = tab.location.api_path
        self._tabs[path].discard(tab)
        if not self._tabs[path]:
            del self._tabs[path]
            if tab.location.is_delocalized:
                self._used_until[path] = self._monotonic()

    def moved(self, old: Location, new: Location) -> None:
        """Follow a renamed notebook: tabs that show it still show it."""
        tabs = self._tabs.pop(old.api_path, set())
        for tab in tabs:
            tab.location = new
        if tabs:
            self._tabs.setdefault(new.api_path, set()).update(tabs)
        self._use(new, self._used_until.pop(old.api_path, 0.0) - self._monotonic())

    def lock_changed(self, location: Location) -> None:
        """A lock that a late upload took is given back as well."""
        if self._locks.view(location).state is LockState.HELD:
            self._keep_looking()

    async def give_back(self, location: Location) -> None:
        """Give a lock back at once, after an upload in flight, unless another tab shows the notebook.

        Raises:
            BucketUnavailable, BucketRefused: as the port says; the lock then expires by itself.
        """
        self._used_until.pop(location.api_path, None)
        await self._writes.idle(location)
        await self._locks.release(location, unless=lambda: location.api_path in self._tabs)

    async def give_all_back(self, deadline_seconds: float) -> None:
        """Give back every lock that is held; those that cannot be expire by themselves.

        Raises:
            TimeoutError: it took longer.
        """
        held = [location for location, _ in self._locks.held()]
        async with asyncio.timeout(deadline_seconds):
            outcomes = await asyncio.gather(*(self._release_now(one) for one in held), return_exceptions=True)
        for location, outcome in zip(held, outcomes, strict=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, TerraEnvError):
                self._log.warning(
                    "The edit lock of %s could not be given back (%s); it expires by itself.",
                    shown(location.api_path),
                    type(outcome).__name__,
                )

    async def close(self, deadline_seconds: float) -> None:
        """Stop keeping, and give everything back that can be within the time."""
        self._closed = True
        acts = [*self._acts.values(), *(task for task in (self._looking, self._asking) if task is not None)]
        for act in acts:
            act.cancel()
        await asyncio.gather(*acts, self._watch.close(), return_exceptions=True)
        releases = [asyncio.create_task(self._release_now(location)) for location, _ in self._locks.held()]
        if releases:
            done, late = await asyncio.wait(releases, timeout=deadline_seconds)
            for release in late:
                release.cancel()
            await asyncio.gather(*done, *late, return_exceptions=True)

    def _use(self, location: Location, seconds: float) -> None:
        path = location.api_path
        if not location.is_delocalized:
            return
        self._used_until[path] = max(self._used_until.get(path, 0.0), self._monotonic() + seconds)
        self._keep_looking()

    def _keep_looking(self) -> None:
        if not self._closed and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look_on(), name="keep edit locks")

    async def _look_on(self) -> None:
        """Look until there is nothing left to keep or to wait for."""
        while True:
            await asyncio.sleep(self._times.look)
            try:
                await self._look()
            except Exception:  # noqa: BLE001 - the task's boundary: the next look may succeed
                self._log.exception("Looking after edit locks failed.")
            if not self._tabs and not self._used_until and not any(self._locks.held()):
                return

    async def _look(self) -> None:
        now = self._monotonic()
        seen = await self._used_by_kernels()
        with_kernel = self._with_kernel if seen is None else seen
        for path in self._with_kernel - with_kernel:
            # A kernel that ended, or whose last client went, is how a client without tabs of ours closes a notebook.
            self._used_until[path] = now
        self._with_kernel = with_kernel
        for location, lock in self._locks.held():
            if self._is_used(location, now):
                if self._locks.is_due(lock):
                    self._begin(location, self._renew)
            elif seen is None:
                continue  # A kernel may use it. A lock that nothing uses is not renewed, and expires.
            elif now >= self._used_until.setdefault(location.api_path, now) + self._times.grace:
                self._begin(location, self._release)
        self._drop_unheld(now)
        if now >= self._watched_at + self._times.wait:
            self._watched_at = now
            self._watch.begin(self._to_be_watched())

    async def _used_by_kernels(self) -> frozenset[str] | None:
        """What kernels use; None while that is not known: no lock waits for a late answer."""
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._in_use())
        done, _ = await asyncio.wait({self._asking}, timeout=self._times.look)
        if not done:
            return None
        asked, self._asking = self._asking, None
        try:
            used = frozenset(asked.result())
        except Exception:  # noqa: BLE001 - another part's fault must not cost locks
            # Logged once: it is asked every two seconds.
            self._log.log(logging.DEBUG if self._blind else logging.ERROR, _BLIND, exc_info=True)
            self._blind = True
            return None
        self._blind = False
        return used

    def _is_used(self, location: Location, now: float) -> bool:
        path = location.api_path
        if path in self._tabs or path in self._with_kernel:
            self._used_until[path] = max(self._used_until.get(path, now), now)
            return True
        return now < self._used_until.get(path, 0.0)

    def _to_be_watched(self) -> list[Location]:
        """What is waited for, and what a person looks at and nothing was heard of since the last time."""
        watched, heard = [], self._heard
        self._heard = {}
        for path, tabs in self._tabs.items():
            location = next(iter(tabs)).location
            if not location.is_delocalized:
                continue
            knowledge = self._heard[path] = self._locks.knowledge(location)
            is_quiet = path in heard and heard[path] is knowledge
            is_looked_at = any(tab.is_looked_at for tab in tabs)
            if self._locks.view(location).state in WAITED_FOR or (is_looked_at and is_quiet):
                watched.append(location)
        return watched

    def _drop_unheld(self, now: float) -> None:
        """Forget the uses of notebooks whose lock is not ours."""
        held = {location.api_path for location, _ in self._locks.held()}
        for path, until in list(self._used_until.items()):
            if path not in held and path not in self._tabs and now >= until + self._times.grace:
                del self._used_until[path]

    def _begin(self, location: Location, act: Callable[[Location], Awaitable[None]]) -> None:
        """Start what is due for a notebook, unless something is under way or has just failed."""
        path = location.api_path
        under_way = self._acts.get(path)
        if under_way is not None and not under_way.done():
            return
        if self._monotonic() < self._not_before.get(path, 0.0):
            return
        self._acts[path] = task = asyncio.create_task(self._do(location, act), name=f"edit lock of {path}")
        task.add_done_callback(lambda _: self._acts.pop(path, None) if self._acts.get(path) is task else None)

    async def _do(self, location: Location, act: Callable[[Location], Awaitable[None]]) -> None:
        self._not_before.pop(location.api_path, None)
        try:
            await act(location)
        except (LockHeldElsewhere, ObjectNotFound):
            pass  # The view shows it; the next save or opening reports it, too.
        except (BucketError, TimeoutError):
            self._not_before[location.api_path] = self._monotonic() + self._times.retry
        except Exception:  # noqa: BLE001 - the task's boundary
            self._log.exception("Keeping an edit lock failed.")

    async def _resume(self, location: Location) -> None:
        async with asyncio.timeout(self._times.longest):
            await self._locks.resume(location)

    async def _renew(self, location: Location) -> None:
        if not self._writes.is_busy(location):
            # The next reading shows whether one that is given up took effect.
            async with asyncio.timeout(self._times.longest):
                await self._locks.renew(location)

    async def _release(self, location: Location) -> None:
        await self._writes.idle(location)
        await self._locks.release(location, unless=lambda: self._is_used(location, self._monotonic()))

    async def _release_now(self, location: Location) -> None:
        await self._locks.release(location, unless=lambda: False)
