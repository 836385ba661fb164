"""A notebook that two people changed."""

import nbformat
from nbformat import v4

NAME, KEPT = "a.ipynb", "a (my edits).ipynb"


def stored(*sources):
    """A notebook with these cells, as it is stored."""
    cells = [v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    return nbformat.writes(v4.new_notebook(cells=cells)).encode()


BASE, MINE, THEIRS = stored("one", "two"), stored("one, mine", "two"), stored("one", "two, theirs")
