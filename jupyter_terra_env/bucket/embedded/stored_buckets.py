"""Buckets as rows."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from jupyter_terra_env.bucket.embedded.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBucket:
    """A bucket. Times are µs since the epoch; `properties` holds the fields that clients set."""

    name: str
    metageneration: int
    properties: dict[str, Any]
    created_us: int
    updated_us: int

    @property
    def versioning(self) -> bool:
        """Whether replaced and deleted generations stay as noncurrent ones."""
        return bool((self.properties.get("versioning") or {}).get("enabled"))

    @property
    def soft_delete_seconds(self) -> int:
        """How long what is deleted can be restored; 0 when it cannot.

        GCS keeps it seven days by default; here nothing is kept unless configured, because every autosave would stay on
        the disk.
        """
        return int((self.properties.get("softDeletePolicy") or {}).get("retentionDurationSeconds") or 0)

    @property
    def storage_class(self) -> str:
        """The storage class of objects that are made without one."""
        return str(self.properties.get("storageClass", "STANDARD"))

    @property
    def requester_pays(self) -> bool:
        """Whether requests must name a project to pay."""
        return bool((self.properties.get("billing") or {}).get("requesterPays"))


def find(transaction: Transaction, name: str) -> StoredBucket | None:
    """Return the bucket of that name, or None."""
    row = transaction.one("SELECT * FROM buckets WHERE name = ?", name)
    return _from_row(row) if row else None


def all_buckets(transaction: Transaction, prefix: str) -> Iterator[StoredBucket]:
    """Yield the buckets whose names begin with `prefix`, in order."""
    rows = transaction.all("SELECT * FROM buckets ORDER BY name")
    return (_from_row(row) for row in rows if row["name"].startswith(prefix))


def create(transaction: Transaction, name: str, properties: dict[str, Any]) -> StoredBucket:
    """Store a new bucket."""
    now = transaction.now_us
    transaction.run("INSERT INTO buckets VALUES (?, 1, ?, ?, ?)", name, json.dumps(properties), now, now)
    return StoredBucket(name=name, metageneration=1, properties=properties, created_us=now, updated_us=now)


def change(transaction: Transaction, bucket: StoredBucket, properties: dict[str, Any]) -> StoredBucket:
    """Give a bucket new properties; its metageneration grows by one."""
    changed = replace(
        bucket,
        properties=properties,
        metageneration=bucket.metageneration + 1,
        updated_us=transaction.now_us,
    )
    transaction.run(
        "UPDATE buckets SET properties = ?, metageneration = ?, updated_us = ? WHERE name = ?",
        *(json.dumps(properties), changed.metageneration, changed.updated_us, bucket.name),
    )
    return changed


def delete(transaction: Transaction, name: str) -> None:
    """Delete a bucket's own row."""
    transaction.run("DELETE FROM buckets WHERE name = ?", name)


def _from_row(row: sqlite3.Row) -> StoredBucket:
    return StoredBucket(**{**dict(row), "properties": json.loads(row["properties"])})
