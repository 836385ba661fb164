"""Making objects out of objects: copy, rewrite, move, compose, restore (GCS JSON API: "Objects").

Each is one transaction, and none but compose copies bytes: the new generation shares the content of the old one.
"""

from typing import Any

from jupyter_terra_env.bucket.embedded import contents, stored_objects
from jupyter_terra_env.bucket.embedded.buckets import required_bucket
from jupyter_terra_env.bucket.embedded.database import Database, Transaction
from jupyter_terra_env.bucket.embedded.errors import invalid
from jupyter_terra_env.bucket.embedded.messages import Resource, Response
from jupyter_terra_env.bucket.embedded.names import check_object_name
from jupyter_terra_env.bucket.embedded.objects import required_generation
from jupyter_terra_env.bucket.embedded.preconditions import Preconditions
from jupyter_terra_env.bucket.embedded.properties import object_in, replaced, resource_in
from jupyter_terra_env.bucket.embedded.resources import object_resource
from jupyter_terra_env.bucket.embedded.responses import json_answer
from jupyter_terra_env.bucket.embedded.routes import Call, whole_number
from jupyter_terra_env.bucket.embedded.stored_objects import StoredObject

_MOST_COMPONENTS = 32
_REWRITTEN_AT_ONCE_BYTES = 8 << 20
"""Cloud Storage rewrites within a place and a storage class at once; from one to another, in such steps."""


def copy(database: Database, call: Call) -> Response:
    """Answer objects.copy and objects.rewrite; a rewrite of much takes several calls, each with a token.

    An empty body copies the metadata too, any other body replaces it.
    """
    resource = resource_in(call.request.body)
    check_object_name(call.to_object)
    conditions = Preconditions.of(call.query, call.request)
    with database.write() as transaction:
        source = _source(transaction, call)
        bucket = required_bucket(transaction, call, call.to_bucket)
        conditions.check_write(stored_objects.find_live(transaction, bucket.name, call.to_object))
        if call.operation == "objects.rewrite" and (unfinished := _rewrite_goes_on(call, source)):
            return unfinished
        properties = _copied_properties(source, resource)
        made = stored_objects.place(transaction, bucket, call.to_object, source.content_id, properties)
    made_resource = object_resource(made, call.request.base_url)
    return json_answer(call, made_resource if call.operation == "objects.copy" else _rewrite_answer(made_resource))


def move(database: Database, call: Call) -> Response:
    """Answer objects.move: the object appears under its new name and leaves the old one, or nothing happens."""
    check_object_name(call.to_object)
    if call.to_object == call.object_name:
        raise invalid("The source and destination objects of a move must differ.")
    conditions = Preconditions.of(call.query, call.request)
    with database.write() as transaction:
        bucket = required_bucket(transaction, call)
        source = _source(transaction, call)
        conditions.check_write(stored_objects.find_live(transaction, bucket.name, call.to_object))
        made = stored_objects.place(transaction, bucket, call.to_object, source.content_id, source.properties)
        stored_objects.retire(transaction, bucket, source)
    return json_answer(call, object_resource(made, call.request.base_url))


def compose(database: Database, call: Call) -> Response:
    """Answer objects.compose: one object made of up to 32 others of the bucket, in order."""
    request = resource_in(call.request.body)
    check_object_name(call.object_name)
    conditions = Preconditions.of(call.query, call.request)
    with database.write() as transaction:
        bucket = required_bucket(transaction, call)
        sources = [_component(transaction, call, component) for component in _components(request)]
        conditions.check_write(stored_objects.find_live(transaction, bucket.name, call.object_name))
        content_id = contents.concatenate(transaction, [source.content_id for source in sources])
        properties = replaced(object_in(request, "destination"))
        made = stored_objects.place(transaction, bucket, call.object_name, content_id, properties)
    return json_answer(call, object_resource(made, call.request.base_url))


def restore(database: Database, call: Call) -> Response:
    """Answer objects.restore: a soft-deleted generation becomes live again, as a new generation."""
    generation = call.query.integer("generation")
    if generation is None:
        raise invalid("Required parameter: generation")
    conditions = Preconditions.of(call.query, call.request)
    with database.write() as transaction:
        bucket = required_bucket(transaction, call)
        deleted = required_generation(transaction, bucket.name, call.object_name, generation, soft_deleted=True)
        conditions.check_write(stored_objects.find_live(transaction, bucket.name, call.object_name))
        made = stored_objects.place(transaction, bucket, call.object_name, deleted.content_id, deleted.properties)
    return json_answer(call, object_resource(made, call.request.base_url))


def _source(transaction: Transaction, call: Call) -> StoredObject:
    required_bucket(transaction, call)
    generation = call.query.integer("sourceGeneration")
    source = required_generation(transaction, call.bucket, call.object_name, generation)
    Preconditions.of_source(call.query).check_write(source)
    return source


def _copied_properties(source: StoredObject, resource: Resource) -> Resource:
    if not resource:
        return source.properties
    kept = {field: source.properties[field] for field in ("contentType", "storageClass") if field in source.properties}
    return kept | replaced(resource)


def _rewrite_goes_on(call: Call, source: StoredObject) -> Response | None:
    """The answer of a call that is not the last; None for the last one. Nothing is kept between calls."""
    size = source.size
    token = call.query.get("rewriteToken")
    before = 0
    if token is not None:
        generation, _, done = token.partition("-")
        if generation != str(source.generation) or not done.isdigit():
            raise invalid("The rewrite token is not valid for these objects.")
        before = int(done)
    rewritten = before + _REWRITTEN_AT_ONCE_BYTES
    if rewritten >= size:
        return None
    answer = {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": str(rewritten),
        "objectSize": str(size),
        "done": False,
        "rewriteToken": f"{source.generation}-{rewritten}",
    }
    return json_answer(call, answer)


def _rewrite_answer(resource: Resource) -> Resource:
    return {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": resource["size"],
        "objectSize": resource["size"],
        "done": True,
        "resource": resource,
    }


def _components(request: Resource) -> list[dict[str, Any]]:
    components = request.get("sourceObjects")
    if not isinstance(components, list) or not 1 <= len(components) <= _MOST_COMPONENTS:
        raise invalid(f"A composition takes 1 to {_MOST_COMPONENTS} source objects.")
    if not all(isinstance(component, dict) and isinstance(component.get("name"), str) for component in components):
        raise invalid("Every source object of a composition needs a name.")
    return components


def _component(transaction: Transaction, call: Call, component: dict[str, Any]) -> StoredObject:
    generation, wanted = component.get("generation"), object_in(component, "objectPreconditions")
    found = required_generation(
        transaction,
        call.bucket,
        component["name"],
        None if generation is None else whole_number(generation, "generation"),
    )
    match = wanted.get("ifGenerationMatch")
    number = None if match is None else whole_number(match, "ifGenerationMatch")
    Preconditions(generation_match=number).check_write(found)
    return found
