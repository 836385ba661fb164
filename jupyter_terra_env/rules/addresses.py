"""Addresses of services that are sent secrets: parsed, never judged by how they begin."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from jupyter_terra_env.rules.errors import SettingsError


def require_safe_address(setting: str, url: str) -> None:
    """Refuse an address that is not what it looks like, or over which a secret would go in the clear.

    Args:
        setting: name of the setting it comes from.
        url: the address.

    Raises:
        SettingsError: it is not ``https://HOST…``, nor ``http://`` and this very machine; or it has a user's name,
            a fragment, or characters that programs read differently.
    """
    parts = _split(url)
    if parts is None:
        raise SettingsError(f"{setting}: expected an address such as https://HOST/PATH, without a user's name in it.")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise SettingsError(f"{setting}: expected an https:// address; http:// is for this machine only (127.0.0.1).")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address can only be this machine.

    Args:
        host: as in an address, without brackets and port.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_address(url: str) -> bool:
    """Whether an address leads to this machine only; ``http://`` may be left out."""
    parts = _split(url if "//" in url else f"http://{url}")
    return parts is not None and is_loopback(parts.hostname or "")


def _split(url: str) -> SplitResult | None:
    """The parts of a plain address; None for anything that two programs might read in two ways."""
    if not url.isascii() or any(character <= " " or character in '\\<>"^`{|}\x7f' for character in url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    plain = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    return parts if plain and not parts.fragment else None
