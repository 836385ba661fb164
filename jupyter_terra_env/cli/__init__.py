"""The command ``jupyter terra-env``, one module a verb."""
