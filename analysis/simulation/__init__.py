"""A simulated publisher whose truth is known: event files for the demo, for tests and for benchmarks."""
