"""The commands of ``python -m kdelab.gun``: a module each, with ``add``, which gives the parser one more command."""
