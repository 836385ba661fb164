"""Which names a copy accepts: those of a bucket are anyone's, and must not lead out of the target folder.

Object names are any 1 to 1,024 bytes of UTF-8 without line breaks (Cloud Storage: object naming).
"""

import unicodedata
from collections.abc import Iterable, Iterator

from jupyter_terra_env.rules.workspace import MAX_OBJECT_NAME_BYTES, is_unicode

MAX_FILE_NAME_BYTES = 255
OWN_FOLDER = ".jupyter-terra-env"
OWN_PREFIX = ".terra-env-"


def why_not_below(relative: str) -> str | None:
    """Why no file below a target folder gets a name.

    Args:
        relative: ``/``-separated path below the folder, from an object's name.

    Returns:
        The reason as a clause; None if it is a good name.
    """
    if not is_unicode(relative):
        return "its name is not valid UTF-8"
    components = relative.split("/")
    if "" in components:
        return "its name has an empty component"
    if not {".", ".."}.isdisjoint(components):
        return "its name has a '.' or '..' component"
    if _has_control(relative):
        return "its name has a control character"
    if any(len(component.encode()) > MAX_FILE_NAME_BYTES for component in components):
        return f"its name has a component of more than {MAX_FILE_NAME_BYTES} bytes"
    if any(component == OWN_FOLDER or component.startswith(OWN_PREFIX) for component in components):
        return "its name is one that this extension keeps for itself"
    return None


def why_no_object(name: str) -> str | None:
    """Why no object gets a name; None if it is a good one."""
    if not name:
        return "it would have no name in the bucket"
    if not is_unicode(name):
        return "its name is not valid UTF-8"
    if _has_control(name):
        return "its name has a control character"
    if len(name.encode()) > MAX_OBJECT_NAME_BYTES:
        return f"its name in the bucket would be longer than {MAX_OBJECT_NAME_BYTES} bytes"
    if not {".", ".."}.isdisjoint(name.split("/")):
        return "its name in the bucket would have a '.' or '..' component"
    return None


def is_hidden(relative: str) -> bool:
    """Whether a file or one of its folders is hidden: such files configure programs, or hold credentials."""
    return any(component.startswith(".") for component in relative.split("/"))


def folders_of(relative: str) -> Iterator[str]:
    """The folders above a path, from the nearest up."""
    while "/" in relative:
        relative = relative.rpartition("/")[0]
        yield relative


def clashing(relatives: Iterable[str], *, distinguishes_case: bool) -> dict[int, str]:
    """Find names that cannot be on one disk together.

    Args:
        relatives: paths below the target folder, in order.
        distinguishes_case: whether the disk does.

    Returns:
        For the positions of those that are left out, the reason as a clause. Of several names that are one name to
        the disk, the first is kept.
    """
    names = [_key(name, distinguishes_case=distinguishes_case) for name in relatives]
    folders = {folder for name in names for folder in folders_of(name)}
    seen: set[str] = set()
    refused: dict[int, str] = {}
    for position, name in enumerate(names):
        if name in folders:
            refused[position] = "its name is also that of a folder"
        elif name in seen:
            refused[position] = "another source has the same name there"
        seen.add(name)
    return refused


def _key(name: str, *, distinguishes_case: bool) -> str:
    return name if distinguishes_case else unicodedata.normalize("NFC", name).casefold()


def _has_control(name: str) -> bool:
    return any(character < " " or "\x7f" <= character <= "\x9f" for character in name)
