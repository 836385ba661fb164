"""Rename, delete and copy, of notebooks and whole folders.

``moves`` is the entry. ``planner`` decides which objects a move is about, ``name_checks`` and ``notebook_checks``
whether it is allowed. ``intents`` keeps the decision in the journal. ``runner`` has the order of the steps, for the
first run and for each later one, which begins with ``remaining_work``. ``executor`` has the steps: ``object_writes``
and ``moves_by_copy`` in the bucket, ``aside`` and ``trash`` on the disk, ``journal_rows`` in the journal. ``recovery``
decides when a move runs, and ``act_owners`` knows which servers are alive.
"""
