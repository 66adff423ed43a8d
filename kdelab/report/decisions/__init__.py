"""From cells to checks: what docs/preregistration.md says of each claim that recorded battles decide."""

from kdelab.extras import need

need("gun")
