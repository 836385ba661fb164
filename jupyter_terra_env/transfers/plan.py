"""What a copy is to do: each source gets its target, and each target is looked at."""

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from jupyter_terra_env.bucket.store import BucketStore, ObjectVersion
from jupyter_terra_env.notebooks.concurrency import for_each
from jupyter_terra_env.notebooks.storage.letter_case import distinguishes_case
from jupyter_terra_env.notebooks.storage.pinned_folders import pinned
from jupyter_terra_env.rules.copy_decisions import CopyReason, Existing, IfExists, Step, decide
from jupyter_terra_env.rules.copy_names import clashing, why_no_object, why_not_below
from jupyter_terra_env.rules.errors import OperationRefused
from jupyter_terra_env.transfers.checksums import checksum_of
from jupyter_terra_env.transfers.disk_sources import Found
from jupyter_terra_env.transfers.items import (
    BucketSource,
    BucketTarget,
    CopyRefused,
    DiskSource,
    DiskTarget,
    FileIdentity,
    Item,
    OnDisk,
    Outcome,
    Source,
    passed_over,
)
from jupyter_terra_env.transfers.part_files import remove_second_name, require_real

_LISTED_FROM = 3
"""So many targets in one folder of a bucket are looked at by listing it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a copy goes: a folder, or one name.

    Attributes:
        bucket: bucket name; None for this disk.
        folder: real path on this disk; unused for a bucket.
        prefix: start of object names, empty or with a slash at its end; unused for this disk.
        name: the one name below it; None if sources keep theirs.
    """

    bucket: str | None
    folder: Path = field(default_factory=Path)
    prefix: str = ""
    name: str | None = None


@dataclass(slots=True, kw_only=True)
class Plan:
    """What is to be done.

    Attributes:
        items: what is copied.
        undecided: what a person is to be asked about: a differing target exists.
        outcomes: what is left out.
    """

    items: list[Item] = field(default_factory=list)
    undecided: list[Item] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What protects notebooks from a copy.

    Attributes:
        why_locked: a clause if an object may not be replaced because it is being edited; else None.
        is_working_copy: whether a file of this disk is one that a workspace keeps in its bucket.
    """

    why_locked: Callable[[str, ObjectVersion], str | None]
    is_working_copy: Callable[[Path], bool]


class Planner:
    """Makes plans.

    Args:
        bucket_of: gives a bucket by its name.
        on_disk: calls a function that blocks for the disk.
        if_exists: what is done with targets that exist and differ.
        guards: what protects notebooks.
    """

    def __init__(
        self,
        *,
        bucket_of: Callable[[str], BucketStore],
        on_disk: OnDisk,
        if_exists: IfExists,
        guards: Guards,
    ) -> None:
        self._bucket_of = bucket_of
        self._on_disk = on_disk
        self._if_exists = if_exists
        self._guards = guards

    async def plan(self, found: Iterable[Found], destination: Destination) -> Plan:
        """Give each source its target, and look at it.

        Args:
            found: the sources.
            destination: where they go.

        Raises:
            BucketUnavailable, BucketRefused: as the port says.
        """
        plan = Plan()
        items = self._named(list(found), destination, plan)
        names = [item.target.name for item in items if isinstance(item.target, BucketTarget)]
        objects: dict[str, ObjectVersion] = {}
        if destination.bucket is not None:
            objects = await self._objects(self._bucket_of(destination.bucket), names)

        async def look(item: Item) -> None:
            await self._look(item, objects, plan)

        await for_each(items, look, at_once=16)
        return plan

    def _named(self, found: list[Found], destination: Destination, plan: Plan) -> list[Item]:
        """Items with good names; the others are left out."""
        relatives = [one.relative if destination.name is None else destination.name for one in found]
        distinct = destination.bucket is not None or distinguishes_case(_nearest(destination.folder))
        clashes = clashing(relatives, distinguishes_case=distinct)
        if destination.bucket is not None:
            # A bucket may have an object and a folder of one name.
            clashes = {at: why for at, why in clashes.items() if relatives[at] in relatives[:at]}
        items = []
        for position, (one, relative) in enumerate(zip(found, relatives, strict=True)):
            item = _item(one, destination, relative)
            bad = (
                why_not_below(relative) if destination.bucket is None else why_no_object(destination.prefix + relative)
            )
            if bad is not None:
                plan.outcomes.append(passed_over(CopyReason.BAD_NAME, one.shown, bad))
            elif position in clashes:
                why = clashes[position]
                plan.outcomes.append(passed_over(CopyReason.NAME_CLASH, one.shown, why, target=item.shown_target))
            else:
                items.append(item)
        return items

    async def _objects(self, bucket: BucketStore, names: list[str]) -> dict[str, ObjectVersion]:
        """The existing objects of these names."""
        by_folder: dict[str, list[str]] = {}
        for name in names:
            by_folder.setdefault(name[: name.rfind("/") + 1], []).append(name)
        wanted, existing = set(names), dict[str, ObjectVersion]()

        async def look(folder: str) -> None:
            if len(by_folder[folder]) >= _LISTED_FROM:
                listed = (await bucket.list(folder)).objects
                existing.update((one.name, one) for one in listed if one.name in wanted)
                return
            for name in by_folder[folder]:
                version = await bucket.stat(name)
                if version is not None:
                    existing[name] = version

        await for_each(by_folder, look)
        return existing

    async def _look(self, item: Item, objects: dict[str, ObjectVersion], plan: Plan) -> None:
        if isinstance(item.target, BucketTarget):
            item, looked = await self._look_in_bucket(item, item.target, objects.get(item.target.name))
        else:
            item, looked = await self._look_on_disk(item, item.target)
        if looked.refusal is not None:
            reason, why = looked.refusal
            plan.outcomes.append(passed_over(reason, item.shown_source, why, target=item.shown_target))
            return
        step, why_not = decide(self._if_exists, looked.existing, _changed(item.source))
        if step in {Step.REPLACE, Step.ASK} and looked.why_kept is not None:
            kept = CopyReason.LOCKED if isinstance(item.target, BucketTarget) else CopyReason.WORKING_COPY
            plan.outcomes.append(passed_over(kept, item.shown_source, looked.why_kept, target=item.shown_target))
        elif why_not is not None and step is not Step.ASK:
            plan.outcomes.append(left_out(item, why_not, failed=step is Step.REFUSE))
        else:
            (plan.undecided if step is Step.ASK else plan.items).append(item)

    async def _look_in_bucket(
        self, item: Item, target: BucketTarget, version: ObjectVersion | None
    ) -> tuple[Item, "Looked"]:
        if version is None:
            return item, Looked()
        equal: bool = await self._on_disk(lambda: _is_equal(item.source, version))
        locked = self._guards.why_locked(target.bucket, version)
        item = replace(item, target=replace(target, replaces=version.precondition))
        return item, Looked(is_equal=equal, changed=version.created.timestamp(), why_kept=locked)

    async def _look_on_disk(self, item: Item, target: DiskTarget) -> tuple[Item, "Looked"]:
        looked: Looked = await self._on_disk(lambda: _look_on_disk(item.source, target))
        if looked.identity is None:
            return item, looked
        kept = _WORKING_COPY if self._guards.is_working_copy(target.path) else None
        return replace(item, target=replace(target, replaces=looked.identity)), replace(looked, why_kept=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A target as it was looked at.

    Attributes:
        is_equal: whether it has the source's content.
        changed: when its content was made, epoch seconds; None if there is no target.
        identity: the file, on the disk.
        why_kept: a clause if it is not to be replaced by any option.
        refusal: why nothing can be put there.
    """

    is_equal: bool = False
    changed: float | None = None
    identity: FileIdentity | None = None
    why_kept: str | None = None
    refusal: tuple[CopyReason, str] | None = None

    @property
    def existing(self) -> Existing | None:
        """The target for a decision."""
        return None if self.changed is None else Existing(is_equal=self.is_equal, changed=self.changed)


_WORKING_COPY = (
    "there is a working copy of a workspace's notebook, which is not replaced: "
    "open it in Jupyter, or copy to another name"
)
_EXISTS = "the target exists and differs: choose with --if-exists replace, skip or newer"
_OUTCOMES = {
    CopyReason.EQUAL: "the target has the same content",
    CopyReason.EXISTS: "the target exists",
    CopyReason.NOT_NEWER: "the target is not older",
}


def left_out(item: Item, reason: CopyReason, *, failed: bool = False) -> Outcome:
    """The outcome of an item whose target exists.

    Args:
        item: the item.
        reason: why it is not copied.
        failed: whether the person did not ask for that.
    """
    why = _EXISTS if failed else _OUTCOMES[reason]
    outcome = passed_over(reason, item.shown_source, why, target=item.shown_target)
    return outcome if failed else replace(outcome, result=type(outcome.result).SKIPPED)


def _item(found: Found, destination: Destination, relative: str) -> Item:
    if destination.bucket is not None:
        name = destination.prefix + relative
        return Item(
            source=found.source,
            target=BucketTarget(bucket=destination.bucket, name=name),
            shown_source=found.shown,
            shown_target=f"gs://{destination.bucket}/{name}",
        )
    target = DiskTarget(folder=destination.folder, relative=relative)
    shown = os.path.join(destination.folder, relative)  # noqa: PTH118 - the name may be none that a path can have
    return Item(source=found.source, target=target, shown_source=found.shown, shown_target=shown)


def _changed(source: Source) -> float:
    match source:
        case DiskSource(identity=identity):
            return identity.changed
        case BucketSource(version=version):
            return version.created.timestamp()


def _look_on_disk(source: Source, target: DiskTarget) -> Looked:
    try:
        require_real(target)
        with pinned(target.path) as path:
            info = path.lstat()
            if not stat.S_ISREG(info.st_mode):
                return Looked(refusal=(CopyReason.FOLDER_IN_THE_WAY, "the target is a folder, a link or no file"))
            identity = FileIdentity.of(info)
            equal = isinstance(source, BucketSource) and _has(path, identity.size_bytes, source.version)
            if equal and info.st_nlink > 1 and isinstance(source, BucketSource):
                remove_second_name(path, source.bucket, source.version)
            return Looked(is_equal=equal, changed=identity.changed, identity=identity)
    except CopyRefused as refused:
        return Looked(refusal=(refused.reason, str(refused)))
    except FileNotFoundError:
        return Looked()
    except NotADirectoryError:
        return Looked(refusal=(CopyReason.FOLDER_IN_THE_WAY, "a folder of the target is a file or a link"))
    except OperationRefused:
        return Looked(refusal=(CopyReason.CHANGED, "the target changes at this moment"))
    except OSError as error:
        return Looked(refusal=(CopyReason.DISK, f"the target cannot be looked at ({error.strerror})"))


def _is_equal(source: Source, version: ObjectVersion) -> bool:
    match source:
        case DiskSource(path=path, identity=identity):
            try:
                return _has(path, identity.size_bytes, version)
            except (OSError, OperationRefused):
                return False  # Its upload reports what is wrong.
        case BucketSource(version=own):
            return (own.crc32c, own.size_bytes) == (version.crc32c, version.size_bytes)


def _has(path: Path, size_bytes: int, version: ObjectVersion) -> bool:
    """Whether a file has the content of an object."""
    return size_bytes == version.size_bytes and version.crc32c != "" and checksum_of(path) == version.crc32c


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest above it that exists."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder
