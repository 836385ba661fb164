"""Recognising the copy that an act made of an object, where the bucket does not rename (``moveTo``).

The copy carries the id of its act, which was in the journal before the request, and the checksum of what was copied:
a mark that somebody's later content carries along proves nothing.
"""

from jupyter_terra_env.rules.edit_lock import ENVIRONMENT_KEY, EXPIRY_KEY, OWNER_KEY
from jupyter_terra_env.rules.readback import Marked

ACT_KEY = "jupyterTerraEnvActId"
_LOCK_KEYS = {OWNER_KEY, EXPIRY_KEY, ENVIRONMENT_KEY}


def metadata_of_copy(source: Marked, act_id: str, *, in_same_bucket: bool) -> dict[str, str]:
    """Custom metadata for the copy: everything others wrote is kept, but for a lock that names another bucket.

    Args:
        source: the object that is copied.
        act_id: of the act.
        in_same_bucket: whether the copy is in the bucket of the object.
    """
    kept = {key: value for key, value in source.metadata.items() if in_same_bucket or key not in _LOCK_KEYS}
    return {**kept, ACT_KEY: f"{act_id}:{source.crc32c}"}


def is_own_copy(found: Marked, act_id: str) -> bool:
    """Whether an object is the copy that an act made, and holds what was copied still.

    Args:
        found: the object.
        act_id: of the act; empty when it has none.
    """
    return bool(act_id) and found.metadata.get(ACT_KEY) == f"{act_id}:{found.crc32c}"
