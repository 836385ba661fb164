"""What the database holds, as the resources of the API (GCS JSON API: "Objects", "Buckets")."""

import base64
from typing import Any
from urllib.parse import quote

from jupyter_terra_env.bucket.embedded.messages import Resource
from jupyter_terra_env.bucket.embedded.stored_buckets import StoredBucket
from jupyter_terra_env.bucket.embedded.stored_objects import State, StoredObject
from jupyter_terra_env.bucket.embedded.times import rfc3339

_PROJECT_NUMBER = "1"


def etag(generation: int, metageneration: int) -> str:
    """Return the entity tag: another one for every change of content or metadata."""
    return base64.b64encode(f"{generation}/{metageneration}".encode()).decode()


def base64_text(raw: bytes) -> str:
    """Return a checksum as the API writes it."""
    return base64.b64encode(raw).decode()


def object_resource(stored: StoredObject, base_url: str) -> Resource:
    """Return the object resource; its links begin with `base_url`. 64-bit numbers are strings, as in the API."""
    path = f"storage/v1/b/{quote(stored.bucket, safe='')}/o/{quote(stored.name, safe='')}"
    resource: Resource = {
        "kind": "storage#object",
        "id": f"{stored.bucket}/{stored.name}/{stored.generation}",
        "selfLink": f"{base_url}/{path}",
        "mediaLink": f"{base_url}/download/{path}?generation={stored.generation}&alt=media",
        "name": stored.name,
        "bucket": stored.bucket,
        "generation": str(stored.generation),
        "metageneration": str(stored.metageneration),
        "size": str(stored.size),
        "crc32c": base64_text(stored.crc32c),
        "etag": etag(stored.generation, stored.metageneration),
        "timeCreated": rfc3339(stored.created_us),
        "updated": rfc3339(stored.updated_us),
        "timeStorageClassUpdated": rfc3339(stored.created_us),
        "timeFinalized": rfc3339(stored.created_us),
    }
    return resource | stored.properties | _only_some_have(stored)


def bucket_resource(bucket: StoredBucket, base_url: str) -> Resource:
    """Return the bucket resource; its link begins with `base_url`."""
    resource: Resource = {
        "kind": "storage#bucket",
        "id": bucket.name,
        "selfLink": f"{base_url}/storage/v1/b/{quote(bucket.name, safe='')}",
        "name": bucket.name,
        "projectNumber": _PROJECT_NUMBER,
        "metageneration": str(bucket.metageneration),
        "etag": etag(bucket.created_us, bucket.metageneration),
        "timeCreated": rfc3339(bucket.created_us),
        "updated": rfc3339(bucket.updated_us),
        "location": "US",
        "locationType": "multi-region",
        "storageClass": "STANDARD",
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
    }
    policy = {"retentionDurationSeconds": str(bucket.soft_delete_seconds)}
    if bucket.soft_delete_seconds:
        policy["effectiveTime"] = rfc3339(bucket.created_us)
    return resource | bucket.properties | {"softDeletePolicy": policy}


def _only_some_have(stored: StoredObject) -> Resource:
    fields: dict[str, Any] = {
        "md5Hash": base64_text(stored.md5) if stored.md5 else None,
        "componentCount": stored.component_count,
    }
    deleted = rfc3339(stored.deleted_us) if stored.deleted_us is not None else None
    match stored.state:
        case State.SOFT_DELETED if stored.hard_delete_us is not None:
            fields |= {"softDeleteTime": deleted, "hardDeleteTime": rfc3339(stored.hard_delete_us)}
        case State.NONCURRENT:
            fields["timeDeleted"] = deleted
        case _:
            pass
    return {name: value for name, value in fields.items() if value is not None}
