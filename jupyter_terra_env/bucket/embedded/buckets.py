"""Buckets (GCS JSON API: "Buckets")."""

from jupyter_terra_env.bucket.embedded import stored_buckets, stored_objects
from jupyter_terra_env.bucket.embedded.database import Database, Transaction
from jupyter_terra_env.bucket.embedded.errors import conflict, not_found, precondition_failed, requester_pays
from jupyter_terra_env.bucket.embedded.messages import Response
from jupyter_terra_env.bucket.embedded.names import check_bucket_name
from jupyter_terra_env.bucket.embedded.properties import patched_bucket, replaced_bucket, resource_in
from jupyter_terra_env.bucket.embedded.resources import bucket_resource
from jupyter_terra_env.bucket.embedded.responses import json_answer, no_content
from jupyter_terra_env.bucket.embedded.routes import Call
from jupyter_terra_env.bucket.embedded.stored_buckets import StoredBucket


def required_bucket(transaction: Transaction, call: Call, name: str | None = None) -> StoredBucket:
    """Return the bucket that a call names (or `name`), if the caller may use it.

    Raises:
        ApiError: 404 when there is none, 400 when it is requester pays and no project is named.
    """
    name = call.bucket if name is None else name
    bucket = stored_buckets.find(transaction, name)
    if bucket is None:
        raise not_found(f"The specified bucket does not exist: {name}")
    payer = call.query.get("userProject") or call.request.header("x-goog-user-project")
    if bucket.requester_pays and not payer:
        raise requester_pays()
    return bucket


def list_buckets(database: Database, call: Call) -> Response:
    """Answer buckets.list, in one page."""
    base_url = call.request.base_url
    with database.read() as transaction:
        found = stored_buckets.all_buckets(transaction, call.query.get("prefix") or "")
        items = [bucket_resource(bucket, base_url) for bucket in found]
    return json_answer(call, {"kind": "storage#buckets"} | ({"items": items} if items else {}))


def insert(database: Database, call: Call) -> Response:
    """Answer buckets.insert: 409 when the name is taken."""
    resource = resource_in(call.request.body)
    name = check_bucket_name(resource.get("name"))
    with database.write() as transaction:
        if stored_buckets.find(transaction, name):
            raise conflict("Your previous request to create the named bucket succeeded and you already own it.")
        bucket = stored_buckets.create(transaction, name, replaced_bucket(resource))
    return json_answer(call, bucket_resource(bucket, call.request.base_url))


def get(database: Database, call: Call) -> Response:
    """Answer buckets.get."""
    with database.read() as transaction:
        bucket = required_bucket(transaction, call)
    return json_answer(call, bucket_resource(bucket, call.request.base_url))


def patch(database: Database, call: Call) -> Response:
    """Answer buckets.patch (merge) and buckets.update (replace)."""
    resource = resource_in(call.request.body)
    with database.write() as transaction:
        bucket = required_bucket(transaction, call)
        _judge(call, bucket)
        old = bucket.properties if call.operation == "buckets.patch" else {}
        bucket = stored_buckets.change(transaction, bucket, patched_bucket(old, resource))
    return json_answer(call, bucket_resource(bucket, call.request.base_url))


def delete(database: Database, call: Call) -> Response:
    """Answer buckets.delete: 409 while it holds live or noncurrent objects."""
    with database.write() as transaction:
        bucket = required_bucket(transaction, call)
        _judge(call, bucket)
        if stored_objects.holds_objects(transaction, bucket.name):
            raise conflict("The bucket you tried to delete is not empty.")
        stored_objects.erase_all(transaction, bucket.name)
        stored_buckets.delete(transaction, bucket.name)
    return no_content()


def test_iam_permissions(database: Database, call: Call) -> Response:
    """Answer buckets.testIamPermissions: every caller of the embedded bucket may do everything."""
    with database.read() as transaction:
        required_bucket(transaction, call)
    permissions = call.query.all("permissions")
    return json_answer(call, {"kind": "storage#testIamPermissionsResponse", "permissions": permissions})


def _judge(call: Call, bucket: StoredBucket) -> None:
    match = call.query.integer("ifMetagenerationMatch")
    not_match = call.query.integer("ifMetagenerationNotMatch")
    if match not in {None, bucket.metageneration} or not_match == bucket.metageneration:
        raise precondition_failed()
