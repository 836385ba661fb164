"""Copies of files and folders between this disk and buckets, by command. Protocol: docs/protocol/copies.md."""
