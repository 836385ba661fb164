"""The workspace bucket: one port, its Cloud Storage adapter, and the embedded bucket."""
