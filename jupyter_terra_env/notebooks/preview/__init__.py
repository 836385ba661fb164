"""Previews: a notebook as a page to read, of which nothing runs and for which nothing from elsewhere is loaded.

``content`` reads what is to be shown, ``pages`` has a child process make the page (``rendering``, which reads the
notebook with ``document`` and cleans it with ``markup``), and ``banner`` is what a page says above the notebook.
"""
