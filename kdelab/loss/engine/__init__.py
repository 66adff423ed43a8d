"""The compiled loops. Nothing compiles at import; what was compiled once is cached on disk, see `compiled`."""
