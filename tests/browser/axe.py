"""axe-core, run on what is ours of a page. It comes with the front end's development packages."""

from pathlib import Path

import pytest

_AXE = Path(__file__).parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
_RUN = """
async ([selectors, tags]) => {
  const shown = selectors.filter(selector => document.querySelector(selector) !== null);
  const found = await axe.run({ include: shown.map(selector => [selector]) }, { runOnly: tags });
  const lines = ({ id, nodes }) => nodes.map(node => `${id}: ${node.html}: ${node.failureSummary}`);
  return found.violations.flatMap(lines);
}
"""


def violations(page, *selectors):
    """What axe-core finds in the parts of a page with these selectors, one sentence each.

    Args:
        page: a page of Playwright, or a frame.
        selectors: CSS; each must be there.
    """
    for selector in selectors:
        assert page.query_selector(selector) is not None, f"{selector} is not shown"
    if not page.evaluate("typeof axe !== 'undefined'"):
        if not _AXE.is_file():
            pytest.fail("axe-core is not installed: run `jlpm install` in labextension/")
        page.evaluate(_AXE.read_text(encoding="utf-8"))
    return page.evaluate(_RUN, [list(selectors), _TAGS])
