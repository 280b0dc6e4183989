"""The page served to others: start, log-in, keys with limits, logs, metrics, health."""
