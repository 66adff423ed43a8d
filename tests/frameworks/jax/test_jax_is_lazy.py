"""kdelab.jax is there, and loads jax when it is asked for."""

import subprocess
import sys


def test_jax_is_imported_with_kdelab_jax_and_not_before():
    script = "import sys, kdelab; print('jax' in sys.modules); kdelab.jax; print('jax' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "True"]
