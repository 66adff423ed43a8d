"""The linear gun trained in PyTorch is the one that kdelab trains."""

import numpy as np
import torch

import kdelab
from kdelab.gun.compare.networks import Found
from kdelab.gun.waves.features import RANGES

KERNEL = kdelab.Laplace(0.1)


def test_weights_trained_in_torch_are_those_of_the_linear_gun():
    waves = kdelab.load_waves("samples")
    waves = waves[waves["enemy"].isin(["sample.Crazy", "sample.Walls"])].reset_index(drop=True)
    settings = {"retrievals": 1, "validation": 0.0, "max_iter": 1000, "within_round": True}
    recall = kdelab.Recall(waves, within_round=True)
    gun = kdelab.NeighbourModel(form="linear", kernel=KERNEL, predictions=300, **settings).fit(recall)
    found = Found.of(recall, gun.predictions_)
    clusters, features = found.clusters(), torch.tensor(recall.scaled(RANGES))
    asking = np.repeat(found.rows, clusters.sizes)
    apart = (features[asking] - features[found.neighbours.rows]).abs()
    root = torch.full(
        (len(RANGES),), 2.0, dtype=torch.float64, requires_grad=True
    )  # weights are its squares: at least 0
    loss = kdelab.torch.CrossEntropy(clusters, None, None, KERNEL, reduction="mean")
    optimiser = torch.optim.LBFGS(
        [root], max_iter=2000, history_size=20, tolerance_grad=1e-9, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        optimiser.zero_grad()
        value = loss(-(apart @ root**2))
        value.backward()
        return value

    optimiser.step(closure)
    weights = (root**2).detach().numpy()
    np.testing.assert_allclose(float(closure().detach()), gun.history_[-1].after, atol=1e-7)
    np.testing.assert_allclose(weights, gun.scale_ * gun.weights_, atol=0.02 * weights.max())
