"""The command `jupyter terra-env`: a module for each verb, and what they share.

Verbs are ``demo`` (with ``demo_*``), ``check``, ``locks``, ``flush``, ``autopause``, ``packages``, ``bucket``,
``completion``. Each has ``NAME``, ``HELP``, ``configure`` and ``run``, and ``main`` finds it. ``server_settings``
reads the settings of a server that would start here, ``running_server`` sends requests to one that runs. ``output``
and ``json_errors`` print.
"""
