"""Objects as rows: finding, placing, changing and retiring generations."""

import json
import sqlite3
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from jupyter_terra_env.bucket.embedded import contents
from jupyter_terra_env.bucket.embedded.database import Transaction
from jupyter_terra_env.bucket.embedded.stored_buckets import StoredBucket
from jupyter_terra_env.bucket.embedded.times import microseconds

SELECT = "SELECT o.*, c.size, c.md5, c.crc32c, c.component_count FROM objects o JOIN contents c USING (content_id)"


class State(StrEnum):
    """What a stored generation is to its object name."""

    LIVE = "live"
    NONCURRENT = "noncurrent"
    SOFT_DELETED = "soft-deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One generation of an object. Times are µs since the epoch.

    Attributes:
        properties: The fields of the object resource that clients set: contentType, metadata and their like.
    """

    bucket: str
    name: str
    generation: int
    metageneration: int
    state: State
    content_id: int
    size: int
    md5: bytes | None
    crc32c: bytes
    component_count: int | None
    properties: dict[str, Any]
    created_us: int
    updated_us: int
    deleted_us: int | None
    hard_delete_us: int | None


def from_row(row: sqlite3.Row) -> StoredObject:
    """Read one row of `SELECT`."""
    values = dict(row)
    values["state"] = State(values["state"])
    values["properties"] = json.loads(values["properties"])
    return StoredObject(**values)


def find_live(transaction: Transaction, bucket: str, name: str) -> StoredObject | None:
    """Return the live generation of an object name, or None."""
    row = transaction.one(f"{SELECT} WHERE bucket = ? AND name = ? AND state = 'live'", bucket, name)
    return from_row(row) if row else None


def find_generation(
    transaction: Transaction, bucket: str, name: str, generation: int, *, soft_deleted: bool = False
) -> StoredObject | None:
    """Return one generation, live or noncurrent (or, if asked, soft-deleted), or None."""
    row = transaction.one(f"{SELECT} WHERE bucket = ? AND name = ? AND generation = ?", bucket, name, generation)
    found = from_row(row) if row else None
    return found if found and (found.state is State.SOFT_DELETED) == soft_deleted else None


def place(
    transaction: Transaction, bucket: StoredBucket, name: str, content_id: int, properties: dict[str, Any]
) -> StoredObject:
    """Make `content_id` the live generation of `name`; what was live is retired.

    GCS: a new generation starts at metageneration 1 and inherits nothing from the one before.
    """
    properties = {"storageClass": bucket.storage_class} | properties
    previous = find_live(transaction, bucket.name, name)
    if previous:
        retire(transaction, bucket, previous)
    generation = transaction.next_generation()
    transaction.run(
        "INSERT INTO objects VALUES (?, ?, ?, 'live', 1, ?, ?, ?, ?, NULL, NULL)",
        *(bucket.name, name, generation, content_id, json.dumps(properties)),
        *(transaction.now_us, transaction.now_us),
    )
    row = transaction.one(f"{SELECT} WHERE bucket = ? AND name = ? AND generation = ?", bucket.name, name, generation)
    if row is None:
        raise AssertionError("a content that is placed exists")
    return from_row(row)


def change(transaction: Transaction, stored: StoredObject, properties: dict[str, Any]) -> StoredObject:
    """Give a generation new properties.

    GCS: the metageneration grows by one and `updated` moves; generation and `timeCreated` stay.
    """
    changed = replace(
        stored,
        properties=properties,
        metageneration=stored.metageneration + 1,
        updated_us=transaction.now_us,
    )
    transaction.run(
        "UPDATE objects SET properties = ?, metageneration = ?, updated_us = ?"
        " WHERE bucket = ? AND name = ? AND generation = ?",
        *(json.dumps(properties), changed.metageneration, changed.updated_us),
        *(stored.bucket, stored.name, stored.generation),
    )
    return changed


def retire(transaction: Transaction, bucket: StoredBucket, stored: StoredObject, *, for_good: bool = False) -> None:
    """Take a generation away as its bucket wants it: noncurrent, soft-deleted, or gone.

    Args:
        transaction: A write transaction.
        bucket: Its bucket.
        stored: A live or noncurrent generation.
        for_good: Do not keep it as a noncurrent generation; the soft delete policy still holds.
    """
    _purge_expired(transaction)
    if bucket.versioning and not for_good:
        _set_state(transaction, stored, State.NONCURRENT, None)
    elif bucket.soft_delete_seconds:
        kept_until = transaction.now + timedelta(seconds=bucket.soft_delete_seconds)
        _set_state(transaction, stored, State.SOFT_DELETED, microseconds(kept_until))
    else:
        _erase(transaction, stored.bucket, stored.name, stored.generation, stored.content_id)


def holds_objects(transaction: Transaction, bucket: str) -> bool:
    """Return whether a bucket holds a live or noncurrent generation."""
    found = transaction.one("SELECT 1 FROM objects WHERE bucket = ? AND state <> 'soft-deleted' LIMIT 1", bucket)
    return found is not None


def erase_all(transaction: Transaction, bucket: str) -> None:
    """Delete every generation of a bucket for good, soft-deleted ones too."""
    rows = list(transaction.all("SELECT name, generation, content_id FROM objects WHERE bucket = ?", bucket))
    for row in rows:
        _erase(transaction, bucket, row["name"], row["generation"], row["content_id"])


def _set_state(transaction: Transaction, stored: StoredObject, state: State, hard_delete_us: int | None) -> None:
    transaction.run(
        "UPDATE objects SET state = ?, deleted_us = ?, hard_delete_us = ?"
        " WHERE bucket = ? AND name = ? AND generation = ?",
        *(state.value, transaction.now_us, hard_delete_us, stored.bucket, stored.name, stored.generation),
    )


def _purge_expired(transaction: Transaction) -> None:
    rows = list(
        transaction.all(
            "SELECT bucket, name, generation, content_id FROM objects"
            " WHERE hard_delete_us IS NOT NULL AND hard_delete_us <= ? LIMIT 100",
            transaction.now_us,
        )
    )
    for row in rows:
        _erase(transaction, row["bucket"], row["name"], row["generation"], row["content_id"])


def _erase(transaction: Transaction, bucket: str, name: str, generation: int, content_id: int) -> None:
    transaction.run("DELETE FROM objects WHERE bucket = ? AND name = ? AND generation = ?", bucket, name, generation)
    contents.discard(transaction, content_id)
