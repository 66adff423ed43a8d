"""A campaign of 2,040 difficult clusters over all kernels and rules: losses and all derivatives against `brute`."""

import campaign
import pytest

SEED, EACH = 14, 170


@pytest.mark.slow
@pytest.mark.parametrize("name", campaign.KERNELS)
def test_losses_and_all_derivatives_are_as_good_as_promised(name):
    worst, above = campaign.hunt(SEED, EACH, name)
    assert set(worst) == {"loss", "logits", "points", "log_bandwidth"}
    assert not above, f"{len(above)} above what is allowed, first {above[0]}; worst, in what is allowed: {worst}"
