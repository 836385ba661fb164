"""Websockets between front ends and kernels, with an observer: what people do, and what cells output."""

import json
from dataclasses import dataclass
from typing import Any

from jupyter_terra_env.server.activity.cell_runs import CellRuns
from jupyter_terra_env.server.activity.human_activity import HumanActivity
from jupyter_terra_env.server.activity.kernel_watch import KernelWatch

_V1 = "v1.kernel.websocket.jupyter.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMessage:
    """What a front end has sent.

    Attributes:
        type: its message type.
        id: its message id.
        silent: whether a program asks: in silence, or leaving no history and without a cell.
        cell_id: the cell that is to be executed; empty for none.
        code: what is to be executed; empty for nothing.
    """

    type: str
    id: str = ""
    silent: bool = False
    cell_id: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionObserver:
    """Passes on what goes over the websockets.

    Attributes:
        human_activity: is called with what people do.
        kernels: get the questions that cells ask people, and the answers.
        runs: get the cells that are executed, and their outputs.
    """

    human_activity: HumanActivity
    kernels: KernelWatch
    runs: CellRuns

    def on_incoming(self, kernel_id: str, message: ClientMessage | None) -> None:
        """A front end has sent something to a kernel."""
        if message is None:
            return
        kernel = self.kernels.find(kernel_id)
        self.human_activity.on_client_message(message.type, kernel, silent=message.silent, request_id=message.id)
        if message.type == "execute_request" and message.cell_id:
            self.runs.begin(kernel_id, message.id, message.cell_id, message.code)

    def on_outgoing(self, kernel_id: str, channel: str | None, session: Any, frames: list[Any]) -> None:
        """A kernel has sent something to a front end."""
        if channel == "stdin":
            self.human_activity.on_stdin_message(session, frames, self.kernels.find(kernel_id))
        elif channel == "iopub":
            self.runs.passes(kernel_id, frames)


def watch_connections(settings: dict[str, Any], observer: ConnectionObserver) -> None:
    """Observe every websocket that is opened from now on.

    Args:
        settings: the web application's settings.
        observer: gets what goes over them.
    """
    base = settings["kernel_websocket_connection_class"]
    if base is None or "handle_incoming_message" not in dir(base):
        return

    class WatchedConnection(base):  # type: ignore[misc, valid-type]
        """The configured connection, with an observer."""

        def connect(self) -> Any:
            observer.runs.take_over(self.kernel_id, self.session_key)
            return super().connect()

        def handle_incoming_message(self, incoming_msg: Any) -> None:
            super().handle_incoming_message(incoming_msg)
            observer.on_incoming(self.kernel_id, read_client_message(incoming_msg, self.subprotocol))

        def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
            channel = stream if isinstance(stream, str) else getattr(stream, "channel", None)
            observer.on_outgoing(self.kernel_id, channel, self.session, outgoing_msg)
            super().handle_outgoing_message(stream, outgoing_msg)

    settings["kernel_websocket_connection_class"] = WatchedConnection


def read_client_message(message: Any, subprotocol: str | None) -> ClientMessage | None:
    """What a front end's message says; None for what is no message.

    Args:
        message: as it came over the websocket.
        subprotocol: the websocket's; None for Jupyter's first one.
    """
    try:
        if subprotocol == _V1:
            return _read_v1(message)
        if isinstance(message, bytes):
            # The old protocol's binary messages carry widgets' buffers: never an act of ours to see.
            return None
        sent = json.loads(message)
        return _message_of(sent["header"], sent.get("metadata") or {}, sent.get("content") or {})
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None


def _read_v1(message: bytes) -> ClientMessage:
    """Read the header, and of cells metadata and content, without a copy of the rest: count, offsets, parts."""
    count = int.from_bytes(message[:8], "little")
    offsets = [int.from_bytes(message[8 * (index + 1) : 8 * (index + 2)], "little") for index in range(min(count, 7))]

    def part(index: int) -> Any:
        return json.loads(message[offsets[index] : offsets[index + 1]])

    header = part(1)
    if header["msg_type"] != "execute_request":
        return _message_of(header, {}, {})
    return _message_of(header, part(3), part(4))


def _message_of(header: Any, metadata: Any, content: Any) -> ClientMessage:
    cell_id, code = metadata.get("cellId"), content.get("code")
    return ClientMessage(
        type=str(header["msg_type"]),
        id=str(header.get("msg_id", "")),
        silent=bool(content.get("silent")) or (content.get("store_history") is False and cell_id is None),
        cell_id=cell_id if isinstance(cell_id, str) else "",
        code=code if isinstance(code, str) else "",
    )
