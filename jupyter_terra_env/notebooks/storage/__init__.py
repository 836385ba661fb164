"""What notebooks are stored in: working copies on the persistent disk, the journal, and the bucket's objects.

``notebook_storage`` is the entry for the rooms above; ``working_copies`` writes files durably, ``journal`` keeps
baselines and debts, ``bucket_listings`` shows bucket and disk as one folder.
"""
