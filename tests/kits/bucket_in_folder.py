"""A bucket in a folder, which a server in a process of its own shares with another person."""

import json
from contextlib import contextmanager

from environments import Outsider
from nbformat import v4

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket


def notebook(*sources, **metadata):
    """A notebook with one code cell per source."""
    cells = [v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    return v4.new_notebook(cells=cells, metadata=metadata)


def sources(content):
    """The cells' sources of a notebook."""
    return ["".join(cell["source"]) for cell in content["cells"]]


class SharedBucket(Outsider):
    """The workspace's bucket as another person sees it."""

    def put_notebook(self, name, *cell_sources, **kwargs):
        return self.put(name, json.dumps(notebook(*cell_sources)), **kwargs)

    def sources(self, name):
        return sources(json.loads(self.content(name)))


@contextmanager
def bucket_in(folder):
    """The bucket, whose ``folder`` is what the server is started with."""
    with EmbeddedBucket(folder / DATABASE_NAME) as engine:
        outsider = SharedBucket(engine=engine)
        outsider.folder = folder
        yield outsider
        outsider.close()
