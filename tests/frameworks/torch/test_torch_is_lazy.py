"""kdelab.torch is there, and loads torch when it is asked for."""

import subprocess
import sys


def test_torch_is_imported_with_kdelab_torch_and_not_before():
    script = "import sys, kdelab; print('torch' in sys.modules); kdelab.torch; print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "True"]
