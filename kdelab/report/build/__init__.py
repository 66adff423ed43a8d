"""From notebooks to pages: runs, published verdicts, the site."""

from kdelab.extras import need

need("notebooks")
