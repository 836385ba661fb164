"""Keeps this environment running while a command lasts, by a lease of a running server."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from jupyter_terra_env.cli.output import complain
from jupyter_terra_env.cli.running_server import RunningServer, ServerRefused, find
from jupyter_terra_env.rules.errors import SettingsError

_LEASE_SECONDS = 180
_RENEW_SECONDS = 60.0
_LABEL_LENGTH = 100
_GOODBYE_SECONDS = 2.0


@contextlib.contextmanager
def awake(server: RunningServer, label: str) -> Iterator[None]:
    """Hold a lease, renewed on a thread. If this process is killed, the lease expires.

    Args:
        server: who gives it.
        label: its name in reports.

    Raises:
        ServerRefused, SettingsError: there is no lease.
    """
    lease = _Lease(server, label)
    lease.take()
    ended = threading.Event()
    threading.Thread(target=lease.renew_until, args=(ended, complain), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        lease.end()


@contextlib.contextmanager
def awake_if_possible(label: str) -> Iterator[None]:
    """Do the same with the server whose terminal this is, or the only one; without one, do nothing.

    Nothing waits for the server: it is asked on a thread.

    Args:
        label: the lease's name in reports.
    """
    ended = threading.Event()

    def hold() -> None:
        with contextlib.suppress(ServerRefused, SettingsError):
            lease = _Lease(find(None), label)
            lease.take()
            lease.renew_until(ended, lambda _: None)
            lease.end()

    holding = threading.Thread(target=hold, daemon=True)
    holding.start()
    try:
        yield
    finally:
        ended.set()
        holding.join(_GOODBYE_SECONDS)


class _Lease:
    """A lease of one server."""

    def __init__(self, server: RunningServer, label: str) -> None:
        self._server = server
        self._label = "".join(one for one in label if one.isprintable())[:_LABEL_LENGTH] or "A command"
        self._id = ""

    def take(self) -> None:
        lease = self._ask("take-lease", label=self._label, seconds=_LEASE_SECONDS).get("lease")
        if not isinstance(lease, str):
            raise SettingsError("The answer is not a lease of this extension: the server may run another version.")
        self._id = lease

    def renew_until(self, ended: threading.Event, warn: Any) -> None:
        while not ended.wait(_RENEW_SECONDS):
            try:
                self._ask("renew-lease", lease=self._id, seconds=_LEASE_SECONDS)
            except ServerRefused:
                # The server was restarted: it does not know the old lease.
                with contextlib.suppress(ServerRefused, SettingsError):
                    self.take()
            except SettingsError as error:
                warn(f"autopause: {error}")

    def end(self) -> None:
        with contextlib.suppress(ServerRefused, SettingsError):
            self._ask("end-lease", lease=self._id)

    def _ask(self, action: str, **fields: Any) -> dict[str, Any]:
        return self._server.ask("POST", "terra-env/autopause", {"action": action, **fields})
