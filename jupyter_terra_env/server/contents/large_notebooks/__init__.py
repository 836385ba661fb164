"""Large notebooks: read, checked and serialised beside the event loop. Protocol: docs/protocol/large-notebooks.md."""
