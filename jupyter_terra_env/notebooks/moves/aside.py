"""Deletes files in two steps: first aside, reversibly, then for good or to the trash.

Protocol: docs/protocol/journal.md, Deleting on the disk. Functions block: call them off the event loop.
"""

import contextlib
import filecmp
import itertools
import os
import shutil
import stat
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from jupyter_terra_env.durable import sync_directory
from jupyter_terra_env.notebooks.moves import trash
from jupyter_terra_env.notebooks.storage.durable_moves import (
    entries_below,
    move_file,
    remove_empty_folders,
    signature,
    signatures,
)
from jupyter_terra_env.notebooks.storage.temporary_files import TEMPORARY_PREFIX
from jupyter_terra_env.rules.workspace import MAX_COMPONENT_BYTES

Planned = Mapping[Path, str]
"""The files of a deletion, each with the signature it had when the deletion began."""


class Aside:
    """A hidden folder beside a file or folder that is being deleted, which takes the planned files.

    Args:
        entry: the file or folder.
        name: id of the move, which makes the name of the hidden folder unique.
        planned: the files to delete. Any other file was written since, and stays in its place.
    """

    def __init__(self, entry: Path, name: str, planned: Planned) -> None:
        self._entry = entry
        self._folder = entry.parent / f"{TEMPORARY_PREFIX}aside-{name}"
        self._planned = planned

    def take(self) -> None:
        """Move the planned files aside one by one, then remove the folders that are empty. Repeatable.

        Raises:
            OSError: the disk refused; everything is in its place, unless files are still aside.
        """
        if not os.path.lexists(self._entry):
            return
        try:
            self._folder.mkdir(exist_ok=True)
            self._take_folders()
            for file in [file for file, seen in signatures(self._entry).items() if self._planned.get(file) == seen]:
                self._take_file(file)
            if _is_folder(self._entry):
                remove_empty_folders(self._entry)
            _sync_below(self._folder)
            sync_directory(self._entry.parent)
        except OSError:
            self.bring_back()
            raise

    def is_empty(self) -> bool:
        """Whether no file is aside."""
        return not self._folder.is_dir()

    def bring_back(self, only: Collection[Path] | None = None) -> None:
        """Put files back, never onto others: a file that has taken a name meanwhile keeps it.

        Args:
            only: the places of the files to put back; None means all files, with their folders.

        Raises:
            OSError: the disk refused; the files that are not in their place are still aside.
        """
        if not self._folder.is_dir():
            return
        if only is None and _is_folder(self._aside):
            for directory, _, _ in os.walk(self._aside):
                _make_like(Path(directory), self._place_of(Path(directory)))
        for file in list(entries_below(self._folder)):
            if only is None or self._place_of(file) in only:
                _put_back(file, self._place_of(file))
        self._tidy(everything=only is None)

    def discard(self, *, to_trash: bool) -> None:
        """Remove the files that are aside, but first put back those that a program has written to since.

        Raises:
            OSError: the disk refused; the remaining files are still aside.
            TrashUnusable: the trash refused; the files are still aside.
        """
        if not self._folder.is_dir():
            return
        seen = signatures(self._folder)
        written = [file for file in seen if seen[file] != self._planned.get(self._place_of(file))]
        self.bring_back([self._place_of(file) for file in written])
        if not os.path.lexists(self._aside):
            self._tidy(everything=True)
            return
        if to_trash and (
            not _is_folder(self._aside) or not os.path.lexists(self._entry) or any(entries_below(self._aside))
        ):
            trash.send(self._aside, as_if=self._entry)
        elif _is_folder(self._aside):
            shutil.rmtree(self._aside)
        else:
            self._aside.unlink()
        self._tidy(everything=True)

    @property
    def _aside(self) -> Path:
        return self._folder / self._entry.name

    def _place_of(self, aside: Path) -> Path:
        return self._entry.parent / aside.relative_to(self._folder)

    def _take_folders(self) -> None:
        if _is_folder(self._entry):
            for directory, _, _ in os.walk(self._entry):
                place = Path(directory)
                mirrored = self._folder / place.relative_to(self._entry.parent)
                mirrored.mkdir(parents=True, exist_ok=True)
                mirrored.chmod(place.stat().st_mode | stat.S_IRWXU)

    def _take_file(self, file: Path) -> None:
        aside = self._folder / file.relative_to(self._entry.parent)
        try:
            file.rename(aside)  # No file is replaced: the hidden folder belongs to this move alone.
        except FileNotFoundError:
            return  # Another program has removed it.
        if signature(aside) != self._planned[file]:
            _put_back(aside, file)  # A program has written to it at the last moment.

    def _tidy(self, *, everything: bool) -> None:
        """Remove the hidden folder if it is empty."""
        if everything and self._folder.is_dir():
            remove_empty_folders(self._folder)
            sync_directory(self._entry.parent)


def _put_back(aside: Path, place: Path) -> None:
    """Give a file its name back, or a similar one if another file with other content has taken the name."""
    for name in itertools.chain([place], _other_names(place)):
        try:
            move_file(aside, name)
        except FileExistsError:
            if name.is_file() and not aside.is_symlink() and filecmp.cmp(aside, name, shallow=False):
                aside.unlink()
                return
        else:
            return


def _other_names(place: Path) -> Iterable[Path]:
    for number in itertools.count(1):
        ending = f" (deleted {number}){place.suffix}"
        stem = os.fsencode(place.stem)[: MAX_COMPONENT_BYTES - len(os.fsencode(ending))].decode(errors="ignore")
        yield place.with_name(stem + ending)


def _make_like(folder: Path, place: Path) -> None:
    with contextlib.suppress(FileExistsError):
        place.mkdir(parents=True)
        shutil.copymode(folder, place)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _sync_below(folder: Path) -> None:
    for directory, _, _ in os.walk(folder):
        sync_directory(Path(directory))
