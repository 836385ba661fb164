"""The life of a notebook between the persistent disk and the workspace bucket; knows nothing of HTTP."""
