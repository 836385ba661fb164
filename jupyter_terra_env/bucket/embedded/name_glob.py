"""The glob patterns of `matchGlob` (GCS: "Object listing: filter by glob")."""

import re

from jupyter_terra_env.bucket.embedded.errors import invalid

_TOKEN = re.compile(r"\*\*|\*|\?|\[[!^]?[^\]]+\]|[{},]|\\.|.", re.DOTALL)
_MEANINGS = {"**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")"}


def compiled(glob: str) -> re.Pattern[str]:
    """Return a pattern whose `fullmatch` tells whether a name matches.

    `*` and `?` stop at "/", `**` does not, `[abc]` is a set and `{a,b}` a choice.

    Raises:
        ApiError: 400 when braces do not balance or a set is malformed.
    """
    depth, parts = 0, []
    for token in _TOKEN.findall(glob):
        depth += {"{": 1, "}": -1}.get(token, 0)
        parts.append(_translated(token, in_braces=depth > 0))
        if depth < 0:
            break
    try:
        pattern = re.compile("".join(parts), re.DOTALL)
    except re.error:
        depth, pattern = -1, re.compile("")
    if depth:
        raise invalid(f"Invalid matchGlob: {glob!r}.")
    return pattern


def _translated(part: str, *, in_braces: bool) -> str:
    if part == ",":
        return "|" if in_braces else ","
    if part.startswith("[") and len(part) > 1:
        inside = part[1:-1].replace("\\", r"\\").replace("[", r"\[")
        return f"[^{inside[1:]}]" if inside[0] in "!^" else f"[{inside}]"
    literal = part[1:] if part.startswith("\\") and len(part) > 1 else part
    return _MEANINGS.get(part, re.escape(literal))
