"""Addresses of single objects: ``gs://BUCKET/OBJECT``, and the names that an object can have.

Source: Cloud Storage's documentation, "About Cloud Storage objects", object name requirements.
"""

from dataclasses import dataclass

from jupyter_terra_env.rules.bucket_names import broken_rule
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.workspace import MAX_OBJECT_NAME_BYTES, is_unicode

SCHEME = "gs://"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectAddress:
    """The address of one object.

    Attributes:
        bucket: bucket name without ``gs://``.
        object_name: the object's name.
    """

    bucket: str
    object_name: str

    @property
    def name(self) -> str:
        """The last component of the object's name."""
        return self.object_name.rstrip("/").rpartition("/")[2]

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.object_name}"


def parse_object_address(text: str) -> ObjectAddress:
    """Read ``gs://BUCKET/OBJECT``. The object's name is taken as it stands: nothing in it is decoded.

    Raises:
        SettingsError: it is no such address.
    """
    bucket, object_name, rule = split_address(text)
    rule = rule or why_no_object(object_name)
    if rule is not None:
        raise SettingsError(f"Expected gs://BUCKET/OBJECT, got {text!r}: {rule}.")
    return ObjectAddress(bucket=bucket, object_name=object_name)


def split_address(text: str) -> tuple[str, str, str | None]:
    """Split ``gs://BUCKET/REST``: the bucket, the rest, and why there can be no such bucket (None if there can)."""
    bucket, _, rest = text.removeprefix(SCHEME).partition("/")
    return bucket, rest, broken_rule(SCHEME + bucket)


def why_no_object(name: str) -> str | None:
    """Return why no notebook can be an object of this name, as the end of a sentence; None if one can."""
    if not name or name.endswith("/"):
        return "the object's name is missing"
    if not is_unicode(name):
        return "the object's name is not valid UTF-8"
    if len(name.encode()) > MAX_OBJECT_NAME_BYTES:
        return f"an object's name has at most {MAX_OBJECT_NAME_BYTES} bytes"
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in name):
        return "the object's name has a control character"
    if not {".", ".."}.isdisjoint(name.split("/")):
        return "the object's name has a '.' or '..' between slashes"
    return None
