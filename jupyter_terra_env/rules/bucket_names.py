"""Names of buckets: which rule of Cloud Storage a name breaks.

Source: Cloud Storage's documentation, "Bucket naming requirements".
"""

import re

_SHORTEST = 3
_LONGEST = 63
_LONGEST_WITH_DOTS = 222
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_RESERVED = re.compile(r"g[o0]{2}gle")


def bucket_name(value: str) -> str:
    """Return the name in ``gs://BUCKET`` or ``BUCKET``, with or without a final slash; it may break a rule."""
    return value.removeprefix("gs://").removesuffix("/")


def broken_rule(value: str) -> str | None:
    """Return the rule that a bucket's address breaks.

    Args:
        value: ``gs://BUCKET``, or the name alone.

    Returns:
        The rule, as the end of a sentence; None if the name follows all rules.
    """
    scheme = _SCHEME.fullmatch(value)
    if scheme is not None and scheme[1] != "gs":
        return f"a bucket's address begins with 'gs://', not with '{scheme[1]}://'"
    name = bucket_name(value)
    if not name:
        return "the bucket's name is missing"
    if "/" in name:
        return "it also names a folder or an object; the folder belongs in the setting 'prefix'"
    return _broken_by_characters(name) or _broken_by_length(name) or _broken_by_reserved_words(name)


def _broken_by_characters(name: str) -> str | None:
    if name != name.strip() or any(character.isspace() for character in name):
        return "a bucket's name has no blanks"
    if re.search(r"[A-Z]", name):
        return "a bucket's name has no capital letters"
    other = re.search(r"[^a-z0-9._-]", name)
    if other is not None:
        return f"a bucket's name has only letters, digits, '-', '_' and '.', not {other[0]!r}"
    if not re.fullmatch(r"[a-z0-9].*[a-z0-9]|[a-z0-9]", name):
        return "a bucket's name begins and ends with a letter or a digit"
    if ".." in name or ".-" in name or "-." in name:
        return "a dot in a bucket's name stands between letters or digits"
    return None


def _broken_by_length(name: str) -> str | None:
    if len(name) < _SHORTEST:
        return f"a bucket's name has at least {_SHORTEST} characters, this one {len(name)}"
    if "." not in name and len(name) > _LONGEST:
        return f"a bucket's name has at most {_LONGEST} characters, this one {len(name)}"
    if len(name) > _LONGEST_WITH_DOTS:
        return f"a bucket's name with dots has at most {_LONGEST_WITH_DOTS} characters, this one {len(name)}"
    if any(len(part) > _LONGEST for part in name.split(".")):
        return f"each part of a bucket's name between dots has at most {_LONGEST} characters"
    return None


def _broken_by_reserved_words(name: str) -> str | None:
    if _ADDRESS.fullmatch(name):
        return "a bucket's name is not an IP address"
    if name.startswith("goog"):
        return "no bucket's name begins with 'goog'"
    if _RESERVED.search(name):
        return "a bucket's name does not contain 'google' or a similar word"
    return None
