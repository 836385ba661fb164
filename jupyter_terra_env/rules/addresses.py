"""Checks addresses of services that receive secrets, by parsing them rather than by their prefix."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from jupyter_terra_env.rules.errors import SettingsError


def require_safe_address(setting: str, url: str) -> None:
    """Refuse an address that is misleading, or that would send a secret unencrypted.

    Args:
        setting: name of the setting it comes from.
        url: the address.

    Raises:
        SettingsError: it is neither ``https://HOST…`` nor ``http://`` with this machine; or it has a user's name,
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
        host: host of an address, without brackets and port.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_address(url: str) -> bool:
    """Whether an address leads to this machine only; ``http://`` may be omitted."""
    parts = _split(url if "//" in url else f"http://{url}")
    return parts is not None and is_loopback(parts.hostname or "")


def is_plain_address(url: str) -> bool:
    """Whether this is ``http(s)://HOST…``, without a user's name, a fragment, or anything that is read differently."""
    return _split(url) is not None


def _split(url: str) -> SplitResult | None:
    """Return the parts of a plain address; None if two programs might read it differently."""
    if not url.isascii() or any(character <= " " or character in '\\<>"^`{|}\x7f' for character in url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    plain = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    return parts if plain and not parts.fragment else None
