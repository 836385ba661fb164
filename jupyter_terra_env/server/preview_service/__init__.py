"""A service that shows previews without a Jupyter Server: one process, many readers, nothing but reading.

``listener`` takes the port and ends cleanly, ``handlers`` answer, ``access`` decides with whose credentials a bucket is
asked, and ``rendered_pages`` renders each version once. Races and limits: docs/protocol/preview-service.md.
"""
