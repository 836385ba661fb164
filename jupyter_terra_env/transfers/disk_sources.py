"""Sources on this disk: files, folders and patterns. Links are not followed, and only regular files are opened."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_terra_env.rules.copy_addresses import fixed_part, is_one_level, is_pattern, matcher
from jupyter_terra_env.rules.copy_decisions import CopyReason
from jupyter_terra_env.rules.copy_names import OWN_FOLDER, OWN_PREFIX
from jupyter_terra_env.transfers.items import DiskSource, FileIdentity, Outcome, Source, passed_over

RECURSIVE_HINT = "it is a folder: add --recursive, or a slash at its end for its content alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A source, and its path below the target.

    Attributes:
        source: the source.
        relative: ``/``-separated path that it gets below the target folder.
        shown: the source as text.
    """

    source: Source
    relative: str
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSources:
    """Finds files.

    Attributes:
        recursive: whether folders are copied.
        hidden: whether hidden files within folders are.
        playgrounds: real paths of playground folders, which are copied only if they are named.
        private: real paths of folders that are never copied, such as the journal's.
    """

    recursive: bool
    hidden: bool
    playgrounds: frozenset[str] = field(default_factory=frozenset)
    private: frozenset[str] = field(default_factory=frozenset)

    def find(self, text: str) -> Iterator[Found | Outcome]:
        """Find what a person named.

        Args:
            text: a path or a pattern.

        Yields:
            Sources, and what is left out.
        """
        path = Path(text)
        if os.path.lexists(path):
            yield from self._named(text, path)
        elif is_pattern(text):
            yield from self._matching(text)
        else:
            yield passed_over(CopyReason.NOT_FOUND, text, "there is no such file or folder")

    def _named(self, text: str, path: Path) -> Iterator[Found | Outcome]:
        if not path.is_dir():
            # A link that is named is followed; one in a folder is not.
            yield self._file(Path(os.path.realpath(path)), path.name, text, named=True)
        elif text.endswith("/"):
            yield from self._below(path, "", text)
        elif self.recursive:
            yield from self._below(path, f"{Path(os.path.realpath(path)).name}/", text + "/")
        else:
            yield passed_over(CopyReason.NEEDS_RECURSIVE, text, RECURSIVE_HINT)

    def _matching(self, pattern: str) -> Iterator[Found | Outcome]:
        found = False
        for one in self._level(pattern) if is_one_level(pattern) else self._deep(pattern):
            found = True
            yield one
        if not found:
            yield passed_over(CopyReason.NOT_FOUND, pattern, "nothing matches")

    def _level(self, pattern: str) -> Iterator[Found | Outcome]:
        """What matches in the pattern's fixed folder."""
        start, matches = fixed_part(pattern), matcher(pattern)
        base = Path(start or ".")
        for entry in sorted(base.iterdir()) if base.is_dir() else ():
            if not matches.fullmatch(start + entry.name) or (entry.name.startswith(".") and not self.hidden):
                continue
            if not entry.is_dir() or entry.is_symlink():
                yield self._file(entry, entry.name, start + entry.name)
            elif self.recursive:
                yield from self._folder(entry, entry.name, start + entry.name)

    def _deep(self, pattern: str) -> Iterator[Found | Outcome]:
        """What matches below it."""
        start, matches = fixed_part(pattern), matcher(pattern)
        for one in self._below(Path(start or "."), "", start):
            if matches.fullmatch(one.shown if isinstance(one, Found) else one.source):
                yield one

    def _below(self, folder: Path, start: str, shown: str) -> Iterator[Found | Outcome]:
        """Everything in a folder.

        Args:
            folder: where it is.
            start: what paths below the target begin with.
            shown: what the texts of its files begin with.
        """
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield passed_over(CopyReason.DISK, shown, f"it cannot be read ({error.strerror})")
            return
        for entry in entries:
            path, text, relative = Path(entry.path), shown + entry.name, start + entry.name
            if entry.name == OWN_FOLDER or entry.name.startswith(OWN_PREFIX):
                continue
            if entry.name.startswith(".") and not self.hidden:
                yield passed_over(CopyReason.HIDDEN, text, "hidden files are left out without --hidden")
            elif not entry.is_dir(follow_symlinks=False):
                yield self._file(path, relative, text)
            else:
                yield from self._folder(path, relative, text)

    def _folder(self, path: Path, relative: str, text: str) -> Iterator[Found | Outcome]:
        real = os.path.realpath(path)
        if real in self.private:
            return
        if real in self.playgrounds:
            why = "the playground stays on this disk unless it is named itself"
            yield passed_over(CopyReason.PLAYGROUND, text, why)
        else:
            yield from self._below(path, f"{relative}/", f"{text}/")

    @staticmethod
    def _file(path: Path, relative: str, text: str, *, named: bool = False) -> Found | Outcome:
        try:
            info = path.lstat()
        except OSError as error:
            return passed_over(CopyReason.NOT_FOUND, text, f"it cannot be looked at ({error.strerror})")
        if stat.S_ISLNK(info.st_mode):
            return passed_over(CopyReason.LINK, text, "links are left out", failed=named)
        if not stat.S_ISREG(info.st_mode):
            why = "it is a pipe, a socket or a device"
            return passed_over(CopyReason.SPECIAL_FILE, text, why, failed=named)
        return Found(source=DiskSource(path=path, identity=FileIdentity.of(info)), relative=relative, shown=text)
