"""Autopause in a Jupyter server: settings, endpoints, events, metrics, and the service that runs it."""
