"""Human acts, observed in HTTP requests, messages to kernels and keys typed into terminals."""

import json
from collections.abc import Callable
from typing import Any

from jupyter_terra_env.rules.autopause.activity import (
    ActivityClass,
    class_of_client_message,
    class_of_request,
    is_own_path,
    is_reply_of_terminal,
)
from jupyter_terra_env.server.activity.requests_in_flight import RequestsInFlight, first_values

_WATCHED = "_jupyter_terra_env_watched"


class HumanActivity:
    """The time of the last human act.

    Args:
        monotonic: a clock, in seconds.
        every_request: whether every request counts, as for Leonardo.
        requests: the requests that the server is working on.
    """

    def __init__(self, *, monotonic: Callable[[], float], every_request: bool, requests: RequestsInFlight) -> None:
        self._monotonic = monotonic
        self._every_request = every_request
        self._requests = requests
        self.last_seconds: float | None = None

    def act(self, *, ago_seconds: float = 0.0) -> None:
        """Record a human act.

        Args:
            ago_seconds: how long ago.
        """
        at = self._monotonic() - ago_seconds
        if self.last_seconds is None or at > self.last_seconds:
            self.last_seconds = at

    def age_seconds(self) -> float | None:
        """Seconds since the last act; None when there was none."""
        return None if self.last_seconds is None else self._monotonic() - self.last_seconds

    # HTTP

    def watch_requests(self, settings: dict[str, Any]) -> None:
        """See every request that a server has answered."""
        log: Callable[..., Any] = settings["log_function"]
        base_url = settings.get("base_url", "/").rstrip("/")

        def watched(handler: Any, *args: Any, **kwargs: Any) -> Any:
            self._on_request(handler, base_url)
            return log(handler, *args, **kwargs)

        settings["log_function"] = watched

    def _on_request(self, handler: Any, base_url: str) -> None:
        request = handler.request
        path = request.path.removeprefix(base_url)
        status = handler.get_status()
        kind = class_of_request(request.method, path, first_values(request), status)
        is_new = request.method != "GET" or not self._requests.was_read_before(request)
        is_act = self._requests.answered(request, path, status) or (kind is ActivityClass.HUMAN and is_new)
        if is_act or (self._every_request and not is_own_path(path)):
            self.act()

    # Kernels

    def on_client_message(self, message_type: str, kernel: Any, *, silent: bool, request_id: str = "") -> None:
        """A front end has sent a message to a kernel.

        Args:
            message_type: the message's type.
            kernel: the kernel's observer, or None.
            silent: whether it asks for silence.
            request_id: the message's id.
        """
        if class_of_client_message(message_type, silent=silent) is ActivityClass.HUMAN:
            self.act()
        elif message_type == "execute_request" and kernel is not None:
            kernel.on_program_request(request_id)
        if message_type == "input_reply" and kernel is not None:
            kernel.on_input_reply()

    def on_stdin_message(self, session: Any, frames: list[Any], kernel: Any) -> None:
        """A kernel asks a person something."""
        try:
            _, parts = session.feed_identities(frames)
            header, parent = json.loads(bytes(parts[1])), json.loads(bytes(parts[2]))
        except (ValueError, IndexError):
            return
        if header.get("msg_type") == "input_request" and kernel is not None:
            kernel.on_input_request(parent.get("msg_id", ""))

    # Terminals

    def watch_terminals(self, terminals: dict[str, Any]) -> None:
        """See keys typed into terminals: each terminal's input passes one function.

        Args:
            terminals: the terminal manager's terminals, by name.
        """
        for terminal in terminals.values():
            process = terminal.ptyproc
            if getattr(process, _WATCHED, False):
                continue
            setattr(process, _WATCHED, True)
            process.write = self._watched_write(process.write)

    def _watched_write(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def watched(typed: Any, *args: Any, **kwargs: Any) -> Any:
            if not is_reply_of_terminal(typed):
                self.act()
            return write(typed, *args, **kwargs)

        return watched
