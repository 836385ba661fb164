"""REST endpoints and websockets under ``/terra-env``."""
