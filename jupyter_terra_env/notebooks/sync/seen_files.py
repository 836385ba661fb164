"""Which files of the edit folders have changed since they were looked at last, by what the file system says of them."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_terra_env.rules.workspace import Location, Workspace, Workspaces, is_notebook_name, join

_Signature = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a look has found.

    Attributes:
        files: files that were not seen before as they are now.
        folders: every folder there is; for a look at everything only.
        everything: a folder came or went: only a look at everything shows what has changed.
    """

    files: tuple[Location, ...] = ()
    folders: frozenset[Path] = field(default_factory=frozenset)
    everything: bool = False


class SeenFiles:
    """Compares by ``lstat`` alone. Links are not followed. Methods block, and must not run at the same time.

    Args:
        root: the server's root folder.
        workspaces: whose edit folders are looked at.
    """

    def __init__(self, root: Path, workspaces: Workspaces) -> None:
        self._root = root
        self._workspaces = workspaces
        self._seen: dict[str, _Signature] = {}

    @property
    def _directories(self) -> set[str]:
        return {directory for workspace in self._workspaces.all for directory, _ in workspace.directories()}

    def everything(self) -> Changes:
        """Look at all files."""
        seen: dict[str, _Signature] = {}
        changed: list[Location] = []
        folders: set[Path] = set()
        for workspace in self._workspaces.all:
            for folder, entries in self._walk(workspace):
                folders.add(self._root / folder)
                for entry in entries:
                    path = join(folder, entry.name)
                    signature = _signature_of(entry)
                    if signature is not None:
                        seen[path] = signature
                        if self._seen.get(path) != signature:
                            changed += self._delocalized(path)
        self._seen = seen
        return Changes(files=tuple(changed), folders=frozenset(folders))

    def at(self, paths: Iterable[str]) -> Changes:
        """Look at some OS paths.

        Args:
            paths: below the root; others are left out.
        """
        changed: list[Location] = []
        everything = False
        for os_path in paths:
            path = os.path.relpath(os_path, self._root)
            if path.startswith(".."):
                continue
            everything = everything or os.path.isdir(os_path)  # noqa: PTH112 - names as the system reports them
            changed += self._changed_at(path)
        return Changes(files=tuple(changed), everything=everything)

    def among(self, folder: Location, names: Iterable[str]) -> Changes:
        """Look at some files of a folder."""
        paths = (join(folder.api_path, name) for name in names if is_notebook_name(folder.workspace, name))
        return Changes(files=tuple(place for path in paths for place in self._changed_at(path)))

    def _changed_at(self, path: str) -> list[Location]:
        found = self._delocalized(path)
        if not found:
            return []
        try:
            info = os.lstat(self._root / path)
        except (OSError, ValueError):
            self._seen.pop(path, None)
            return []
        signature = _signature(info)
        if signature is None or self._seen.get(path) == signature:
            return []
        self._seen[path] = signature
        return found

    def _delocalized(self, path: str) -> list[Location]:
        if not _is_text(path):
            return []
        location = self._workspaces.locate(path)
        return [location] if location is not None and location.is_delocalized else []

    def _walk(self, workspace: Workspace) -> Iterator[tuple[str, list["os.DirEntry[str]"]]]:
        """The folders of an edit folder, with their files that the workspace keeps."""
        left = [workspace.edit_directory]
        directories = self._directories
        while left:
            folder = left.pop()
            files: list[os.DirEntry[str]] = []
            try:
                with os.scandir(self._root / folder) as entries:
                    for entry in entries:
                        if entry.name.startswith(".") or not _is_text(entry.name):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            below = set() if workspace.is_shallow else {join(folder, entry.name)}
                            left += below - directories
                        elif is_notebook_name(workspace, entry.name):
                            files.append(entry)
            except OSError:
                continue  # It has gone, or may not be read: there is nothing in it to bring.
            yield folder, files


def _signature_of(entry: "os.DirEntry[str]") -> _Signature | None:
    try:
        return _signature(entry.stat(follow_symlinks=False))
    except OSError:
        return None


def _signature(info: os.stat_result) -> _Signature | None:
    if not stat.S_ISREG(info.st_mode):
        return None
    return info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


def _is_text(name: str) -> bool:
    """Whether a name is UTF-8, as object names and the journal's paths are."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
