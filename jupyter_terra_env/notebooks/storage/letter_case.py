"""Whether a disk distinguishes upper and lower case in names: macOS's usually do not, object names always do."""

import logging
from collections.abc import Iterable
from pathlib import Path


def distinguishes_case(folder: Path) -> bool:
    """Whether names that differ in case only are two names there. Blocks for a look at the file system.

    Args:
        folder: an existing folder; it is asked for by its name in the other case.
    """
    try:
        return not folder.with_name(folder.name.swapcase()).samefile(folder) or folder.name == folder.name.swapcase()
    except (OSError, ValueError):
        return True


def warn_of_shared_names(folders: Iterable[Path], log: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
    """Log, once, that notebooks of one folder may share a file.

    Args:
        folders: the edit folders, which exist.
        log: the server's log.
    """
    found = next((folder for folder in folders if not distinguishes_case(folder)), None)
    if found is not None:
        log.warning(
            "jupyter_terra_env: the disk of %s does not distinguish upper and lower case: of two notebooks whose names "
            "differ in nothing else, such as a.ipynb and A.ipynb, open only one; rename the other in the bucket.",
            found,
        )
