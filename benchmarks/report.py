"""What the run found, as a table and as a picture."""

import importlib
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.cases import KERNELS
from benchmarks.run import CHUNKED, HEADLINES, PLAIN, TUNED, Result


def best(results: list[Result], dtype: str, bins: int, peers: tuple[str, ...] = (*TUNED, *CHUNKED)) -> Result:
    """Return the fastest of some peers."""
    chosen = [
        r for r in results
        if r.case.peer in peers and r.case.dtype == dtype and r.case.bins == bins and not math.isnan(r.median)
    ]  # fmt: skip
    return min(chosen, key=lambda r: r.median)


def slope(results: list[Result], axis: str, least: int = 0) -> float:
    """Return the slope of log time on log size of kdelab, from some size on, least squares."""
    points = [
        (math.log(getattr(r.case, axis)), math.log(r.median))
        for r in results
        if r.case.peer == "kdelab" and not math.isnan(r.median) and getattr(r.case, axis) >= least
    ]
    x_mean, y_mean = (sum(p[i] for p in points) / len(points) for i in (0, 1))
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / sum((x - x_mean) ** 2 for x, _ in points)


def _scientific(value: float | None) -> str:
    return "" if value is None else f"{value:.0e}"


def _table(results: list[Result]) -> list[str]:
    ours = next(r for r in results if r.case.peer == "kdelab")
    lines = [
        "| | bins | precision | ms | times kdelab's | loss off by | gradient off by |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in sorted(results, key=lambda r: r.median):
        if math.isnan(r.median):
            continue
        free = r.case.peer in ("kdelab", "kdelab one-shot")
        lines.append(
            f"| {r.case.peer} | {'none' if free else r.case.bins} | {r.case.dtype} | {1e3 * r.median:.1f} "
            f"| {r.median / ours.median:.1f} | {'' if free else _scientific(r.loss_error)} "
            f"| {'' if free else _scientific(r.gradient_error)} |"
        )
    return lines


def kernels(found: dict[str, list[Result]]) -> list[str]:
    """Return a table of all kernels: ours, and how many times as long the fastest peer takes, whichever it is."""
    lines = [
        "| | prepared, ms | one-shot, ms | 16 bins, float32, ms | times prepared | times one-shot | loss off by "
        "| 64 bins, float64, ms | times prepared | times one-shot | loss off by |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kernel in KERNELS:
        ours, one_shot = (
            next(r.median for r in found[kernel] if r.case.peer == name) for name in ("kdelab", "kdelab one-shot")
        )
        row = [kernel, f"{1e3 * ours:.1f}", f"{1e3 * one_shot:.1f}"]
        for dtype, bins in (("float32", 16), ("float64", 64)):
            peer = best(found[kernel], dtype, bins)
            row += [f"{1e3 * peer.median:.1f} ({peer.case.peer})", f"{peer.median / ours:.1f}"]
            row += [f"{peer.median / one_shot:.1f}", _scientific(peer.loss_error)]
        lines.append(f"| {' | '.join(row)} |")
    return lines


def summary(found: dict[str, list[Result]]) -> list[str]:
    """Return the figures that the README quotes, a line each."""
    lines = []
    for kernel in HEADLINES:
        by_peer = {r.case.peer: r for r in found[kernel]}
        ours, one_shot = by_peer["kdelab"].median, by_peer["kdelab one-shot"].median
        double, single = best(found[kernel], "float64", 64), best(found[kernel], "float32", 16)
        plain = by_peer["jax plain"].median
        lines.append(
            f"- {kernel}: {1e3 * ours:.1f} ms prepared, {1e3 * one_shot:.1f} ms one-shot. Fastest peer, 64 bins, "
            f"float64: {double.case.peer}, {1e3 * double.median:.0f} ms, {double.median / ours:.1f} times ours "
            f"prepared, {double.median / one_shot:.1f} times one-shot, loss off by {_scientific(double.loss_error)}. "
            f"Plain JAX jit: {plain / ours:.0f} times. Fastest in float32 with 16 bins: {single.case.peer}, "
            f"{single.median / ours:.1f} times, loss off by {_scientific(single.loss_error)}."
        )
    memory = {r.case.peer: r.bytes for r in found["memory"] if r.bytes is not None}
    points = found["memory"][0].case.n * found["memory"][0].case.k
    lines.append(
        "- peak memory beyond the inputs, what is prepared and one evaluation, float64 numbers a point: "
        + ", ".join(f"{peer} {size / 8 / points:.1f}" for peer, size in sorted(memory.items(), key=lambda m: m[1]))
        + "."
    )
    lines.append(
        f"- growth: time is proportional to N^{slope(found['n'], 'n'):.2f} from {found['n'][0].case.n:,} to "
        f"{found['n'][-1].case.n:,} predictions, and to k^{slope(found['k'], 'k'):.2f} from 10 to 1,000 points "
        f"(k^{slope(found['k'], 'k', 30):.2f} from 30 on: a prediction costs something by itself)."
    )
    limits = {r.case.peer: r.median for r in found["limits"]}
    least, libm = limits["one exponential"], limits["one exponential, libm"]
    lines.append(
        f"- limits: one exponential a point and one pass over memory take {1e3 * least:.2f} ms with kdelab's own exp, "
        f"{1e3 * libm:.2f} ms with the C library's; kdelab {1e3 * limits['kdelab']:.1f} ms, "
        f"{limits['kdelab'] / least:.1f} and {limits['kdelab'] / libm:.1f} times that. The same points in clusters of "
        f"1 to {2 * found['limits'][0].case.k - 1}: {1e3 * limits['kdelab ragged']:.1f} ms."
    )
    ours = next(r for r in found["laplace"] if r.case.peer == "kdelab").median / found["laplace"][0].case.n
    for r in found["libraries"]:
        if not math.isnan(r.median):
            each = r.median / r.case.n
            lines.append(
                f"- {r.case.peer}, {r.case.bins} bins, the loss alone: {1e6 * each:.0f} microseconds a prediction, "
                f"{each / ours:.0f} times ours with gradient; off by {_scientific(r.loss_error)}."
            )
    return lines


def write(found: dict[str, list[Result]], streamed: str, header: dict[str, Any], folder: Path) -> str:
    """Write bench.json, bench.md and bench.png into a folder; return the text.

    Parameters
    ----------
    found
        What `run.run` measured.
    streamed
        The table of `streaming.table`.
    header
        What the figures depend on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["# The loss and its gradient, timed", "", ", ".join(f"{k} {v}" for k, v in header.items()), ""]
    lines += [
        "Medians of one run, a burst of each in turn; 4,096 predictions of 100 points, unless said otherwise.",
        "",
    ]
    lines += summary(found)
    lines += ["", "## All kernels", "", *kernels(found)]
    for kernel in HEADLINES:
        lines += ["", f"## {kernel.capitalize()} kernel", "", *_table(found[kernel])]
    lines += ["", "## More than fits into memory", "", "```", streamed, "```"]
    text = "\n".join(lines) + "\n"
    (folder / "bench.md").write_text(text)
    raw = {name: [asdict(r) | {"median": r.median} for r in results] for name, results in found.items()}
    (folder / "bench.json").write_text(json.dumps(header | {"results": raw}, indent=1))
    _plot(found, folder / "bench.png")
    return text


# Okabe and Ito's colours, told apart by nearly everybody; markers differ too.
_STYLE = {
    "kdelab": ("#D55E00", "o"), "kdelab one-shot": ("#D55E00", "s"), "kdelab binned": ("#E69F00", "o"),
    "jax tuned": ("#0072B2", "^"), "jax direct": ("#0072B2", ">"), "jax plain": ("#0072B2", "v"),
    "torch.compile": ("#009E73", "P"),
    "torch.compile chunked": ("#009E73", "X"), "torch chunked": ("#009E73", "^"), "torch plain": ("#009E73", "v"),
    "numba loops": ("#CC79A7", "D"), "numpy tuned": ("#56B4E9", "^"), "numpy plain": ("#56B4E9", "v"),
}  # fmt: skip


def _plot(found: dict[str, list[Result]], path: Path) -> None:
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    plt = importlib.import_module("matplotlib.pyplot")
    figure, axes = plt.subplots(2, 2, figsize=(12, 9), layout="constrained")
    for axis, kernel in zip(axes[0], HEADLINES, strict=True):
        for peer in ("kdelab", "kdelab one-shot", *TUNED, *CHUNKED, *PLAIN):
            some = [r for r in found[kernel] if r.case.peer == peer and not math.isnan(r.median)]
            colour, marker = _STYLE[peer]
            for dtype, fill in (("float64", "full"), ("float32", "none")):
                chosen = sorted((r for r in some if r.case.dtype == dtype), key=lambda r: r.case.bins)
                if chosen:
                    off = [max(r.loss_error or 0.0, 1e-14) for r in chosen]
                    label = peer + (", float32" if dtype == "float32" else "")
                    axis.plot(off, [1e3 * r.median for r in chosen], marker, ls="-", lw=0.8, color=colour,
                              fillstyle=fill, label=label)  # fmt: skip
        axis.set(xscale="log", yscale="log", ylabel="loss and gradient (ms)")
        axis.set_xlabel("largest error of a loss (nats; kdelab's drawn at 1e-14)")
        axis.set_title(f"{kernel.capitalize()}: error and time at 16 to 256 bins")
    axes[0, 1].legend(fontsize=7, ncols=2)
    for axis, name, label in ((axes[1, 0], "n", "predictions N (k = 100)"), (axes[1, 1], "k", "points k (N = 4,096)")):
        for peer in ("kdelab", "jax tuned"):
            some = [r for r in found[name] if r.case.peer == peer and not math.isnan(r.median)]
            colour, marker = _STYLE[peer]
            axis.plot([getattr(r.case, name) for r in some], [1e3 * r.median for r in some], marker, ls="-",
                      color=colour, label=peer if peer == "kdelab" else f"{peer}, 64 bins")  # fmt: skip
        axis.set(xscale="log", yscale="log", xlabel=label, ylabel="loss and gradient (ms)")
        axis.set_title(f"Laplace: time grows as {'N' if name == 'n' else name}^{slope(found[name], name):.2f}")
        axis.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
