"""Recognises the copy that a move made of an object in a bucket that cannot rename (``moveTo``).

The copy carries the id of its move, which was in the journal before the request, and the checksum of the copied
content: without it, the mark would also be found on content that another person saved over the copy.
"""

from jupyter_terra_env.rules.edit_lock import ENVIRONMENT_KEY, EXPIRY_KEY, OWNER_KEY
from jupyter_terra_env.rules.readback import Marked

ACT_KEY = "jupyterTerraEnvActId"
_LOCK_KEYS = {OWNER_KEY, EXPIRY_KEY, ENVIRONMENT_KEY}


def metadata_of_copy(source: Marked, act_id: str, *, in_same_bucket: bool) -> dict[str, str]:
    """Return custom metadata for the copy: all of the source's, without a lock if the copy is in another bucket.

    Args:
        source: the object that is copied.
        act_id: id of the move.
        in_same_bucket: whether the copy is in the bucket of the object.
    """
    kept = {key: value for key, value in source.metadata.items() if in_same_bucket or key not in _LOCK_KEYS}
    return {**kept, ACT_KEY: f"{act_id}:{source.crc32c}"}


def is_own_copy(found: Marked, act_id: str) -> bool:
    """Whether an object is the copy that a move made, and still has the copied content.

    Args:
        found: the object.
        act_id: id of the move; empty if it has none.
    """
    return bool(act_id) and found.metadata.get(ACT_KEY) == f"{act_id}:{found.crc32c}"
