"""Verdicts, figures, papermill runs and the site built from them. Knows everything below."""
