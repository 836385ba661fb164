"""Brings a file to the disk while the rest of it still arrives, so that the sync at its end finds little to do."""

import os
import threading
from typing import Final

_EVERY_BYTES: Final = 32 << 20


class EarlySync:
    """Syncs one file on a thread, again and again.

    The system reports an error of writing once for each open file. So one that is seen here is kept for the end.

    Args:
        descriptor: of the file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None
        self._begun_at = 0

    def written(self, length: int) -> None:
        """So many bytes have been written to the system; sync them if it is time and nothing is being synced.

        Args:
            length: of the file.
        """
        is_busy = self._thread is not None and self._thread.is_alive()
        if length - self._begun_at < _EVERY_BYTES or is_busy or not hasattr(os, "fdatasync"):
            return
        self._begun_at = length
        # A descriptor of its own: the file may be closed meanwhile.
        own = os.dup(self._descriptor)
        self._thread = threading.Thread(target=self._sync, args=(own,), name="terra-env-sync", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait for what is being synced.

        Raises:
            OSError: something could not be written.
        """
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def _sync(self, own: int) -> None:
        try:
            os.fdatasync(own)
        except OSError as error:
            self._error = self._error or error
        finally:
            os.close(own)
