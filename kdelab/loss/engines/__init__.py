"""The compiled engines: one table says which of them computes what."""
