"""What is said above a notebook: times in UTC, no names, nothing that a link could break."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.preview.banner import Banner
from jupyter_terra_env.notebooks.preview.pages import Page
from jupyter_terra_env.rules.edit_lock import ALLOWANCE_MS, EXPIRY_KEY, OWNER_KEY

SAVED = datetime(2026, 11, 28, 22, 59, tzinfo=timezone(timedelta(hours=-1)))
LOCKED_UNTIL = datetime(2026, 11, 29, 0, 5, 30, tzinfo=UTC)
LOCKED_UNTIL_MS = int(LOCKED_UNTIL.timestamp() * 1000)


def version(**metadata):
    """A version that was saved an hour before its lock was renewed last."""
    return ObjectVersion(
        name="a.ipynb",
        generation=1,
        metageneration=2,
        crc32c="",
        size_bytes=1,
        created=SAVED,
        updated=SAVED + timedelta(hours=1),
        metadata=metadata,
    )


def test_the_time_of_the_save_is_not_that_of_the_lock():
    banner = Banner.of(version(), now_ms=LOCKED_UNTIL_MS)
    assert "Last saved 2026-11-28 23:59 UTC." in banner.markup()
    assert "edited" not in banner.markup()


@pytest.mark.parametrize(
    ("since_ms", "is_shown"), [(-60_000, True), (0, True), (ALLOWANCE_MS, False), (-(10**10), False)]
)
def test_a_lock_is_shown_while_it_counts(since_ms, is_shown):
    held = version(**{OWNER_KEY: "f" * 64, EXPIRY_KEY: str(LOCKED_UNTIL_MS)})
    markup = Banner.of(held, now_ms=LOCKED_UNTIL_MS + since_ms).markup()
    assert ("Being edited by someone until 00:05 UTC" in markup) is is_shown
    assert "ffff" not in markup


def test_links_are_escaped():
    markup = Banner(links={"Open <b>": 'https://x.org/"onclick="y&z'}).markup()
    assert 'href="https://x.org/&quot;onclick=&quot;y&amp;z"' in markup
    assert "Open &lt;b&gt;" in markup


def test_it_stands_above_the_notebook():
    page = Page(html=b"<head></head><body><main>notebook</main></body>")
    assert b"".join(page.with_banner("banner ")) == b"<head></head><body><main>banner notebook</main></body>"
