"""The strategy: pure functions of arrays, without clock, I/O, randomness or logging."""
