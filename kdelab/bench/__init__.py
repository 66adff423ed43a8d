"""Measurements for `make bench`: how long, and how much memory."""
