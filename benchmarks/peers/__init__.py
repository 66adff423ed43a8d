"""How people compute this loss today: bins, and somebody else's automatic derivative. A library a file.

Every function takes a `Batch`, a kernel's name and the number of bins, and returns a callable without arguments that
computes losses and gradient anew. The plain ones are what one writes first; the tuned ones are chunked to the caches,
compiled, and use both cores.
"""

import importlib

from benchmarks.cases import Method

METHODS = {
    "kdelab": "ours:prepared",
    "kdelab one-shot": "ours:one_shot",
    "kdelab binned": "ours:binned",
    "kdelab ragged": "ours:ragged",
    "one exponential": "ours:one_exponential",
    "one exponential, libm": "ours:one_exponential_libm",
    "numpy plain": "peers.numpy:plain",
    "numpy tuned": "peers.numpy:tuned",
    "numba loops": "peers.numba:loops",
    "torch plain": "peers.torch:plain",
    "torch chunked": "peers.torch:chunked",
    "torch.compile": "peers.torch:compiled",
    "torch.compile chunked": "peers.torch:compiled_chunked",
    "jax plain": "peers.jax:plain",
    "jax tuned": "peers.jax:tuned",
    "jax direct": "peers.jax:direct",
    "KDEpy": "peers.kde:kdepy",
    "scikit-learn": "peers.kde:sklearn",
}


def method(name: str) -> Method:
    """Return a method by its name; only its own library is loaded, so that no other's threads disturb it."""
    module, _, function = METHODS[name].partition(":")
    found: Method = getattr(importlib.import_module(f"benchmarks.{module}"), function)
    return found
