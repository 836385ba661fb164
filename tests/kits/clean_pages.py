"""What a page of a preview may be to a browser: nothing that acts, nothing from elsewhere."""

from html.parser import HTMLParser

FORBIDDEN_TAGS = frozenset(
    ("script", "link", "base", "form", "iframe", "object", "embed", "svg", "math", "input", "video", "audio")
)


class Elements(HTMLParser):
    """Everything a browser would see in a page."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def require_clean(page, *, elsewhere):
    """Fail for a page in which something acts, or that asks another host for something.

    Args:
        page: the page.
        elsewhere: the host that a hostile notebook names.
    """
    for tag, attributes in Elements(page).found:
        assert tag not in FORBIDDEN_TAGS, tag
        assert not [name for name in attributes if name.startswith("on")], attributes
        for name in ("src", "href", "background", "poster", "srcset", "action", "data"):
            value = (attributes.get(name) or "").lower()
            assert tag == "a" or value.startswith("data:image/") or elsewhere not in value, (tag, attributes)
            assert "javascript:" not in value, attributes
            assert tag == "img" or not value.startswith("data:"), attributes
        assert elsewhere not in (attributes.get("style") or "")
    head, _, rest = page.partition("</head>")
    assert elsewhere not in head, "the head is ours"
    assert "<style" not in rest
    assert "<meta" not in rest
    assert page.count("<main>") == page.count("</main>") == page.count("</body>") == 1
