"""From notebooks to pages: runs, published verdicts, the site."""
