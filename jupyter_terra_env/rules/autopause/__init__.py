"""Rules of autopause: ``machine`` is the table of phases and events, ``state`` its values; the others feed it.

``activity`` classifies signals as human, work or noise, ``kernel_busy`` decides whether a kernel is busy, ``cost``
what running and pausing cost, ``leonardo_parity`` what Leonardo would decide.
"""
