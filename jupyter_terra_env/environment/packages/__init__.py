"""Packages that persist: what people install with pip, R and conda stays in a folder on the persistent disk.

``folder`` knows the folder's layout and the variables that direct pip, R and conda to it; ``startup/`` has what each
Python and R then runs at its start, because only the interpreter knows its version and environment. ``interpreters``
finds the Pythons and R of this machine, ``installed`` lists what is in the folder, and ``troubles`` what of it is
broken. ``manifest`` writes and reads what is needed to install it anew, and ``restoring`` does so.
"""
