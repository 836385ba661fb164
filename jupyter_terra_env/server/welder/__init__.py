"""Welder's HTTP API (Terra's notebook companion) over this server's notebooks: ``api`` answers, two mounts carry it."""
