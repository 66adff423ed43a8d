"""The commands of ``kdelab gun``: a module each, with ``add``, which gives the parser one more command."""
