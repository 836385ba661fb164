"""What a child does that converts a notebook. Protocol: docs/protocol/large-notebooks.md."""

import base64
import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import nbformat

from jupyter_terra_env.notebooks.untrusted.json_text import written
from jupyter_terra_env.notebooks.untrusted.memory_file import view_of
from jupyter_terra_env.notebooks.untrusted.zygote import Conversation
from jupyter_terra_env.server.activity.notebook_outputs import body_with_outputs, requests_without_place, unpacked
from jupyter_terra_env.server.contents.large_notebooks import conversions
from jupyter_terra_env.server.contents.large_notebooks.bounded_checks import bound_checks

_QUOTED_CHARACTERS = 10_000


def warm_up() -> None:
    """Compile the schema; from here on, a check of a notebook has its time."""
    nbformat.validate(nbformat.v4.new_notebook())
    bound_checks()


def show(request: dict[str, Any], conversation: Conversation) -> dict[str, Any]:
    """Read a notebook file for showing it.

    Args:
        request: the notary's secret and algorithm.
        conversation: its files are the one to convert and the one to write.
    """
    source, target = conversation.files
    signer = _signer(request)
    found = conversions.read(view_of(source), signer)
    invalid = found.invalid
    conversation.send({"signature": found.signature, "invalid": _quoted(invalid)})
    answer = conversation.receive()
    signer.mark_cells(found.notebook, answer["trusted"])
    # The message quotes the notebook, which serialising uses up.
    message = _message(invalid)
    before, after = answer["before"].encode("ascii"), answer["after"].encode("ascii")
    with _opened(target) as file:
        content_bytes, tag = _write_and_tag(written(found.notebook, json.dumps), file, before, after)
        file.write(message)
    return {"content_bytes": content_bytes, "message_bytes": len(message), "tag": tag}


def check(request: dict[str, Any], conversation: Conversation) -> dict[str, Any]:  # noqa: ARG001 - a job
    """Read a notebook file, check it, and write it as JSON in the current format."""
    source, target = conversation.files
    errors: dict[str, Any] = {}
    text = bytes(view_of(source)).decode("utf-8")
    notebook = nbformat.reads(text, as_version=4, capture_validation_error=errors)
    return _written(target, written(notebook, json.dumps), errors.get("ValidationError"))


def store(request: dict[str, Any], conversation: Conversation) -> dict[str, Any]:
    """Read, check and serialise what a client sent to be saved; request and files as for ``show``."""
    source, target = conversation.files
    made = conversions.stored(view_of(source), _signer(request))
    message = _message(made.invalid)
    with _opened(target) as file:
        content_bytes = sum(map(file.write, made.content))
        file.write(message)
    return {
        "outline": made.outline,
        "signature": made.signature,
        "trusted": made.trusted,
        "invalid": _quoted(made.invalid),
        "content_bytes": content_bytes,
        "message_bytes": len(message),
    }


def serialise(request: dict[str, Any], conversation: Conversation) -> dict[str, Any]:  # noqa: ARG001 - a job
    """Check a notebook that came as JSON, and write it as Jupyter stores it."""
    source, target = conversation.files
    errors: dict[str, Any] = {}
    notebook = nbformat.from_dict(json.loads(bytes(view_of(source))))
    text = nbformat.writes(notebook, version=nbformat.NO_CONVERT, capture_validation_error=errors)
    content = (text if text.endswith("\n") else text + "\n").encode("utf-8")
    return _written(target, iter([content]), errors.get("ValidationError"))


def put_outputs(request: dict[str, Any], conversation: Conversation) -> dict[str, Any]:
    """Put outputs into a notebook file's content; its files are the notebook, the one to write, and the outputs."""
    source, target, outputs = conversation.files
    found = conversions.read(view_of(source), _signer(request))
    conversation.send({"signature": found.signature})
    answer = conversation.receive()
    what = unpacked(view_of(outputs))
    body = body_with_outputs(found.notebook, what, trusted=answer["trusted"])
    with _opened(target) as file:
        file.write(body or b"")
    return {"changed": body is not None, "without_place": requests_without_place(found.notebook, what)}


def _written(target: int, pieces: Iterator[bytes], invalid: Any) -> dict[str, Any]:
    message = _message(invalid)
    with _opened(target) as file:
        content_bytes = sum(map(file.write, pieces))
        file.write(message)
    return {"invalid": _quoted(invalid), "content_bytes": content_bytes}


def _signer(request: dict[str, Any]) -> Any:
    return conversions.notary(base64.b64decode(request["secret"]), request["algorithm"])


def _quoted(invalid: Any) -> str | None:
    return None if invalid is None else str(invalid)[:_QUOTED_CHARACTERS]


def _message(invalid: Any) -> bytes:
    return b"" if invalid is None else conversions.as_json(conversions.validation_message(invalid))


@contextlib.contextmanager
def _opened(target: int) -> Iterator[Any]:
    with os.fdopen(target, "wb") as file:
        yield file


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
    try:
        for piece in pieces:
            queue.put(piece)
            written_bytes += file.write(piece)
    finally:
        queue.put(None)
        computing.join()
    digest.update(after)
    return written_bytes, f'"{digest.hexdigest()}"'
