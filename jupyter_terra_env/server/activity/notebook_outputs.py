"""A notebook with what its cells have put out, as a front end would send it to be saved.

Nothing of Jupyter Server's is needed for it, so that the process that converts large notebooks can do it, too.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jupyter_terra_env.rules.cell_outputs import CellRun, KernelMessage, shows, with_outputs, without_place

DELIMITER = b"<IDS|MSG>"
"""Before it the topic; after it signature, header, parent header, metadata, content: Jupyter's wire protocol."""
_LENGTH_BYTES = 8

Frames = list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unattended:
    """What a kernel has done that its notebook may not show.

    Attributes:
        runs: executions of cells whose end no front end has seen.
        passed: messages of theirs that were seen.
        buffered: messages of the kernel since no front end has been connected.
    """

    runs: tuple[CellRun, ...]
    passed: tuple[Frames, ...]
    buffered: tuple[Frames, ...]


def requests_that_put_out(what: Unattended) -> frozenset[str]:
    """The requests that have put something out."""
    return frozenset(message.request_id for message in read_messages([*what.passed, *what.buffered]) if shows(message))


def requests_without_place(notebook: Any, what: Unattended) -> tuple[str, ...]:
    """The requests whose outputs the notebook has no place for, because their cells were edited since."""
    messages = read_messages([*what.passed, *what.buffered])
    return tuple(run.request_id for run in without_place(notebook, what.runs, messages))


def body_with_outputs(notebook: Any, what: Unattended, *, trusted: bool) -> bytes | None:
    """The notebook with its outputs, as a front end would send it; None when it has them already."""
    filled = with_outputs(notebook, what.runs, read_messages([*what.passed, *what.buffered]))
    if filled == notebook:
        return None
    for before, after in zip(notebook["cells"], filled["cells"], strict=True):
        if after["cell_type"] == "code":
            # A cell that a person has executed is trusted, as in every front end.
            after["metadata"] = {**after["metadata"], "trusted": trusted or after is not before}
    model = {"type": "notebook", "format": "json", "content": filled}
    return json.dumps(model, ensure_ascii=False).encode("utf-8", errors="surrogatepass")


def packed(what: Unattended) -> bytes:
    """Serialise it without parsing the messages."""
    runs = [[run.request_id, run.cell_id, run.from_start, run.source] for run in what.runs]
    counts = [len(what.passed), len(what.buffered)]
    texts = [json.dumps([runs, counts]).encode("ascii")]
    for frames in (*what.passed, *what.buffered):
        texts += [b"%d" % len(frames), *frames]
    return b"".join(piece for text in texts for piece in (len(text).to_bytes(_LENGTH_BYTES), text))


def unpacked(content: memoryview) -> Unattended:
    """Restore what ``packed`` has serialised."""
    texts = _texts(content)
    runs, (passed, buffered) = json.loads(next(texts))

    def messages(count: int) -> tuple[Frames, ...]:
        return tuple([next(texts) for _ in range(int(next(texts)))] for _ in range(count))

    return Unattended(
        runs=tuple(
            CellRun(request_id=id_, cell_id=cell, from_start=start, source=source) for id_, cell, start, source in runs
        ),
        passed=messages(passed),
        buffered=messages(buffered),
    )


def read_messages(frames_of_messages: Iterable[Frames]) -> list[KernelMessage]:
    """Messages of an IOPub channel, each once; anything else is left out.

    Args:
        frames_of_messages: as they come from ZeroMQ.
    """
    found: dict[bytes, KernelMessage] = {}
    for frames in frames_of_messages:
        try:
            start = frames.index(DELIMITER)
            header = bytes(frames[start + 2])
            if header not in found:
                found[header] = KernelMessage(
                    request_id=id_in(bytes(frames[start + 3])),
                    type=json.loads(header)["msg_type"],
                    content=json.loads(frames[start + 5]),
                )
        except (ValueError, IndexError, KeyError, TypeError):
            continue
    return list(found.values())


@lru_cache(maxsize=1024)
def id_in(parent_header: bytes) -> str:
    """Message id of the request that a parent header names; kernels write the same one in all messages of a request."""
    try:
        return str(json.loads(parent_header).get("msg_id", ""))
    except (ValueError, AttributeError):
        return ""


def _texts(content: memoryview) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        length = int.from_bytes(content[at : at + _LENGTH_BYTES])
        at += _LENGTH_BYTES + length
        yield bytes(content[at - length : at])
