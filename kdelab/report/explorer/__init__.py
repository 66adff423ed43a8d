"""One cluster to be moved by hand, and what its gradient wants: in JupyterLab and on pages, by one module."""

from kdelab.extras import need

need("notebooks")
