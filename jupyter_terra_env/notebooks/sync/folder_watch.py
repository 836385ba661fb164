"""Hears from the file system what changes in folders: inotify, through watchfiles, on a thread of its own."""

import logging
import threading
from collections.abc import Callable, Collection
from pathlib import Path

try:
    from watchfiles import Change, watch
except ImportError:  # There is no build of it for every system; files are then looked at now and then.
    HAS_WATCHFILES = False
else:
    HAS_WATCHFILES = True

_MOST_FOLDERS = 4096
_STEP_MS = 250
_LONGEST_STEPS_MS = 1000


class FolderWatch:
    """Watches folders, each by itself: what is in folders below, or behind links, is not watched.

    Args:
        on_change: called on another thread with the OS paths that have changed.
        log: logs once that folders cannot be watched.
    """

    def __init__(
        self,
        *,
        on_change: Callable[[frozenset[str]], None],
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._on_change = on_change
        self._log = log
        self._listings: frozenset[Path] = frozenset()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._complained = False

    @property
    def is_running(self) -> bool:
        """Whether changes are heard of."""
        return self._thread is not None and self._thread.is_alive()

    def watch(self, folders: Collection[Path]) -> bool:
        """Watch exactly these folders.

        Returns:
            Whether watching has just begun: what changed before was not heard of.
        """
        wanted = frozenset(folders)
        if not HAS_WATCHFILES or not wanted or (self.is_running and wanted == self._listings):
            return False
        self.close()
        if len(wanted) > _MOST_FOLDERS:
            self._complain(f"there are more than {_MOST_FOLDERS} of them")
            wanted = frozenset(sorted(wanted)[:_MOST_FOLDERS])
        self._listings = frozenset(folders)
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._listen, args=(wanted, self._stop), name="terra-env-watch", daemon=True
        )
        self._thread.start()
        return True

    def close(self) -> None:
        """Stop; the thread ends within a moment, by itself."""
        self._stop.set()
        self._thread = None

    def _listen(self, folders: frozenset[Path], stop: threading.Event) -> None:
        try:
            for changes in watch(
                *folders,
                watch_filter=_is_shown,
                debounce=_LONGEST_STEPS_MS,
                step=_STEP_MS,
                stop_event=stop,
                raise_interrupt=False,
                recursive=False,
                ignore_permission_denied=True,
            ):
                self._on_change(frozenset(path for _, path in changes))
        except Exception as error:  # noqa: BLE001 - the thread's boundary: files are then looked at now and then
            if not stop.is_set():
                self._complain(str(error))

    def _complain(self, cause: str) -> None:
        if not self._complained:
            self._complained = True
            self._log.warning(
                "jupyter_terra_env: not all folders can be watched (%s): what programs write there is noticed within "
                "a minute.",
                cause,
            )


def _is_shown(change: "Change", path: str) -> bool:  # noqa: ARG001 - as watchfiles calls it
    return not path.rpartition("/")[2].startswith(".")
