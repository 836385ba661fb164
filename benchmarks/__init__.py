"""What the package costs, counted and timed beside Jupyter's own contents manager: ``python -m benchmarks.run``."""
