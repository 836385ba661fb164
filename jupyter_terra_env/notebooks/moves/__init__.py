"""Rename, delete and copy, of notebooks and whole folders.

``moves`` is the entry; ``planner`` decides, ``intents`` writes the decision down, ``executor`` carries it out in the
bucket, on the disk and in the journal, and ``recovery`` runs again what a crash left unfinished.
"""
