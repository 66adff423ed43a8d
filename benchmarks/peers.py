"""How people compute this loss today: bins, and somebody else's automatic derivative.

Every function takes a `Batch` and returns a callable without arguments that computes losses and gradient anew. The
plain ones are what one writes first; the tuned ones are chunked to the caches, compiled, and use both cores.
"""

import importlib
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks import ours
from benchmarks.data import Batch, Evaluation

THREADS = 2


def _log_kernel(library: Any, kernel: str, u: Any) -> Any:
    """Return log K(u) but for its constant."""
    return -library.abs(u) if kernel == "laplace" else -0.5 * u * u


def _constant(kernel: str, bandwidth: float) -> float:
    return math.log(2 * bandwidth) if kernel == "laplace" else math.log(bandwidth * math.sqrt(2 * math.pi))


def _bins(bins: int, dtype: Any) -> Any:
    return ((np.arange(bins) + 0.5) / bins).astype(dtype)


# NumPy ----------------------------------------------------------------------------------------------------------


def _numpy_part(batch: Batch, part: slice, kernel: str, bins: int) -> tuple[Any, Any]:
    """Loss and gradient by hand, softmax(z) - mean over bins of softmax(z + log K)."""
    x, z, a, b, h = batch.points[part], batch.logits[part], batch.lower[part], batch.upper[part], batch.bandwidth
    places = a[:, None] + (b - a)[:, None] * _bins(bins, x.dtype)
    w = np.exp(z - z.max(1, keepdims=True))
    S = w / w.sum(1, keepdims=True)
    t = _log_kernel(np, kernel, (places[:, :, None] - x[:, None, :]) / x.dtype.type(h))
    t += np.log(S)[:, None, :]
    top = t.max(2, keepdims=True)
    t -= top
    np.exp(t, out=t)
    p = t.sum(2, keepdims=True)
    loss = _constant(kernel, h) - (top + np.log(p))[:, :, 0].mean(1)
    t /= p
    return loss, S - t.mean(1)


def numpy_plain(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """Whole arrays at once."""
    return lambda: _numpy_part(batch, slice(None), kernel, bins)


def numpy_tuned(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """Chunks that fit the second-level cache, two threads."""
    n, k = batch.points.shape
    step = max(1, 2**15 // (k * bins))
    loss, gradient = np.empty_like(batch.lower), np.empty_like(batch.points)

    def part(first: int) -> None:
        chunk = slice(first, min(first + step, n))
        loss[chunk], gradient[chunk] = _numpy_part(batch, chunk, kernel, bins)

    def evaluate() -> tuple[Any, Any]:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(part, range(0, n, step), chunksize=8))
        return loss, gradient

    return evaluate


# numba, loops by hand -------------------------------------------------------------------------------------------


def numba_loops(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """Write the loops of a C programmer, parallel over predictions, with fast-math."""
    numba = importlib.import_module("numba")

    @numba.njit(parallel=True, fastmath=True)
    def run(x: Any, z: Any, a: Any, b: Any, h: Any, bins: int, laplace: bool, loss: Any, gradient: Any) -> None:
        n, k = x.shape
        for i in numba.prange(n):
            t, log_S, r = np.empty_like(x[i]), np.empty_like(x[i]), np.zeros_like(x[i])
            top = z[i].max()
            total = h * 0
            for j in range(k):
                total += np.exp(z[i, j] - top)
            for j in range(k):
                log_S[j] = z[i, j] - top - np.log(total)
            mean = h * 0
            for q in range(bins):
                place = a[i] + (b[i] - a[i]) * ((q + 0.5) / bins)
                for j in range(k):
                    u = abs(place - x[i, j]) / h
                    t[j] = log_S[j] - (u if laplace else 0.5 * u * u)
                highest = t.max()
                p = h * 0
                for j in range(k):
                    t[j] = np.exp(t[j] - highest)
                    p += t[j]
                for j in range(k):
                    r[j] += t[j] / p
                mean += highest + np.log(p)
            loss[i] = -mean / bins
            for j in range(k):
                gradient[i, j] = np.exp(log_S[j]) - r[j] / bins

    loss, gradient = np.empty_like(batch.lower), np.empty_like(batch.points)
    h = batch.points.dtype.type(batch.bandwidth)
    constant = _constant(kernel, batch.bandwidth)

    def evaluate() -> tuple[Any, Any]:
        run(batch.points, batch.logits, batch.lower, batch.upper, h, bins, kernel == "laplace", loss, gradient)
        return loss + constant, gradient

    return evaluate


# PyTorch --------------------------------------------------------------------------------------------------------


def _torch(batch: Batch, kernel: str, bins: int, compiled: bool, chunk: int) -> Evaluation:
    torch = importlib.import_module("torch")
    torch.set_num_threads(THREADS)
    x, z, a, b = (torch.from_numpy(array) for array in batch[:4])
    places = torch.from_numpy(_bins(bins, batch.points.dtype))
    h, constant = batch.bandwidth, _constant(kernel, batch.bandwidth)

    def losses(z: Any, x: Any, a: Any, b: Any) -> Any:
        t = ((a[:, None] + (b - a)[:, None] * places)[:, :, None] - x[:, None, :]) / h
        log_K = _log_kernel(torch, kernel, t)
        return constant - torch.logsumexp(torch.log_softmax(z, 1)[:, None, :] + log_K, 2).mean(1)

    function = torch.compile(losses) if compiled else losses
    n = len(z)
    step = chunk or n

    def evaluate() -> tuple[Any, Any]:
        values, gradients = [], []
        for first in range(0, n, step):
            part = slice(first, first + step)
            leaf = z[part].detach().requires_grad_(True)
            value = function(leaf, x[part], a[part], b[part])
            value.sum().backward()
            values.append(value.detach())
            gradients.append(leaf.grad)
        return torch.cat(values).numpy(), torch.cat(gradients).numpy()

    return evaluate


def torch_plain(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """Eager, whole arrays at once."""
    return _torch(batch, kernel, bins, compiled=False, chunk=0)


def torch_chunked(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """Eager, in chunks of a few megabytes."""
    return _torch(batch, kernel, bins, compiled=False, chunk=max(1, 2**19 // (bins * batch.points.shape[1])))


def torch_compiled(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """torch.compile, whole arrays at once."""
    return _torch(batch, kernel, bins, compiled=True, chunk=0)


def torch_compiled_chunked(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """torch.compile, in chunks that divide the batch evenly."""
    n, k = batch.points.shape
    return _torch(batch, kernel, bins, compiled=True, chunk=_even(n, 2**19 // (bins * k)))


# JAX ------------------------------------------------------------------------------------------------------------


def _jax(batch: Batch, kernel: str, bins: int, chunk: int, threads: int) -> Evaluation:
    jax = importlib.import_module("jax")
    jnp = importlib.import_module("jax.numpy")
    jax.config.update("jax_enable_x64", True)
    places = jnp.asarray(_bins(bins, batch.points.dtype))
    h, constant = batch.bandwidth, _constant(kernel, batch.bandwidth)

    def losses(z: Any, x: Any, a: Any, b: Any) -> Any:
        t = ((a[:, None] + (b - a)[:, None] * places)[:, :, None] - x[:, None, :]) / h
        log_K = _log_kernel(jnp, kernel, t)
        log_p = jax.nn.logsumexp(jax.nn.log_softmax(z, axis=1)[:, None, :] + log_K, axis=2)
        values = constant - log_p.mean(axis=1)
        return values.sum(), values

    grad = jax.value_and_grad(losses, has_aux=True)

    def whole(z: Any, x: Any, a: Any, b: Any) -> tuple[Any, Any]:
        if not chunk:
            (_, values), gradient = grad(z, x, a, b)
            return values, gradient
        k = z.shape[1]
        parts = (z.reshape(-1, chunk, k), x.reshape(-1, chunk, k), a.reshape(-1, chunk), b.reshape(-1, chunk))
        (_, values), gradient = jax.lax.map(lambda part: grad(*part), parts)
        return values.reshape(-1), gradient.reshape(-1, k)

    jitted = jax.jit(whole)
    n = len(batch.lower)
    halves = [
        tuple(jnp.asarray(array[i * n // threads : (i + 1) * n // threads]) for array in
              (batch.logits, batch.points, batch.lower, batch.upper))
        for i in range(threads)
    ]  # fmt: skip
    pool = ThreadPoolExecutor(threads)

    def evaluate() -> tuple[Any, Any]:
        done = list(pool.map(lambda half: jax.block_until_ready(jitted(*half)), halves))
        return np.concatenate([d[0] for d in done]), np.concatenate([d[1] for d in done])

    return evaluate


def jax_plain(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """jax.jit of value_and_grad, whole arrays at once."""
    return _jax(batch, kernel, bins, chunk=0, threads=1)


def jax_tuned(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """jax.jit, a lax.map over chunks of 4 MB (the best size tried), each half of the batch on a thread."""
    n, k = batch.points.shape
    return _jax(batch, kernel, bins, chunk=_even(n // THREADS, 2**19 // (bins * k)), threads=THREADS)


def _even(n: int, at_most: int) -> int:
    """Return the largest divisor of n that is at most ``at_most``, and at least 1."""
    return max(d for d in range(1, max(1, min(n, at_most)) + 1) if n % d == 0)


# Libraries for kernel densities: losses only, one cluster at a time ---------------------------------------------


def kdepy(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """KDEpy's NaiveKDE per cluster; it has no gradient."""
    NaiveKDE = importlib.import_module("KDEpy").NaiveKDE
    name = {"laplace": "exponential", "gaussian": "gaussian"}[kernel]
    unit = NaiveKDE(kernel=name, bw=1.0).fit(np.zeros(1)).evaluate(np.array([0.0, 1.0]))
    # KDEpy scales each kernel to a standard deviation of bw: find the bw that gives K(0) = 1 / (2 h), say.
    peak = math.exp(-_constant(kernel, batch.bandwidth))
    bw = unit[0] / peak

    def evaluate() -> tuple[Any, Any]:
        losses = []
        for x, z, a, b in zip(*batch[:2], *batch[2:4], strict=True):
            places = a + (b - a) * _bins(bins, x.dtype)
            p = NaiveKDE(kernel=name, bw=bw).fit(x, weights=np.exp(z - z.max())).evaluate(places)
            losses.append(-np.log(p).mean())
        return np.array(losses), None

    return evaluate


def sklearn(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """scikit-learn's KernelDensity per cluster; it has no gradient."""
    KernelDensity = importlib.import_module("sklearn.neighbors").KernelDensity
    name = {"laplace": "exponential", "gaussian": "gaussian"}[kernel]

    def evaluate() -> tuple[Any, Any]:
        losses = []
        for x, z, a, b in zip(*batch[:2], *batch[2:4], strict=True):
            places = a + (b - a) * _bins(bins, x.dtype)
            estimate = KernelDensity(bandwidth=batch.bandwidth, kernel=name, rtol=1e-8)
            estimate.fit(x[:, None], sample_weight=np.exp(z - z.max()))
            losses.append(-estimate.score_samples(places[:, None]).mean())
        return np.array(losses), None

    return evaluate


# Each runs in a process of its own, so that no library's threads or allocations disturb another's.
PEERS: dict[str, Callable[[Batch, str, int], Evaluation]] = {
    "kdelab": ours.kdelab_prepared,
    "kdelab one-shot": ours.kdelab_one_shot,
    "kdelab binned": ours.kdelab_binned,
    "kdelab ragged": ours.kdelab_ragged,
    "one exponential": ours.one_exponential,
    "one exponential, libm": ours.one_exponential_libm,
    "numpy plain": numpy_plain,
    "numpy tuned": numpy_tuned,
    "numba loops": numba_loops,
    "torch plain": torch_plain,
    "torch chunked": torch_chunked,
    "torch.compile": torch_compiled,
    "torch.compile chunked": torch_compiled_chunked,
    "jax plain": jax_plain,
    "jax tuned": jax_tuned,
    "KDEpy": kdepy,
    "scikit-learn": sklearn,
}
