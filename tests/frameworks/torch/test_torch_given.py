"""What kdelab.torch refuses, by name: eagerly, in compiled code where that can be seen, by the engine and natively."""

import numpy as np
import pytest
import torch

import kdelab

KERNEL = kdelab.Laplace(0.1)


def given(**other):
    good = {
        "logits": torch.zeros(2, 3),
        "points": torch.tensor([[-0.3, 0.1, 0.2], [0.4, 0.5, 0.6]]),
        "lower": torch.tensor([0.0, 0.1]),
        "upper": torch.tensor([0.2, 0.3]),
        "kernel": KERNEL,
    }
    return good | other


NAN, INF = float("nan"), float("inf")
SHAPES = {
    "logits of whole numbers": (
        given(logits=torch.zeros(2, 3, dtype=torch.int64)),
        "logits must be float32 or float64",
    ),
    "half precision": (given(logits=torch.zeros(2, 3).half()), "logits must be float32 or float64, not torch.float16"),
    "a list": (given(points=[[0.1, 0.2, 0.3]] * 2), "points must be a torch.Tensor, not list"),
    "another type": (given(points=torch.zeros(2, 3).double()), "points must be torch.float32, as the logits are"),
    "another shape": (given(points=torch.zeros(3, 2)), r"points must be of the shape \(2, 3\)"),
    "targets for others": (given(lower=torch.zeros(3)), r"lower must be of the shape \(2,\)"),
    "another device": (
        given(upper=torch.zeros(2, device="meta")),
        "upper must be on cpu, as the logits are, not on meta",
    ),
    "no neighbour at all": (given(logits=torch.zeros(2, 0)), r"logits must be \(..., k\) with k of at least 1"),
    "a mask of numbers": (given(mask=torch.ones(2, 3)), "mask must be of torch.bool"),
    "a mask of another shape": (given(mask=torch.ones(2, 1, dtype=torch.bool)), r"mask must be of the shape \(2, 3\)"),
    "bandwidths for others": (given(bandwidth=torch.ones(3)), r"bandwidth must be one number or \(2,\)"),
    "no kernel": (given(kernel="laplace"), "kernel must be a kdelab Kernel"),
    "a background of 1": (given(background=1.0), "background must be at least 0 and less than 1"),
    "half a panel": (given(panels=0.5), "panels must be a whole number of at least 1"),
    "another reduction": (given(reduction="average"), "reduction must be 'none', 'mean' or 'sum', not 'average'"),
    "offsets of rows": (given(offsets=torch.tensor([0, 3, 6])), r"logits must be \(total,\)"),
    "offsets of numbers": (given(offsets=torch.tensor([0.0, 3.0])), "offsets must be whole numbers"),
    "offsets and a mask": (
        given(offsets=torch.tensor([0, 3, 6]), mask=torch.ones(2, 3, dtype=torch.bool)),
        "mask must be None where there are offsets",
    ),
}
NUMBERS = {
    "NaN": (given(logits=torch.tensor([[0.0, NAN, 0.0], [0.0, 0.0, 0.0]])), "logits must be finite"),
    "an infinite point": (given(points=torch.tensor([[0.0, INF, 0.0], [0.0, 0.0, 0.0]])), "points must be finite"),
    "the wrong way round": (given(lower=torch.tensor([0.0, 0.4])), "lower must not exceed upper"),
    "everything masked": (
        given(mask=torch.tensor([[True, False, True], [False, False, False]])),
        "mask must leave a neighbour in every row, but row 1 has none",
    ),
    "a negative bandwidth": (given(bandwidth=torch.tensor(-0.1)), "bandwidth must be"),
    "one bandwidth of 0": (given(bandwidth=torch.tensor([0.1, 0.0])), "bandwidth must be greater than 0"),
}


@pytest.mark.parametrize(
    ("arguments", "told"), [pytest.param(*one, id=name) for name, one in (SHAPES | NUMBERS).items()]
)
@pytest.mark.parametrize("engine", [True, False], ids=["engine", "native"])
def test_what_is_not_right_is_refused_by_name(arguments, told, engine):
    with pytest.raises(ValueError, match=told):
        kdelab.torch.cross_entropy(**arguments, engine=engine)


def test_clusters_have_targets_of_their_own():
    clusters = kdelab.Clusters.from_lists([[-0.3, 0.1, 0.2]], [0.0], [0.2])
    with pytest.raises(ValueError, match="lower must be None where points are Clusters"):
        kdelab.torch.cross_entropy(torch.zeros(3), clusters, torch.zeros(1), None, KERNEL)
    with pytest.raises(ValueError, match=r"points must be of the shape \(4,\)"):
        kdelab.torch.cross_entropy(torch.zeros(4), clusters, None, None, KERNEL)


def test_prepared_losses_refuse_other_logits():
    clusters = kdelab.Clusters.from_lists([[-0.3, 0.1, 0.2]], [0.0], [0.2])
    loss = kdelab.torch.CrossEntropy(clusters, None, None, KERNEL)
    for logits, told in ((torch.zeros(4), "points must be of the shape"), (torch.tensor([0.0, NAN, 0.0]), "finite")):
        with pytest.raises(ValueError, match=told):
            loss(logits)


def test_where_nobody_looks_a_row_without_a_neighbour_costs_infinitely_much_and_moves_nothing():
    """As on other devices: under vmap numbers can't be looked at."""
    arguments, _ = NUMBERS["everything masked"]
    arguments = arguments | {"logits": torch.zeros(2, 3).requires_grad_(True)}

    def loss(logits, points, lower, upper, mask):
        return kdelab.torch.cross_entropy(logits, points, lower, upper, KERNEL, mask=mask, engine=False)

    names = ("logits", "points", "lower", "upper", "mask")
    values = torch.func.vmap(loss)(*(arguments[name] for name in names))
    assert torch.isinf(values).tolist() == [False, True]
    values.sum().backward()
    gradient = arguments["logits"].grad
    assert torch.isfinite(gradient).all()
    assert (gradient[1] == 0).all()
    assert (gradient[0] != 0).sum() == 2


def test_no_predictions():
    empty = torch.zeros(0, 3), torch.zeros(0, 3), torch.zeros(0), torch.zeros(0)
    for engine in (True, False):
        for kernel in (KERNEL, kdelab.Gaussian(0.1)):
            assert kdelab.torch.cross_entropy(*empty, kernel, engine=engine).shape == (0,)
            assert kdelab.torch.cross_entropy(*empty, kernel, reduction="sum", engine=engine) == 0
    with pytest.raises(ValueError, match="logits must hold a prediction"):
        kdelab.torch.cross_entropy(*empty, KERNEL, reduction="mean")


def test_more_axes_and_none():
    good = given()
    rows = kdelab.torch.cross_entropy(**good)
    folded = {name: one if name == "kernel" else one[None] for name, one in good.items()}
    assert torch.equal(kdelab.torch.cross_entropy(**folded), rows[None])
    alone = {name: one if name == "kernel" else one[1] for name, one in good.items()}
    assert torch.equal(kdelab.torch.cross_entropy(**alone), rows[1])
    np.testing.assert_allclose(kdelab.torch.cross_entropy(**good, reduction="mean"), rows.mean())
