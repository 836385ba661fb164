"""Localize: bring an object to the disk when it is opened. Protocol and races: docs/protocol/open-and-save.md."""

import itertools
from dataclasses import dataclass
from pathlib import Path

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.delocalizer import Delocalizer
from jupyter_terra_env.notebooks.places import Places, as_remote, kept_changing
from jupyter_terra_env.notebooks.temporary_files import temporary_file
from jupyter_terra_env.notebooks.working_copies import Download, FileDigest, digest_file
from jupyter_terra_env.rules import status
from jupyter_terra_env.rules.errors import (
    BucketError,
    ConflictReason,
    ObjectNotFound,
    PreconditionFailed,
)
from jupyter_terra_env.rules.sync import (
    Baseline,
    OpenStep,
    Remote,
    Standing,
    adopted_checksum,
    decide_open,
    has_unsaved_edits,
    standing,
)
from jupyter_terra_env.rules.workspace import MAX_COMPONENT_BYTES, Location, Mode

_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What was seen of a notebook before deciding."""

    os_path: Path
    digest: FileDigest | None
    baseline: Baseline | None

    @property
    def crc32c(self) -> str | None:
        return None if self.digest is None else self.digest.crc32c

    @property
    def has_edits(self) -> bool:
        return self.digest is not None and has_unsaved_edits(self.baseline, self.digest.crc32c)


class Localizer:
    """Makes the working copy what opening should show.

    Args:
        places: disk, buckets and journal.
        delocalizer: pays what an opened notebook still owes the bucket.
    """

    def __init__(self, places: Places, delocalizer: Delocalizer) -> None:
        self._places = places
        self._delocalizer = delocalizer

    async def open(self, location: Location) -> bool:
        """Refresh the working copy from the bucket, unless it holds edits.

        A working copy is shown even when the bucket cannot be asked; the status then says so.

        Returns:
            True when the working copy was downloaded just now.

        Raises:
            ObjectNotFound: neither disk nor bucket has it.
            BucketUnavailable, BucketRefused: it is not on the disk and the bucket cannot be asked.
        """
        if not location.belongs_in_bucket:
            return False
        for _ in range(_ROUNDS):
            look = await self._look(location)
            if location.mode is Mode.PLAYGROUND and look.has_edits:
                return False
            try:
                version = await self._places.stat(location)
            except BucketError as error:
                if look.digest is None:
                    raise
                if location.is_delocalized:
                    tell = status.not_yet_in_workspace if look.has_edits else status.offline
                    self._delocalizer.tell(location, tell(error))
                return False
            step = decide_open(look.baseline, look.crc32c, as_remote(version))
            if await self._act(location, look, version, step):
                return step is OpenStep.DOWNLOAD
        raise kept_changing(location)

    async def open_workspace_version(self, location: Location) -> Path | None:
        """Show the bucket's version even over edits, which are kept beside it as a file of their own.

        Returns:
            The OS path of the file that holds the edits; None when there were none.

        Raises:
            ObjectNotFound: the bucket has no such object.
            BucketUnavailable, BucketRefused: as the port says.
        """
        for _ in range(_ROUNDS):
            look = await self._look(location)
            version = await self._places.stat(location)
            if version is None:
                raise ObjectNotFound(f"{location.api_path} is not in the workspace.")
            kept = await self._name_for_kept_edits(location, look) if look.has_edits else None
            if await self._download(location, look, version, keep_edits_as=kept):
                return kept
        raise kept_changing(location)

    async def _look(self, location: Location) -> _Look:
        os_path = self._places.os_path(location)
        digest = await self._places.copies.digest(os_path)
        return _Look(os_path=os_path, digest=digest, baseline=await self._places.baseline(location))

    async def discard(self, location: Location) -> None:
        """Remove a working copy that turned out to be unreadable, if it holds nothing but the bucket's version."""
        look = await self._look(location)
        async with self._places.copies.lock(look.os_path):
            if look.digest is not None and look.digest == await self._places.copies.digest(look.os_path):
                if look.has_edits:
                    return
                await self._places.copies.run(look.os_path.unlink)
                await self._places.forget(location)

    async def _act(self, location: Location, look: _Look, version: ObjectVersion | None, step: OpenStep) -> bool:
        """Do what the rules say.

        Returns:
            False when something changed meanwhile and the look must be taken again.
        """
        remote = as_remote(version)
        if remote is None or version is None:
            if step is OpenStep.NOT_FOUND:
                raise ObjectNotFound(f"{location.api_path} is neither on this disk nor in the workspace.")
        elif step is OpenStep.DOWNLOAD:
            return await self._download(location, look, version, keep_edits_as=None)
        elif step is OpenStep.ADOPT:
            checksum = adopted_checksum(look.baseline, remote)
            if not await self._places.advance(location, look.baseline, version, checksum):
                return False
        if location.is_delocalized:
            self._tell(location, look, remote)
        return True

    def _tell(self, location: Location, look: _Look, remote: Remote | None) -> None:
        """Say what is known after looking, and pay what is owed."""
        if look.crc32c is None:
            return
        match standing(look.baseline, look.crc32c, remote):
            case Standing.EQUAL | Standing.NEVER_STORED:
                self._delocalizer.forget(location)
            case Standing.OWED:
                self._delocalizer.start(location)
            case ConflictReason() as parted:
                self._delocalizer.tell(location, status.conflict(parted))

    async def _download(
        self, location: Location, look: _Look, version: ObjectVersion, *, keep_edits_as: Path | None
    ) -> bool:
        """Download one generation beside the working copy and put it in its place.

        Returns:
            False when the object, the working copy or its baseline changed meanwhile.
        """
        copies = self._places.copies
        with temporary_file(look.os_path) as (file, temporary):
            try:
                await self._places.bucket(location).read_into(location.object_name, version.generation, file)
            except (ObjectNotFound, PreconditionFailed):
                return False
            file.flush()
            digest = await copies.run(digest_file, file)
            async with copies.lock(look.os_path):
                installed = await copies.install(
                    Download(temporary=temporary, digest=digest, modified=version.updated),
                    look.os_path,
                    expected=look.digest,
                    keep_old_as=keep_edits_as,
                )
                if not installed:
                    return False
                self._delocalizer.forget(location)
                return await self._places.advance(location, look.baseline, version, digest.crc32c)

    async def _name_for_kept_edits(self, location: Location, look: _Look) -> Path:
        """A name beside the working copy that neither disk nor bucket has."""
        for number in itertools.count(1):
            candidate = _kept_edits_name(look.os_path, number)
            place = location.sibling(candidate.name)
            on_disk = await self._places.copies.run(candidate.exists)
            if not on_disk and not (place.belongs_in_bucket and await self._places.stat(place) is not None):
                return candidate
        raise AssertionError("unreachable")


def _kept_edits_name(os_path: Path, number: int) -> Path:
    ordinal = "" if number == 1 else f" {number}"
    ending = f" (my edits{ordinal}){os_path.suffix}"
    stem = os_path.stem.encode()[: MAX_COMPONENT_BYTES - len(ending.encode())].decode(errors="ignore")
    return os_path.with_name(stem + ending)
