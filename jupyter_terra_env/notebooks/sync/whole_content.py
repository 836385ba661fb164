"""Reads a file as what its name claims, and says why it is not that; large notebooks in a process of their own.

Run as a module, it judges the notebook on its standard input.
"""

import json
import subprocess
import sys
from typing import Any, BinaryIO

import msgspec

from jupyter_terra_env.rules.whole_content import NOTEBOOK_SUFFIX, Unfit, check_text, is_notebook_document

_LARGE_BYTES = 1 << 20
"""From here on, parsing would hold the threads of this process for too long."""
_LOOKED_AT_BYTES = 16 << 20
_LONGEST_SECONDS = 120.0
_WHOLE, _BROKEN = b"whole", b"broken"
_VERDICTS: dict[bytes, Unfit | None] = {_WHOLE: None, _BROKEN: Unfit.UNREADABLE}


class _Cell(msgspec.Struct):
    cell_type: str
    metadata: dict[str, msgspec.Raw]


class _Notebook(msgspec.Struct):
    nbformat: int
    metadata: dict[str, msgspec.Raw]
    cells: list[_Cell]


def check_content(name: str, file: BinaryIO, size_bytes: int, baseline_crc32c: str | None) -> Unfit | None:
    """Judge content that no save of this process has validated. Blocks.

    Args:
        name: file name.
        file: the content, open for reading.
        size_bytes: its length.
        baseline_crc32c: of what the bucket holds; None when it holds nothing.

    Returns:
        Why it is not fit for the workspace; None when it is.
    """
    file.seek(0)
    if not name.endswith(NOTEBOOK_SUFFIX):
        return check_text(name, file.read(_LOOKED_AT_BYTES), baseline_crc32c)
    if size_bytes >= _LARGE_BYTES:
        return _judged_by_process(file)
    return None if is_notebook(file.read()) else Unfit.UNREADABLE


def is_notebook(content: bytes) -> bool:
    """Whether content is a whole notebook, as Jupyter reads one."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    try:
        if msgspec.json.decode(content, type=_Notebook).nbformat >= 4:
            return True
    except (msgspec.MsgspecError, RecursionError):
        pass  # Python's parser takes more, and so does Jupyter: older formats, numbers that are none.
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return is_notebook_document(document)


def _judged_by_process(file: BinaryIO) -> Unfit | None:
    command = [sys.executable, "-P", "-W", "ignore", "-m", __name__]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Unfit.NOT_CHECKED
    return _VERDICTS.get(done.stdout, Unfit.NOT_CHECKED)


if __name__ == "__main__":
    sys.stdout.buffer.write(_WHOLE if is_notebook(sys.stdin.buffer.read()) else _BROKEN)
