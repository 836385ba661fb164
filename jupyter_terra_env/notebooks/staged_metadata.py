"""Welder's own records in the staging bucket: read once, at the first start on a disk, and written at each flush.

So an environment that Welder kept goes on with the versions it had, and can go back. Form of both objects:
W-core/JsonCodec.scala:86-118.
"""

import io
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jupyter_terra_env.bucket.store import BucketStore, MustNotExist, ObjectVersion
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.storage_links import StorageLinks
from jupyter_terra_env.rules.edit_lock import read_lock
from jupyter_terra_env.rules.errors import ObjectNotFound, PreconditionFailed, TerraEnvError
from jupyter_terra_env.rules.storage_links import BadRequest, StorageLink, parse_link, parse_path
from jupyter_terra_env.rules.workspace import Location

LINKS_OBJECT = "welder-metadata/storage_links.json"
METADATA_OBJECT = "welder-metadata/gcs_metadata.json"
MOST_BYTES = 64 * 2**20
_ROUNDS = 3
_ASSUMED_METAGENERATION = 0
"""Welder does not record it. The first write over such a baseline is refused by the bucket, and settled by reading."""


_GENERATIONS = 2**63
_CRC32C = re.compile(r"[A-Za-z0-9+/]{6}==")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recorded:
    path: str
    generation: int
    crc32c: str


class StagedMetadata:
    """Reads and writes Welder's records.

    Args:
        bucket: the staging bucket.
        links: storage links.
        storage: working copies and what they last equalled.
        log: the server's log.
    """

    def __init__(
        self,
        bucket: BucketStore,
        links: StorageLinks,
        storage: NotebookStorage,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._bucket = bucket
        self._links = links
        self._storage = storage
        self._log = log

    async def take_over(self) -> None:
        """Take up links and versions that Welder recorded, unless this server has links of its own already.

        Never raises: what cannot be read is logged, and notebooks are then compared by content alone.
        """
        if not self._links.is_new:
            return
        versions = 0

        async def know() -> None:
            nonlocal versions
            versions = sum([await self._adopt(entry) for entry in entries])

        try:
            links = _links_of(await self._read(LINKS_OBJECT))
            entries = _listed(await self._read(METADATA_OBJECT))
            if links:
                await self._links.take_up(links, know)
        except (TerraEnvError, OSError, ValueError, RecursionError) as error:
            self._log.warning("jupyter_terra_env: Welder's records in gs://%s: %s", self._bucket.bucket, error)
            return
        if links:
            self._log.info(
                "jupyter_terra_env: took %d storage links and %d versions from gs://%s.",
                len(links),
                versions,
                self._bucket.bucket,
            )

    async def write(self) -> None:
        """Record the links and versions as Welder does. Never raises: what cannot be written is logged."""
        try:
            await self._replace(LINKS_OBJECT, [link.to_json() for link in self._links.listed])
            await self._replace(METADATA_OBJECT, [entry async for entry in self._entries()])
        except (TerraEnvError, OSError) as error:
            self._log.warning("jupyter_terra_env: records for gs://%s: %s", self._bucket.bucket, error)

    async def _adopt(self, entry: Any) -> bool:
        """Make a recorded version the baseline of a working copy of which nothing is known."""
        recorded = _recorded(entry)
        place = None if recorded is None else self._place_of(recorded.path)
        if recorded is None or place is None:
            return False
        if await self._storage.baseline(place) is not None:
            return False
        at = datetime.fromtimestamp(0, UTC)
        version = ObjectVersion(
            name=place.object_name,
            generation=recorded.generation,
            metageneration=_ASSUMED_METAGENERATION,
            crc32c=recorded.crc32c,
            size_bytes=0,
            updated=at,
            created=at,
        )
        return await self._storage.advance(place, None, version, recorded.crc32c)

    def _place_of(self, path: str) -> Location | None:
        found = self._links.match(path)
        place = None if found is None else found[1]
        return place if place is not None and place.is_delocalized else None

    async def _entries(self) -> Any:
        below = [await self._storage.known_below(link.base) for link in self._links.listed if link.base]
        for path in sorted({path for paths in below for path in paths}):
            place = self._place_of(path)
            baseline = None if place is None else await self._storage.baseline(place)
            if place is None or baseline is None:
                continue
            lock = read_lock(baseline.metadata)
            held = lock is not None and lock.expires_at_ms > 0
            remote: Any = "NotFound"
            if baseline.crc32c:
                remote = {
                    "lock": {"lastLockedBy": lock.holder.owner, "lockExpiresAt": lock.expires_at_ms}
                    if lock is not None and held
                    else None,
                    "crc32c": baseline.crc32c,
                }
            generation = baseline.generation if baseline.crc32c else None
            yield {"localPath": path, "remoteState": remote, "localFileGeneration": generation}

    async def _read(self, name: str) -> Any:
        version = await self._bucket.stat(name)
        if version is None or version.size_bytes > MOST_BYTES:
            return None
        with io.BytesIO() as file:
            try:
                await self._bucket.read_into(name, version.generation, file)
            except (ObjectNotFound, PreconditionFailed):
                return None
            return json.loads(file.getvalue())

    async def _replace(self, name: str, value: Any) -> None:
        content = json.dumps(value, separators=(",", ":")).encode()
        for _ in range(_ROUNDS):
            version = await self._bucket.stat(name)
            precondition = MustNotExist() if version is None else version.precondition
            try:
                with io.BytesIO(content) as file:
                    await self._bucket.write(
                        name, file, content_type="application/json", metadata={}, precondition=precondition
                    )
            except PreconditionFailed:
                continue
            return


def _links_of(value: Any) -> tuple[StorageLink, ...]:
    return tuple(link for link in map(_link_or_none, _listed(value)) if link is not None)


def _link_or_none(value: Any) -> StorageLink | None:
    try:
        return parse_link(value)
    except BadRequest:
        return None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _recorded(entry: Any) -> _Recorded | None:
    """A version as Welder recorded it; None where it recorded none, or what it says cannot be one."""
    remote = entry.get("remoteState") if isinstance(entry, Mapping) else None
    crc32c = remote.get("crc32c") if isinstance(remote, Mapping) else None
    generation = entry.get("localFileGeneration") if isinstance(entry, Mapping) else None
    if not isinstance(generation, int) or isinstance(generation, bool) or not 0 < generation < _GENERATIONS:
        return None
    if not isinstance(crc32c, str) or not _CRC32C.fullmatch(crc32c):
        return None
    try:
        return _Recorded(path=parse_path(entry), generation=generation, crc32c=crc32c)
    except BadRequest:
        return None
