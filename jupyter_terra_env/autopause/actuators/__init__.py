"""What can pause the machine, and the chain in which it is tried."""
