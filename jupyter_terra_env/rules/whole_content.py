"""Decides which content may be uploaded to the workspace. Protocol: docs/protocol/foreign-bytes.md."""

import re
from collections.abc import Callable
from enum import StrEnum

NOTEBOOK_SUFFIX = ".ipynb"
EMPTY_CRC32C = "AAAAAA=="
"""Checksum of no bytes, as Cloud Storage writes it."""

_TEXT_NAME = re.compile(
    r".*\.(c|cfg|cpp|css|csv|do|h|html?|ini|java|jl|js|json|log|m|md|py|qmd|r|rmd|rst|sas|scala|sh|sql|stan|svg|tex|toml"
    r"|ts|tsv|txt|wdl|xml|ya?ml)",
    re.DOTALL | re.IGNORECASE,
)
_MARKERS = (
    (b"\n<<<<<<<", (b"\n", b" ")),
    (b"\n=======", (b"\n", b"\r\n")),
    (b"\n>>>>>>>", (b"\n", b" ")),
)
"""Markers of an unfinished merge: how their lines begin, and what may follow."""
_COPY_OF_EDITS = re.compile(r".* \(my edits(?: \d+)?\)(?:\.[^.]*)?", re.DOTALL)


class Unfit(StrEnum):
    """Why content is not uploaded to the workspace; append only, never rename."""

    UNREADABLE = "unreadable"
    EMPTIED = "emptied"
    UNMERGED = "unmerged"
    STILL_BEING_WRITTEN = "still-being-written"
    NO_ACCESS = "no-access"
    NOT_CHECKED = "not-checked"
    WRITTEN_BY_PROGRAM = "written-by-program"
    JOURNAL_REPLACED = "journal-replaced"
    TOO_DEMANDING = "too-demanding"


BROKEN = frozenset({Unfit.UNREADABLE, Unfit.EMPTIED, Unfit.UNMERGED, Unfit.TOO_DEMANDING})
"""Reasons that only a person can remove: repair the file, or take the workspace's version."""

SENTENCES = {
    Unfit.UNREADABLE: (
        "The copy on this disk cannot be read as what its name says (damaged or half-written), so it is NOT brought to "
        "the workspace, where nothing was changed. Repair the file, or open the workspace version: this copy is then "
        "kept beside it."
    ),
    Unfit.EMPTIED: (
        "The copy on this disk was emptied by a program, so it is NOT brought to the workspace, where nothing was "
        "changed. Save it in Jupyter if that is meant, or open the workspace version."
    ),
    Unfit.UNMERGED: (
        "The copy on this disk has the markers of an unfinished merge, so it is NOT brought to the workspace, where "
        "nothing was changed. Finish the merge, or open the workspace version: this copy is then kept beside it."
    ),
    Unfit.STILL_BEING_WRITTEN: (
        "A program is writing this file on this disk; it is brought to the workspace once it has been still for a "
        "moment."
    ),
    Unfit.NO_ACCESS: (
        "This server may not read the copy on this disk, so it is NOT brought to the workspace: correct the file's "
        "permissions."
    ),
    Unfit.NOT_CHECKED: (
        "The copy on this disk could not be checked, so it is NOT in the workspace yet; it is tried again until it "
        "succeeds."
    ),
    Unfit.WRITTEN_BY_PROGRAM: (
        "A program wrote this file on this disk; it is NOT in the workspace: open it, or save it in Jupyter."
    ),
    Unfit.JOURNAL_REPLACED: (
        "Saved on this disk, NOT in the workspace: the server's journal was replaced or removed while the server ran "
        "(has this disk been restored?). Restart the server."
    ),
    Unfit.TOO_DEMANDING: (
        "Checking the copy on this disk takes more time or memory than this server allows, so it is NOT brought to the "
        "workspace, where nothing was changed. Make the file smaller, or open the workspace version: this copy is then "
        "kept beside it."
    ),
}


def is_notebook_document(document: object) -> bool:
    """Whether parsed JSON is a notebook that Jupyter can open.

    It checks the parts that nbformat 5 needs in order to read one (``nbformat.reads``, ``strip_transient``).
    """
    if not isinstance(document, dict):
        return False
    version = document.get("nbformat")
    if not isinstance(version, int) or isinstance(version, bool):
        return False
    match version:
        case 1:
            return _is_list_of_objects(document.get("cells"), _is_old_cell)
        case 2 | 3:
            return _is_list_of_objects(document.get("worksheets"), _is_worksheet)
        case 4:
            return (
                isinstance(document.get("nbformat_minor", 0), int)
                and isinstance(document.get("metadata"), dict)
                and _is_list_of_objects(document.get("cells"), _is_cell)
            )
        case _:
            return False


def is_text_name(name: str) -> bool:
    """Whether files of this name hold text, which has no NUL bytes."""
    return _TEXT_NAME.fullmatch(name) is not None


def check_text(name: str, content: bytes, baseline_crc32c: str | None) -> Unfit | None:
    """Check what a program wrote into a file that is not a notebook.

    Args:
        name: file name.
        content: its content, or the beginning of it.
        baseline_crc32c: checksum of the content in the bucket; None if there is none.

    Returns:
        Why it must not be uploaded; None if it may be.
    """
    if not content and baseline_crc32c not in {None, EMPTY_CRC32C}:
        return Unfit.EMPTIED
    if not is_text_name(name):
        return None
    if b"\0" in content:
        return Unfit.UNREADABLE
    return Unfit.UNMERGED if _is_unmerged(content) else None


def _is_unmerged(content: bytes) -> bool:
    """Whether the markers of an unfinished merge follow each other, in linear time.

    (A regular expression would take time that grows with the cube of their number.)
    """
    text, position = b"\n" + content + b"\n", 0
    for marker, ends in _MARKERS:
        position = _after_marker(text, marker, ends, position)
        if position < 0:
            return False
    return True


def _after_marker(text: bytes, marker: bytes, ends: tuple[bytes, ...], position: int) -> int:
    while (start := text.find(marker, position)) >= 0:
        position = start + len(marker)
        if text.startswith(ends, position):
            return position
    return -1


def is_copy_of_edits(name: str) -> bool:
    """Whether a name is that of a copy of edits kept beside a notebook."""
    return _COPY_OF_EDITS.fullmatch(name) is not None


def _is_list_of_objects(value: object, is_right: Callable[[dict[object, object]], bool] = lambda _: True) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) and is_right(item) for item in value)


def _is_worksheet(worksheet: dict[object, object]) -> bool:
    return _is_list_of_objects(worksheet.get("cells"), _is_old_cell)


def _is_old_cell(cell: dict[object, object]) -> bool:
    return isinstance(cell.get("cell_type"), str) and _is_list_of_objects(cell.get("outputs", []))


def _is_cell(cell: dict[object, object]) -> bool:
    return isinstance(cell.get("cell_type"), str) and isinstance(cell.get("metadata"), dict)
