"""Whether battles can be fought here, and what it takes if not."""

import pytest

from kdelab.gun.battles import compiling
from kdelab.gun.battles.battle import RecordingError
from kdelab.gun.battles.installation import installed

try:
    installed()
    MISSING = ""
except RecordingError as problem:
    MISSING = str(problem)
MISSING_FOR_ROBOTS = MISSING or ("" if compiling.compiler() else f"needs a JDK: {compiling.INSTALL}")

needs_robocode = pytest.mark.skipif(bool(MISSING), reason=MISSING)
needs_a_jdk = pytest.mark.skipif(bool(MISSING_FOR_ROBOTS), reason=MISSING_FOR_ROBOTS)
