"""The headers of every preview: a policy that lets nothing in it act, and nothing be loaded."""

import re

from jupyter_terra_env.rules.errors import SettingsError

_POLICY = "sandbox{}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
_LEAVING_FRAMES = " allow-top-navigation-by-user-activation"
"""Lets a person's click on a link of ours leave the frame; links of a notebook have no target, and stay within it."""
_FRAMES = re.compile(r"frame-ancestors(?:\s+[^;,]*)?", re.IGNORECASE)
_SOURCE = re.compile(r"[A-Za-z0-9'*:/.\[\]_-]+")
OWN_FRAMES = "frame-ancestors 'self'"


def preview_headers(policy: str) -> dict[str, str]:
    """What every page of a preview is sent with.

    Args:
        policy: see ``policy_for``.
    """
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-DNS-Prefetch-Control": "off",
    }


def policy_for(frames: str = OWN_FRAMES, *, leaves_frames: bool = False) -> str:
    """The policy of a preview.

    Args:
        frames: the ``frame-ancestors`` directive: which pages may show it in a frame.
        leaves_frames: whether links of ours on the page open in the whole window.
    """
    return f"{_POLICY.format(_LEAVING_FRAMES if leaves_frames else '')}; {frames}"


def checked_frames(setting: str, sources: str) -> str:
    """The ``frame-ancestors`` directive for some sources, separated by spaces.

    Args:
        setting: what errors call it.
        sources: such as ``'self' https://app.example.org``.

    Raises:
        SettingsError: they would be more than that directive.
    """
    listed = sources.split()
    if not listed or not all(_SOURCE.fullmatch(source) for source in listed):
        raise SettingsError(f"{setting}: expected sources such as \"'self' https://app.example.org\", got {sources!r}.")
    return f"frame-ancestors {' '.join(listed)}"


def policy_within(headers: object) -> str:
    """The policy of a preview, in the frames that the operator allows Jupyter's pages in.

    Args:
        headers: ``headers`` of the server's ``tornado_settings``.
    """
    known = headers.items() if isinstance(headers, dict) else ()
    theirs = [str(value) for name, value in known if str(name).lower() == "content-security-policy"]
    found = [directive.strip() for value in theirs for directive in _FRAMES.findall(" ".join(value.split()))]
    first, *others = found or [OWN_FRAMES]
    # Of several policies, each has to allow it.
    return ", ".join([policy_for(first), *others])
