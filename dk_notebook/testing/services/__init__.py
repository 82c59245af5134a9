"""Real servers for tests, demo and benchmarks, started from what pip installs."""
