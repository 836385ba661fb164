"""What is observed of kernels and people: the true state of kernels, their outputs, and human activity."""
