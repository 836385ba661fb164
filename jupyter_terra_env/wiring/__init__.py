"""Builds the parts of a server from its settings and ties them together."""
