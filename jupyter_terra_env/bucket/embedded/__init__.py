"""The embedded bucket: the GCS JSON API as one function over SQLite.

`api.EmbeddedBucket` answers requests. `transport.EmbeddedAdapter` mounts it inside the process, without a socket, on
an unmodified google-cloud-storage client; `http_front.EmbeddedServer` serves it on the loopback interface.
"""
