"""Cells of worlds in which the truth is known: what training gains, in exams of notebook 13."""

import pandas as pd

from kdelab.gun.compare import learned

# Standard deviations of gains between units, seeds, and what is left, as measured on "samples": points, nats.
NOISE = {
    learned.UNSEEN: {"hits": (1.8, 0.15, 0.8), "loss": (0.017, 0.004, 0.013)},
    learned.SEEN: {"hits": (3.3, 0.35, 2.0), "loss": (0.046, 0.002, 0.016)},
    learned.ADAPT_UNSEEN: {"hits": (3.3, 0.35, 2.0), "loss": (0.046, 0.002, 0.016)},
    learned.ADAPT_SEEN: {"hits": (3.3, 0.35, 2.0), "loss": (0.046, 0.002, 0.016)},
    learned.DEALT: {"hits": (2.8, 2.2, 3.9), "loss": (0.041, 0.034, 0.055)},
}
SHOTS = 200


def gained(rng, exam, points, nats, units, seeds, of=learned.POWERS, noise=None):
    """Return cells of two learners, the one so much better than one scale in the mean, with an exam's noise."""
    tables = {}
    for column, mean, scale in (("hits", points, 0.01), ("loss", nats, -1.0)):
        unit, seed, rest = NOISE[noise or exam][column]
        noisy = rng.normal(0, unit, (units, 1)) + rng.normal(0, seed, seeds) + rng.normal(0, rest, (units, seeds))
        tables[column] = SHOTS * scale * (mean + noisy)
    base = {"hits": SHOTS * rng.uniform(0.3, 0.8, (units, 1)), "loss": SHOTS * rng.normal(-0.4, 0.3, (units, 1))}
    index = pd.MultiIndex.from_product([range(units), range(seeds)], names=["unit", "seed"])
    cells = []
    for name, better in ((learned.SCALE, 0), (of, 1)):
        sums = {column: (base[column] + better * tables[column]).ravel() for column in tables}
        cells.append(pd.DataFrame(sums, index=index).reset_index().assign(learner=name))
    table = pd.concat(cells, ignore_index=True).assign(exam=exam, memory=learned.WITHIN, part=learned.LATER)
    names = table.pop("unit").map("{} of the world".format)
    return table.assign(shots=SHOTS, robot=names, battle=names)


def world(rng, points, nats, hard=learned.UNSEEN, easy=learned.SEEN, only_seen=False, units=(13, 40), seeds=5):
    """Return the cells of a world: so much is gained in both exams, or in the easy one alone; dealt targets nothing."""
    share = 0 if only_seen else 1
    exam = gained(rng, hard, share * points, share * nats, units[0], seeds)
    dealt = gained(rng, hard, 0, 0, units[0], seeds, learned.DEALT, learned.DEALT)
    plain, moved = (dealt[dealt["learner"] == name].reset_index(drop=True) for name in (learned.SCALE, learned.DEALT))
    mine = exam[exam["learner"] == learned.SCALE].reset_index(drop=True)
    for column in ("hits", "loss"):
        moved[column] += mine[column] - plain[column]  # beside the same unlearned gun
    return pd.concat([exam, moved, gained(rng, easy, points, nats, units[1], seeds)], ignore_index=True)
