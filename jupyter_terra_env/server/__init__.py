"""Jupyter Server's surface: translation between its models and verbs and ours, nothing else."""
