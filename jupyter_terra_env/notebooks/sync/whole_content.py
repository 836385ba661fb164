"""Reads a file as what its name claims, and says why it is not that; what could take long, in a child with limits.

Protocol: docs/protocol/foreign-bytes.md, docs/protocol/untrusted-work.md.
"""

import json
from typing import Any, BinaryIO, Literal

import msgspec

from jupyter_terra_env.notebooks.untrusted.cage import Cage, DeclinedError, Lane, NotDoneError
from jupyter_terra_env.notebooks.untrusted.limits import OVER_A_LIMIT, Limits
from jupyter_terra_env.notebooks.untrusted.memory_file import view_of
from jupyter_terra_env.notebooks.untrusted.zygote import Conversation
from jupyter_terra_env.rules.whole_content import NOTEBOOK_SUFFIX, Unfit, check_text, is_notebook_document

_LARGE_BYTES = 1 << 20
"""From here on, even the quick parser would hold the threads of this process for too long."""
_UNUSUAL_BYTES = 1 << 16
"""From here on, Python's parser would, which reads what the quick one does not take."""
_LOOKED_AT_BYTES = 16 << 20
_MIB = 1 << 20


class _Cell(msgspec.Struct):
    cell_type: str
    metadata: dict[str, msgspec.Raw]


class _Notebook(msgspec.Struct):
    nbformat: Literal[4]
    metadata: dict[str, msgspec.Raw]
    cells: list[_Cell]
    nbformat_minor: int = 0


def check_content(name: str, file: BinaryIO, size_bytes: int, baseline_crc32c: str | None) -> Unfit | None:
    """Check content that no save of this process has validated. Blocks, in proportion to the content's size.

    Args:
        name: file name.
        file: the content, open for reading.
        size_bytes: its length; what ``is_for_a_child`` says yes to is checked by ``check_in_child``, where it can.
        baseline_crc32c: of what the bucket holds; None when it holds nothing.

    Returns:
        Why it is not fit for the workspace; None when it is.
    """
    file.seek(0)
    if not name.endswith(NOTEBOOK_SUFFIX):
        return check_text(name, file.read(_LOOKED_AT_BYTES), baseline_crc32c)
    return None if is_notebook(file.read(size_bytes)) else Unfit.UNREADABLE


def is_for_a_child(file: BinaryIO, size_bytes: int) -> bool:
    """Whether checking a notebook could hold the other threads of this process. Blocks for a moment."""
    if size_bytes < _UNUSUAL_BYTES:
        return False
    if size_bytes >= _LARGE_BYTES:
        return True
    file.seek(0)
    return not _is_usual_notebook(file.read(size_bytes))


async def check_in_child(cage: Cage, file: BinaryIO, size_bytes: int) -> Unfit | None:
    """Check a notebook of any size and content.

    Args:
        cage: does it.
        file: the content, open for reading.
        size_bytes: its length.

    Returns:
        Why it is not fit for the workspace; None when it is.
    """
    try:
        async with cage.talk(
            f"{__name__}:check", {}, [file.fileno()], limits_for(size_bytes), lane=Lane.CHECKS
        ) as conversation:
            answer = await conversation.receive()
    except NotDoneError as error:
        return Unfit.TOO_DEMANDING if error.death in OVER_A_LIMIT else Unfit.NOT_CHECKED
    except DeclinedError:
        return Unfit.NOT_CHECKED
    return None if answer["whole"] else Unfit.UNREADABLE


def limits_for(size_bytes: int) -> Limits:
    """What checking a notebook of that size may use: several times what most need, so that only a trap meets it."""
    mebibytes = size_bytes // _MIB
    return Limits(
        cpu_seconds=10 + mebibytes,
        wall_seconds=60.0 + 3 * mebibytes,
        memory_bytes=1024 * _MIB + 16 * size_bytes,
        output_bytes=0,
        niceness=5,
    )


def is_notebook(content: bytes) -> bool:
    """Whether content is a whole notebook, as Jupyter reads one."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    if _is_usual_notebook(content):
        return True
    # Python's parser takes more, and so does Jupyter: older formats, numbers that are none.
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return is_notebook_document(document)


def _is_usual_notebook(content: bytes) -> bool:
    try:
        msgspec.json.decode(content, type=_Notebook)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False
    return True


def check(request: dict[str, Any], conversation: Conversation) -> dict[str, Any]:  # noqa: ARG001 - a job
    """Check a notebook, in a child; its file is the notebook."""
    [source] = conversation.files
    return {"whole": is_notebook(bytes(view_of(source)))}
