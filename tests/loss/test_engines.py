"""Which engine computes what, and which rules are accepted where."""

import numpy as np
import pytest
from kernels_under_test import ALL, named

import kdelab
from kdelab.loss.engines.base import Engine
from kdelab.loss.engines.table import ENGINES, engine_for, resolved
from kdelab.study.bins import Bins

CLUSTERS = kdelab.Clusters.from_lists([[0.0, 0.1]], [0.0], [0.1])
RULES = [kdelab.Exact(), kdelab.Adaptive(), kdelab.Midpoint(2), kdelab.GaussLegendre(2), kdelab.Panels(2)]


@pytest.mark.parametrize("make", ALL, ids=named)
@pytest.mark.parametrize("background", [0.0, 0.1])
def test_every_kernel_has_an_engine_by_every_rule_but_exact(make, background):
    kernel = make(0.5)
    for rule in ("auto", kdelab.Adaptive(), kdelab.Midpoint(2), kdelab.GaussLegendre(2)):
        chosen = resolved(rule, kernel, background)
        assert isinstance(engine_for(CLUSTERS, kernel, chosen, background), Engine)
    closed = any(type(kernel) in row.kernels and kdelab.Exact in row.rules and (row.background or background == 0)
                 for row in ENGINES)  # fmt: skip
    assert (resolved("auto", kernel, background) == kdelab.Exact()) == closed
    if not closed:
        with pytest.raises(
            ValueError, match=r"quadrature Exact\(\) needs a closed form, which there is for Laplace wit"
        ):
            resolved(kdelab.Exact(), kernel, background)


@pytest.mark.parametrize("rule", [*RULES, "exact", None, 16], ids=repr)
def test_rules_are_accepted_or_refused_by_name_everywhere_alike(rule):
    parts = CLUSTERS.scatter(np.random.default_rng(0), 2)
    takes = {
        kdelab.CrossEntropy: (CLUSTERS, (kdelab.Exact, kdelab.Adaptive, kdelab.Midpoint, kdelab.GaussLegendre)),
        kdelab.TwoPass: (parts, (kdelab.Exact, kdelab.Panels, kdelab.Midpoint, kdelab.GaussLegendre)),
        Bins: (CLUSTERS, (kdelab.Midpoint, kdelab.GaussLegendre)),
    }
    for taker, (first, kinds) in takes.items():
        if isinstance(rule, kinds):
            taker(first, kdelab.Laplace(0.1), rule)
            continue
        with pytest.raises(ValueError, match=r"^quadrature must be .*\) or \w+\(\w+\).*, not ") as refused:
            taker(first, kdelab.Laplace(0.1), rule)
        assert repr(rule) in str(refused.value)
        assert all(kind.__name__ in str(refused.value) for kind in kinds)
