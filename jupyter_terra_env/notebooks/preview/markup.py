"""Markup of others, cleaned of everything that acts or that makes a browser ask another host for something."""

import re

import nh3

_TAGS = frozenset(
    (
        *("a", "abbr", "b", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup", "dd", "del"),
        *("details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr"),
        *("i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "section", "small", "span"),
        *("strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr"),
        *("tt", "u", "ul", "var", "wbr"),
    )
)
_GONE_WITH_CONTENT = frozenset(
    (
        *("applet", "audio", "canvas", "embed", "frame", "frameset", "iframe", "math", "noembed", "noframes"),
        *("noscript", "object", "script", "select", "style", "svg", "template", "textarea", "title", "video", "xmp"),
    )
)
_ATTRIBUTES = {
    "*": {"class", "title", "dir", "lang", "role"},
    "a": {"href"},
    "div": {"data-mime-type", "data-type"},
    "col": {"span"},
    "details": {"open"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "span": {"style"},
    "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "align", "scope"},
}
_SCHEMES = frozenset({"http", "https", "mailto", "data"})
_IMAGE = re.compile(r"data:image/(?:png|jpeg|jpg|gif|webp|avif|bmp|x-icon|svg\+xml)[;,]", re.IGNORECASE)
_LINK = re.compile(r"(?:https?:|mailto:|#)", re.IGNORECASE)
_COLOURS = re.compile(r"(?:(?:background-)?color: ?rgb\(\d{1,3}, ?\d{1,3}, ?\d{1,3}\);? ?)+")
"""What ``nbconvert`` makes of terminals' colours that have no names."""
_WITHOUT_TEXT = re.compile(r"<img(?=[ >])(?![^>]*\balt=)")


def cleaned(markup: str) -> str:
    """Markup without anything that acts, that is loaded from elsewhere, or that stands open at the end."""
    clean = nh3.clean(
        markup,
        tags=set(_TAGS),
        clean_content_tags=set(_GONE_WITH_CONTENT),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=_filtered,
        url_schemes=set(_SCHEMES),
        link_rel="noopener noreferrer nofollow",
    )
    return _WITHOUT_TEXT.sub('<img alt="No description has been provided for this image"', clean)


def _filtered(tag: str, attribute: str, value: str) -> str | None:
    match tag, attribute:
        case "img", "src":
            return value if _IMAGE.match(value) else None
        case "a", "href":
            return value if _LINK.match(value) else None
        case _, "style":
            return value if _COLOURS.fullmatch(value) else None
        case _:
            return value
