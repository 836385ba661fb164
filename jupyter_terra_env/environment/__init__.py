"""The environment the server runs in: its settings, its person, its machine, and the cloud services it uses.

``settings`` turns variables, traitlets and ``folder_files`` into workspaces; ``workspace_folders`` and
``private_folder`` create their folders. ``identity`` says who the person is and which environment this is,
``machine_identity`` whether the disk is still on the same machine. ``metadata``, ``leonardo``, ``compute_engine`` and
``access_token`` are clients of cloud services; ``machine_facts`` and ``price_file`` say what the machine costs.
``packages`` keeps what people install on the persistent disk.
"""
