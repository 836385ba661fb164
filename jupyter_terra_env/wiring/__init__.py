"""Builds the parts of a server from its settings and ties them together.

``notebooks`` builds what ``notebooks/`` is made of, two of its rooms by ``rooms``; ``notebook_parts`` starts and ends
it, and hands the contents manager and the handlers what they need. ``autopause`` and ``welder`` build on that;
``lifetime`` starts and stops everything.
"""
