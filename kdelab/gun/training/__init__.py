"""From a log to a gun: read and checked, trained, and judged in words."""
