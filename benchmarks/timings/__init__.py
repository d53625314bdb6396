"""What pytest-benchmark times, a file a table; ``python -m benchmarks`` makes rows of it."""
