"""The container the server runs in: its variables, its folders, its settings."""
