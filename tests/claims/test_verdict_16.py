"""Notebook 16 under a gun that aims elsewhere, and under bullets that say otherwise."""

import numpy as np
import pytest
from sabotage import assert_caught, instead

from kdelab.gun import model
from kdelab.gun.compare import live

pytestmark = pytest.mark.xdist_group("16")
NOTEBOOK = "16-in-the-engine.ipynb"
