"""Reading and changing one object's metadata, and deleting it (GCS JSON API: "Objects")."""

from jupyter_terra_env.bucket.embedded import stored_objects
from jupyter_terra_env.bucket.embedded.buckets import required_bucket
from jupyter_terra_env.bucket.embedded.database import Database, Transaction
from jupyter_terra_env.bucket.embedded.errors import not_found
from jupyter_terra_env.bucket.embedded.messages import Response
from jupyter_terra_env.bucket.embedded.preconditions import Preconditions
from jupyter_terra_env.bucket.embedded.properties import patched, replaced, resource_in
from jupyter_terra_env.bucket.embedded.resources import object_resource
from jupyter_terra_env.bucket.embedded.responses import json_answer, no_content
from jupyter_terra_env.bucket.embedded.routes import Call
from jupyter_terra_env.bucket.embedded.stored_objects import StoredObject


def required_object(transaction: Transaction, call: Call, *, soft_deleted: bool = False) -> StoredObject:
    """Return the generation that a call names: `generation=`, or else the live one.

    Raises:
        ApiError: 404 when there is none.
    """
    return required_generation(
        transaction, call.bucket, call.object_name, call.query.integer("generation"), soft_deleted=soft_deleted
    )


def required_generation(
    transaction: Transaction, bucket: str, name: str, generation: int | None, *, soft_deleted: bool = False
) -> StoredObject:
    """Return one generation of an object, or the live one for None.

    Raises:
        ApiError: 404 when there is none.
    """
    if generation is None:
        found = stored_objects.find_live(transaction, bucket, name)
    else:
        found = stored_objects.find_generation(transaction, bucket, name, generation, soft_deleted=soft_deleted)
    if found is None:
        raise not_found(f"No such object: {bucket}/{name}")
    return found


def get(database: Database, call: Call) -> Response:
    """Answer objects.get."""
    conditions = Preconditions.of(call.query, call.request)
    with database.read() as transaction:
        required_bucket(transaction, call)
        found = required_object(transaction, call, soft_deleted=call.query.flag("softDeleted"))
        conditions.check_read(found)
    return json_answer(call, object_resource(found, call.request.base_url))


def change(database: Database, call: Call) -> Response:
    """Answer objects.patch (merge) and objects.update (replace)."""
    resource = resource_in(call.request.body)
    conditions = Preconditions.of(call.query, call.request)
    with database.write() as transaction:
        required_bucket(transaction, call)
        found = required_object(transaction, call)
        conditions.check_write(found)
        if call.operation == "objects.patch":
            properties = patched(found.properties, resource)
        else:
            properties = {"storageClass": found.properties.get("storageClass", "STANDARD")} | replaced(resource)
        changed = stored_objects.change(transaction, found, properties)
    return json_answer(call, object_resource(changed, call.request.base_url))


def delete(database: Database, call: Call) -> Response:
    """Answer objects.delete. In a versioned bucket only a delete that names its generation is for good."""
    conditions = Preconditions.of(call.query, call.request)
    with database.write() as transaction:
        bucket = required_bucket(transaction, call)
        found = required_object(transaction, call)
        conditions.check_write(found)
        for_good = call.query.get("generation") is not None
        stored_objects.retire(transaction, bucket, found, for_good=for_good)
    return no_content()
