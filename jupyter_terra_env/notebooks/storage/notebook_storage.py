"""Where a workspace path lives: its file on the disk, its object's bucket, its row in the journal."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from jupyter_terra_env.bucket.store import BucketStore, ObjectVersion
from jupyter_terra_env.durable import sync_directory
from jupyter_terra_env.notebooks.storage.file_digests import FileDigest
from jupyter_terra_env.notebooks.storage.folder_turns import turn_in
from jupyter_terra_env.notebooks.storage.journal import Debt, Journal, Moved
from jupyter_terra_env.notebooks.storage.keeping import Keeping
from jupyter_terra_env.notebooks.storage.kept_fields import with_fields
from jupyter_terra_env.notebooks.storage.patience import PATIENCE_SECONDS, within
from jupyter_terra_env.notebooks.storage.pinned_folders import resolve_inside
from jupyter_terra_env.notebooks.storage.unseen_rows import UnseenRows
from jupyter_terra_env.notebooks.storage.working_copies import Appearing, Download, WorkingCopies
from jupyter_terra_env.notebooks.storage.write_gate import WriteGate
from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason
from jupyter_terra_env.rules.readback import WriteAttempt
from jupyter_terra_env.rules.sync import Baseline, is_settled
from jupyter_terra_env.rules.workspace import Location, Workspace


def _nothing() -> None:
    """Nothing has to be done first."""


class NotebookStorage:
    """Ties locations to the disk, the buckets and the journal.

    Args:
        root: the server's root folder.
        bucket_of: gives a workspace's bucket.
        journal: baselines.
        copies: the files.
        locate: the place an API path is, if it is in a workspace folder.
        writes: lets one change of an object through at a time.
        patience_seconds: how long a person waits for the bucket where the disk could answer.
    """

    def __init__(  # noqa: PLR0913 - disk, bucket, journal and what orders access to them, each by name
        self,
        *,
        root: Path,
        bucket_of: Callable[[Workspace], BucketStore],
        journal: Journal,
        copies: WorkingCopies,
        locate: Callable[[str], Location | None],
        writes: WriteGate,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.copies = copies
        self.run = copies.run
        self.writes = writes
        self.patience_seconds = patience_seconds
        self._root = root
        self._bucket_of = bucket_of
        self._journal = journal
        self._locate = locate
        self.unseen = UnseenRows(journal, copies, self.os_path)

    def os_path(self, location: Location) -> Path:
        """The real path of the working copy.

        Raises:
            OperationRefused: a link on the way leads out of the workspace folder.
        """
        path = resolve_inside(self._root / location.directory, location.relative_path)
        if path is None:
            sentence = f"{location.api_path} leads out of its workspace folder through a link."
            raise OperationRefused(RefusalReason.OUTSIDE_WORKSPACE, sentence)
        return path

    def entry(self, api_path: str) -> Path:
        """The path on the disk as it is named, wherever a link of that very name leads: the link is what is meant.

        Raises:
            OperationRefused: a link on the way to it leads out of its workspace folder.
        """
        location = self._locate(api_path)
        if location is not None and location.relative_path:
            self.os_path(location.parent)
        return self._root / api_path

    async def digest(self, location: Location) -> FileDigest | None:
        """Checksums of the working copy; see ``WorkingCopies.digest``."""
        return await self.copies.digest(self.os_path(location))

    def bucket(self, location: Location) -> BucketStore:
        """The bucket of a place."""
        return self._bucket_of(location.workspace)

    async def stat(self, location: Location) -> ObjectVersion | None:
        """The object of a place as it is now. One request."""
        return await self.bucket(location).stat(location.object_name)

    async def stat_soon(self, location: Location) -> ObjectVersion | None:
        """The same, where the disk can answer instead.

        Raises:
            BucketUnavailable: there is no answer yet; and as the port says.
        """
        return await within(self.patience_seconds, self.stat(location), location.workspace.bucket)

    async def baseline(self, location: Location) -> Baseline | None:
        """What the working copy last equalled."""
        return await self.copies.run(self.baseline_now, location)

    async def expect_absent(self, location: Location) -> Baseline:
        """Record that the object was never seen; see ``Journal.expect_absent``."""
        return await self.copies.run(self._journal.expect_absent, *_row(location))

    async def expect_absent_again(self, location: Location) -> None:
        """Record that there is no object any more: the working copy may be created anew."""
        await self.copies.run(self._journal.expect_absent_again, *_row(location))

    async def advance(self, location: Location, expected: Baseline | None, version: ObjectVersion, crc32c: str) -> bool:
        """Make a version the baseline; see ``Journal.advance``."""
        return await self.copies.run(self._advance, location, expected, version, crc32c, settles=False)

    async def advance_if_held(
        self, location: Location, expected: Baseline | None, version: ObjectVersion, content: FileDigest
    ) -> bool:
        """The same for a working copy that was made equal to it under its lock, if it holds that content still."""
        return await self.copies.run(self._advance_if_held, location, expected, version, content)

    async def record(self, location: Location, expected: Baseline | None, version: ObjectVersion, crc32c: str) -> bool:
        """Make a version that the bucket holds the baseline; if the working copy still equals it, nothing is owed.

        See ``advance``.
        """
        os_path = self.os_path(location)
        async with self.copies.lock(os_path):
            return await self.copies.run(self._record, location, os_path, expected, version, crc32c)

    async def save(
        self,
        location: Location,
        content: bytes | memoryview,
        *,
        replaces: FileDigest | None = None,
        is_notebook: bool = False,
        keep_old_as: Path | None = None,
        first: Callable[[], None] = _nothing,
    ) -> None:
        """Write a working copy durably; what it then owes the bucket is in the journal first (promise P1).

        Args:
            location: the working copy.
            content: what it is to hold.
            replaces: what it must still hold; None to replace any content.
            keep_old_as: a free name in its folder for what it holds; None to replace it.
            first: called off the event loop, under the file's lock, before it is replaced; its errors are raised.
            is_notebook: the content is a notebook that has been validated.

        Raises:
            ChangedMeanwhile: it holds something else; nothing has changed.
            FileExistsError: the name for what it holds is taken; nothing has changed.
            OperationRefused, PermissionError: it may not be replaced; see ``WorkingCopies.write``.
            OSError: the disk is full, read-only or failing; the old file is untouched.
        """
        before = partial(self._before_saving, location, first, is_notebook=is_notebook)
        await self.copies.write(
            self.os_path(location), content, before=before, replaces=replaces, keep_old_as=keep_old_as
        )

    async def create(
        self, location: Location, content: bytes | memoryview, *, notebook: FileDigest | None = None
    ) -> None:
        """Write a new working copy durably, never over another file; it is owed as a new object.

        Args:
            location: the working copy.
            content: what it is to hold.
            notebook: checksums of the content, if it is a notebook that has been validated.

        Raises:
            FileExistsError: the name is taken on the disk; nothing has changed.
            OSError: the disk is full, read-only or failing.
        """
        if notebook is not None:
            self.copies.own.is_notebook(notebook)
        await self.copies.create(self.os_path(location), content, appearing=partial(self.appearing_now, location))

    async def take_back(self, location: Location, content: FileDigest) -> bool:
        """Remove a working copy that was made just now and never sent, if it still holds what it was made with.

        Returns:
            Whether it is gone, and with it what was known of it.
        """
        os_path = self.os_path(location)
        async with self.copies.lock(os_path):
            if await self.copies.digest(os_path) != content:
                return False
            await self.copies.run(os_path.unlink)
            await self.copies.run(sync_directory, os_path.parent)
            await self.forget(location)
        return True

    @contextlib.contextmanager
    def appearing_now(self, location: Location) -> Iterator[None]:
        """Within it, a file appears under a free name: it is owed as a new object, even if that name had a baseline.

        For use off the event loop, under the lock of that path. An error means that no file appeared.
        """
        if location.is_delocalized:
            self._journal.expect_absent_again(*_row(location))
        try:
            yield
        except BaseException:
            if location.is_delocalized:
                self._journal.forget(location.api_path)
            raise

    async def adopt(self, location: Location, complete: Path, *, first: Callable[[], None] = _nothing) -> None:
        """Make a complete file of the same folder the working copy; see ``save``."""
        before = partial(self._before_saving, location, first)
        await self.copies.adopt(complete, self.os_path(location), before=before)

    async def install(
        self,
        os_path: Path,
        download: Download,
        is_wanted: Callable[[], bool],
        *,
        expected: FileDigest | None,
        keeping: Keeping | None,
    ) -> bool:
        """Put a downloaded file in the place of a working copy; see ``WorkingCopies.install``.

        Returns:
            False, and nothing changed, when the working copy holds something else or the name to keep it is taken.
        """
        install = partial(self.copies.install, download, os_path, expected=expected, is_wanted=is_wanted)
        async with contextlib.AsyncExitStack() as locks:
            await locks.enter_async_context(self.copies.lock(os_path))
            if keeping is None:
                return await install()
            appearing: Appearing = contextlib.nullcontext
            if keeping.owed_as is not None:
                # Names of kept files are longer than what they keep: these locks are always taken in this order.
                await locks.enter_async_context(self.copies.lock(keeping.kept))
                appearing = partial(self.appearing_now, keeping.owed_as)
            return await install(keep_old_as=keeping.kept, appearing=appearing)

    def begin_install_now(self, location: Location, seen: Baseline | None) -> tuple[bool, Baseline | None]:
        """Prepare the journal for a downloaded version that is about to become the working copy.

        For use off the event loop, in the turn of the working copy's folder.

        Returns:
            Whether the baseline is still the one that was seen, and the baseline that the install stands on: open
            uploads over it are no longer recognised (see ``Journal.detach_attempts``).
        """
        if seen is None:
            return self.baseline_now(location) is None, None
        stands_on = self._journal.detach_attempts(*_row(location), seen=seen)
        return stands_on is not None, stands_on

    async def settle_if_equal(self, location: Location) -> bool:
        """Drop a debt if the working copy is known to be what the bucket holds, or is gone.

        Returns:
            Whether nothing is owed now.
        """
        os_path = self.os_path(location)
        async with self.copies.lock(os_path):
            return await self.copies.run(self._settle_if_equal, location, os_path)

    async def has_edits(self, location: Location) -> bool:
        """Whether the working copy is not known to be what the bucket holds."""
        digest = await self.digest(location)
        return digest is not None and not is_settled(await self.baseline(location), digest.crc32c)

    async def begin_attempt(self, location: Location, over: Baseline, content: FileDigest) -> WriteAttempt | None:
        """Record an upload before its request leaves; see ``Journal.begin_attempt``.

        Returns:
            The attempt; None when the working copy holds something else by now, or the baseline is another one.
        """
        return await self.copies.run(self._begin_attempt, location, over, content)

    async def end_attempt(self, attempt: WriteAttempt) -> None:
        """Record that an upload certainly has no effect and will have none."""
        await self.copies.run(self._journal.end_attempt, attempt.id)

    async def settle_attempts(self, location: Location, digest: FileDigest) -> None:
        """Record that nothing is owed, and that no open attempt can have an effect, if it holds this content still."""
        os_path = self.os_path(location)
        async with self.copies.lock(os_path):
            await self.copies.run(self._settle_attempts, location, os_path, digest)

    async def is_owed(self, location: Location) -> bool:
        """Whether the journal says that a working copy owes the bucket something."""
        return await self.copies.run(self._journal.is_owed, location.api_path)

    async def debts(self) -> tuple[Debt, ...]:
        """Everything the journal says is owed."""
        return await self.copies.run(self._journal.debts)

    async def owe_all(self, locations: Iterable[Location]) -> None:
        """Write down debts for working copies that are about to appear."""
        debts = [Debt(path=one.api_path, bucket=one.workspace.bucket, object_name=one.object_name) for one in locations]
        await self.copies.run(self._journal.owe_all, debts)

    async def known_below(self, api_path: str) -> tuple[str, ...]:
        """The API paths at or below one of which the journal knows something."""
        return await self.copies.run(self._journal.below, api_path)

    async def end(self, intent: int, follow: Callable[[], tuple[Iterable[Moved], Iterable[str]]]) -> None:
        """End an intent; see ``Journal.end``."""
        await self.copies.run(self._journal.end, intent, follow)

    def known_below_now(self, api_path: str) -> tuple[str, ...]:
        """See ``known_below``; for use off the event loop."""
        return self._journal.below(api_path)

    async def forget(self, location: Location) -> None:
        """Drop what is known of a working copy."""
        await self.copies.run(self._journal.forget, location.api_path)

    def forget_now(self, location: Location) -> None:
        """See ``forget``; for use off the event loop."""
        self._journal.forget(location.api_path)

    def _before_saving(
        self, location: Location, first: Callable[[], None], digest: FileDigest, *, is_notebook: bool = False
    ) -> None:
        first()
        self._owe(location, digest, is_notebook=is_notebook)

    def _owe(self, location: Location, digest: FileDigest, *, is_notebook: bool = False) -> None:
        """Write down a debt for content that is about to become the working copy."""
        if is_notebook:
            self.copies.own.is_notebook(digest)
        if location.is_delocalized and not is_settled(self.baseline_now(location), digest.crc32c):
            self._journal.owe(*_row(location))

    def baseline_now(self, location: Location) -> Baseline | None:
        """See ``baseline``; for use off the event loop."""
        return self._journal.baseline(*_row(location))

    def _advance_if_held(
        self, location: Location, expected: Baseline | None, version: ObjectVersion, content: FileDigest
    ) -> bool:
        os_path = self.os_path(location)
        with turn_in(os_path.parent):
            if self.copies.digest_now(os_path) != content:
                return False  # Another server of this disk has saved over it.
            return self._advance(location, expected, version, content.crc32c, settles=True)

    def _record(
        self, location: Location, os_path: Path, expected: Baseline | None, version: ObjectVersion, crc32c: str
    ) -> bool:
        with turn_in(os_path.parent):
            digest = self.copies.digest_now(os_path)
            settles = digest is not None and digest.crc32c == crc32c
            return self._advance(location, expected, version, crc32c, settles=settles)

    def _begin_attempt(self, location: Location, over: Baseline, content: FileDigest) -> WriteAttempt | None:
        os_path = self.os_path(location)
        with turn_in(os_path.parent):
            if self.copies.digest_now(os_path) != content:
                return None  # Another server of this disk has put a version in its place, or a program wrote it.
            return self._journal.begin_attempt(*_row(location), over=over, crc32c=content.crc32c)

    def _settle_if_equal(self, location: Location, os_path: Path) -> bool:
        with turn_in(os_path.parent):
            digest = self.copies.digest_now(os_path)
            if digest is not None and not is_settled(self.baseline_now(location), digest.crc32c):
                return False
            self._journal.settle(location.api_path)
            return True

    def _settle_attempts(self, location: Location, os_path: Path, digest: FileDigest) -> None:
        with turn_in(os_path.parent):
            if self.copies.digest_now(os_path) == digest:
                self._journal.settle_attempts(location.api_path)

    def _advance(
        self, location: Location, expected: Baseline | None, version: ObjectVersion, crc32c: str, *, settles: bool
    ) -> bool:
        return self._journal.advance(
            *_row(location),
            expected=expected,
            generation=version.generation,
            metageneration=version.metageneration,
            crc32c=crc32c,
            metadata=with_fields(version),
            settles=settles,
        )


def _row(location: Location) -> tuple[str, str, str]:
    """What names a working copy and its object in the journal."""
    return location.api_path, location.workspace.bucket, location.object_name
