"""A small embedding network that weights neighbours: it needs PyTorch, ``pip install "kdelab[torch]"``.

e(x) = B tanh(A x + a), and the logit of a neighbour is minus the Manhattan distance of its embedding from the
prediction's, -sum_f abs(e_f(i) - e_f(j)). Learned weights are the same with a diagonal matrix in place of the network.
"""

import math

import numpy as np

from kdelab.extras import need
from kdelab.gun.compare.networks import Training
from kdelab.learn.memory import Neighbourhood
from kdelab.loss.clusters import Clusters
from kdelab.loss.kernels import Kernel
from kdelab.loss.validate import Floats, Integers

need("torch")

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from kdelab.torch import cross_entropy  # noqa: E402


class Embedding(torch.nn.Module):
    """The network, in float32; its logits are in float64.

    Parameters
    ----------
    features : int
    hidden, width : int
    """

    def __init__(self, features: int, hidden: int, width: int) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(features, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, width)
        )

    def forward(self, asking: Tensor, remembered: Tensor, owner: Tensor) -> Tensor:
        """Return the logits of all neighbours, (total,).

        Parameters
        ----------
        asking, remembered : Tensor, (n, features) and (total, features)
            Predictions, and their neighbours.
        owner : Tensor of int, (total,)
            Whose neighbour each is.
        """
        apart = self.layers(asking)[owner] - self.layers(remembered)
        return -apart.abs().sum(-1).double()

    def logits(self, features: Floats, rows: Integers, found: Neighbourhood) -> Floats:
        """Return the logits of the neighbours of some rows of a table of features, (total,)."""
        with torch.no_grad():
            places = self.layers(torch.tensor(features, dtype=torch.float32)).double().numpy()
        asking = np.repeat(rows, np.diff(found.offsets))
        return np.asarray(-np.abs(places[asking] - places[found.rows]).sum(axis=1))


def binned(logits: Tensor, clusters: Clusters, kernel: Kernel, bins: int) -> Tensor:
    """Return the loss as one writes it without kdelab, (n,): minus log p in the mean over the bins' centres."""
    sizes = torch.tensor(clusters.sizes)
    there = torch.arange(int(sizes.max())) < sizes[:, None]
    points, lower, upper = (torch.tensor(part) for part in (clusters.points, clusters.lower, clusters.upper))
    centres = lower[:, None] + (upper - lower)[:, None] * (torch.arange(bins) + 0.5) / bins
    points = torch.zeros(there.shape, dtype=points.dtype).masked_scatter(there, points)
    log_kernel = torch.tensor(kernel.log((centres[:, None, :] - points[:, :, None]).numpy()))
    log_weights = torch.full(there.shape, -math.inf, dtype=logits.dtype).masked_scatter(there, logits).log_softmax(-1)
    return -torch.logsumexp(log_weights[:, :, None] + log_kernel, dim=1).mean(-1)


def trained(
    features: Floats,
    rows: Integers,
    found: Neighbourhood,
    clusters: Clusters,
    kernel: Kernel,
    seed: int,
    training: Training,
    bins: int = 0,
) -> Embedding:
    """Return a network trained on the clusters of some rows.

    Parameters
    ----------
    features : array (samples, features)
        Scaled to [0, 1].
    rows : array of int (n,)
        The predictions.
    found : Neighbourhood
    clusters : Clusters
    kernel : Kernel
    seed : int
        Of the network's first weights, and of the order of predictions.
    training : Training
    bins : int
        So many midpoint bins a target; 0: the exact loss.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Embedding(features.shape[1], training.hidden, training.width)
    table = torch.tensor(features, dtype=torch.float32)
    adam = torch.optim.Adam(network.parameters(), lr=training.step)
    steps = training.epochs * math.ceil(len(rows) / training.batch)
    slower = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: 1 - step / steps)
    rng = np.random.default_rng(seed)
    for _ in range(training.epochs):
        for batch in clusters.minibatches(rng, training.batch):
            owner = np.repeat(np.arange(len(batch.predictions)), batch.clusters.sizes)
            logits = network(table[rows[batch.predictions]], table[found.rows[batch.rows]], torch.tensor(owner))
            if bins:
                losses = binned(logits, batch.clusters, kernel, bins)
            else:
                losses = cross_entropy(logits, batch.clusters, None, None, kernel)
            adam.zero_grad()
            losses.mean().backward()
            adam.step()
            slower.step()
    return network
