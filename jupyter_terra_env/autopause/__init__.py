"""Autopause: sees what the machine is used for, brings everything to safety, and pauses it. Knows no HTTP server."""
