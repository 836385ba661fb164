"""What the process does that converts large notebooks.

It has loaded what it takes, waits for requests at a socket, and forks a child for each: conversions do not wait for one
another, and their memory is given back whole. It ends when the server's end of the socket does.
"""

import base64
import contextlib
import gc
import hashlib
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import nbformat

from jupyter_terra_env.server.large_notebooks import conversions
from jupyter_terra_env.server.large_notebooks.json_text import written
from jupyter_terra_env.server.large_notebooks.memory_file import view_of
from jupyter_terra_env.server.notebook_outputs import body_with_outputs, requests_without_place, unpacked

MESSAGE_BYTES = 65_536
_DESCRIPTORS = 4


def serve(descriptor: int) -> None:
    """Serve until the server is gone.

    Args:
        descriptor: the socket that requests come through.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Children that ended are no concern of ours.
    with socket.socket(fileno=descriptor) as requests:
        _warm_up()
        while True:
            message, descriptors, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, _DESCRIPTORS)
            if not message:
                return
            if os.fork() == 0:
                requests.close()
                _convert(json.loads(message), *descriptors)
                os._exit(0)
            for passed_on in descriptors:
                os.close(passed_on)


def _warm_up() -> None:
    """Compile the schema, and keep the collector away: it would look at each of a notebook's many parts, in vain."""
    nbformat.validate(nbformat.v4.new_notebook())
    gc.collect()
    gc.freeze()
    gc.disable()


def _convert(request: dict[str, Any], source: int, target: int, *rest: int) -> None:
    """Do one conversion.

    Args:
        request: what to do, and the notary's secret and algorithm.
        source: descriptor of the file to convert.
        target: descriptor of the file to write.
        rest: descriptors of what else it takes, and last of the socket to answer at.
    """
    *more, answers = rest
    _be_the_first_to_go()
    signer = conversions.notary(base64.b64decode(request["secret"]), request["algorithm"])
    with (
        socket.socket(fileno=answers) as answering,
        open(target, "wb") as file,
        contextlib.suppress(BrokenPipeError, ConnectionResetError),  # Nobody waits for it any more.
    ):
        try:
            match request["do"]:
                case "show":
                    answer = _show(source, signer, file, answering)
                case "store":
                    answer = _store(source, signer, file)
                case "put-outputs":
                    answer = _put_outputs(source, more[0], signer, file, answering)
                case unknown:
                    answer = {"declined": f"unknown request {unknown!r}"}
        except Exception as error:  # noqa: BLE001 - whatever it is, Jupyter's own code has the answer to it
            answer = {"declined": type(error).__name__}
        answering.sendall(conversions.as_json(answer) + b"\n")


def _show(source: int, signer: Any, file: Any, answering: socket.socket) -> dict[str, Any]:
    found = conversions.read(view_of(source), signer)
    invalid = found.invalid
    first = {"signature": found.signature, "invalid": None if invalid is None else str(invalid)}
    answering.sendall(conversions.as_json(first) + b"\n")
    with answering.makefile("rb") as told:
        answer = json.loads(told.readline() or "null")
    if answer is None:
        raise BrokenPipeError
    signer.mark_cells(found.notebook, answer["trusted"])
    # The message quotes the notebook, which serialising uses up.
    message = b"" if invalid is None else conversions.as_json(conversions.validation_message(invalid))
    before, after = answer["before"].encode("ascii"), answer["after"].encode("ascii")
    content_bytes, tag = _write_and_tag(written(found.notebook, json.dumps), file, before, after)
    file.write(message)
    file.flush()
    return {"content_bytes": content_bytes, "message_bytes": len(message), "tag": tag}


def _write_and_tag(pieces: Iterator[bytes], file: Any, before: bytes, after: bytes) -> tuple[int, str]:
    """Write, while a thread computes tornado's tag of the answer: both let the other work.

    Returns:
        How many bytes were written, and the tag.
    """
    digest = hashlib.sha1(before, usedforsecurity=False)
    queue: SimpleQueue[bytes | None] = SimpleQueue()

    def compute() -> None:
        while (piece := queue.get()) is not None:
            digest.update(piece)

    computing = threading.Thread(target=compute)
    computing.start()
    written_bytes = 0
    for piece in pieces:
        queue.put(piece)
        written_bytes += file.write(piece)
    queue.put(None)
    computing.join()
    digest.update(after)
    return written_bytes, f'"{digest.hexdigest()}"'


def _store(source: int, signer: Any, file: Any) -> dict[str, Any]:
    made = conversions.stored(view_of(source), signer)
    message = b"" if made.invalid is None else conversions.as_json(conversions.validation_message(made.invalid))
    content_bytes = sum(map(file.write, made.content))
    file.write(message)
    file.flush()
    return {
        "outline": made.outline,
        "signature": made.signature,
        "trusted": made.trusted,
        "invalid": None if made.invalid is None else str(made.invalid),
        "content_bytes": content_bytes,
        "message_bytes": len(message),
    }


def _put_outputs(source: int, outputs: int, signer: Any, file: Any, answering: socket.socket) -> dict[str, Any]:
    found = conversions.read(view_of(source), signer)
    answering.sendall(conversions.as_json({"signature": found.signature}) + b"\n")
    with answering.makefile("rb") as told:
        answer = json.loads(told.readline() or "null")
    if answer is None:
        raise BrokenPipeError
    what = unpacked(view_of(outputs))
    body = body_with_outputs(found.notebook, what, trusted=answer["trusted"])
    file.write(body or b"")
    file.flush()
    return {"changed": body is not None, "without_place": requests_without_place(found.notebook, what)}


def _be_the_first_to_go() -> None:
    """When memory runs out, a conversion can be spared: the server then does it itself."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
