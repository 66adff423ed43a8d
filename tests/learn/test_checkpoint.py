"""States of fits on disk: resumed to the same result, never another fit's, never damaged, never two writers."""

import contextlib
import functools
import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.gun.waves import store
from kdelab.learn import checkpoint
from kdelab.learn import fit as fitting
from kdelab.learn.distance import Form
from kdelab.learn.identity import identity
from kdelab.study.rivals import MeanSquaredError

ROOT = Path(__file__).parents[2]
THIS_TREE = os.environ | {"PYTHONPATH": str(ROOT)}
SMALL = {"neighbours": 15, "max_iter": 5, "retrievals": 1, "predictions": 60}
WAVES = learnable(waves=200)


def gun(**more: Any) -> kdelab.NeighbourModel:
    return kdelab.NeighbourModel(**(SMALL | more))


def test_twenty_killed_fits_learn_what_a_straight_one_learns(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", str(ROOT / "tests" / "helpers" / "killed_fits.py"), str(tmp_path), "20"]
    threads = {"NUMBA_NUM_THREADS": "1", "NUMBA_THREADING_LAYER": "workqueue", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=THIS_TREE | threads)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    straight = results["straight"]
    assert len(straight["history"]) == 3
    for other in (results["counted"], *results["once"], results["again"]):
        assert other["learned"] == straight["learned"]
        assert other["history"] == straight["history"]
    events = [result["events"] for result in results["once"]]
    assert events[0] > 3 * events[-1], "what was done before a kill isn't done again"
    assert results["left"] == [], "no lock and no half-written file stays"


def two(one: Any, other: Any) -> tuple[Any, Any]:
    return one, other


class Tuned:
    """A loss that is an instance: what it does is in its state."""

    def __init__(self, background: float) -> None:
        self.background = background

    def __call__(self, clusters, kernel):
        return kdelab.CrossEntropy(clusters, kernel, background=self.background)


def closed_over(background: float):
    return lambda clusters, kernel: kdelab.CrossEntropy(clusters, kernel, background=background)


def defaults(background: float):
    def loss(clusters, kernel, background=background):
        return kdelab.CrossEntropy(clusters, kernel, background=background)

    return loss


def subclasses() -> tuple[type, type]:
    class Loss(kdelab.CrossEntropy):
        def value_and_grad(self, logits):
            return super().value_and_grad(logits)

    first = Loss

    class Loss(kdelab.CrossEntropy):
        def value_and_grad(self, logits):
            values, gradient = super().value_and_grad(logits)
            return 2 * values, 2 * gradient

    return first, Loss


PAIRS = {
    "partials": [functools.partial(kdelab.CrossEntropy, background=b) for b in (0.0, 0.1)],
    "partials of positions": [functools.partial(Tuned.__call__, Tuned(b)) for b in (0.0, 0.1)],
    "instances": [Tuned(b) for b in (0.0, 0.1)],
    "bound methods": [Tuned(b).__call__ for b in (0.0, 0.1)],
    "closures": [closed_over(b) for b in (0.0, 0.1)],
    "defaults": [defaults(b) for b in (0.0, 0.1)],
    "lambdas": [
        lambda clusters, kernel: kdelab.CrossEntropy(clusters, kernel, background=0.1),
        lambda clusters, kernel: kdelab.CrossEntropy(clusters, kernel, background=0.2),
    ],
    "lambdas of names": [
        lambda clusters, kernel: kdelab.CrossEntropy(clusters, kernel),
        lambda clusters, kernel: MeanSquaredError(clusters, kernel),
    ],
    "classes of one name": subclasses(),
    "a loss and none": [kdelab.CrossEntropy, None],
    "arrays in a state": [Tuned(np.array([0.0, b])) for b in (0.0, 0.1)],
    "dicts in a state": [Tuned({"b": [b]}) for b in (0.0, 0.1)],
}


@pytest.mark.parametrize("kind", PAIRS)
def test_losses_are_told_apart_by_what_they_are_made_of(kind: str) -> None:
    one, other = PAIRS[kind]
    assert identity("loss", one) == identity("loss", one)
    assert identity("loss", one) != identity("loss", other)


def test_equal_losses_made_twice_are_one() -> None:
    for make in (Tuned, closed_over, defaults, lambda b: functools.partial(Tuned, b), lambda b: Tuned({b, b + 1, "x"})):
        assert identity("loss", make(0.5)) == identity("loss", make(0.5))
    assert identity("seed", 3) == identity("seed", np.int64(3))
    round_and_round = Tuned(0.0)
    round_and_round.background = [round_and_round]
    assert identity("loss", round_and_round) == identity("loss", round_and_round)


def test_identities_are_the_same_in_every_process() -> None:
    code = (
        "import functools, kdelab; from kdelab.learn.identity import identity; "
        "print(identity('loss', functools.partial(kdelab.CrossEntropy, background={'a', 'b', 'c', 1.5}, x={'q': 1})), "
        "identity('loss', lambda c, k: c in ('a', {'b', 'c', 'd'}) or (c in {1, 2, 'e', 'f'})))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=THIS_TREE | {"PYTHONHASHSEED": s},
        ).stdout
        for s in ("1", "2")
    }
    assert len(said) == 1


def test_another_fit_is_refused_by_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    first = functools.partial(kdelab.CrossEntropy, background=0.01)
    done = gun(loss=first).fit(WAVES, checkpoint=path)
    for other, waves, weights, what in (
        (gun(loss=functools.partial(kdelab.CrossEntropy, background=0.02)), WAVES, None, "loss"),
        (gun(loss=first, kernel=kdelab.Laplace(0.11)), WAVES, None, "kernel"),
        (gun(loss=first, random_state=1), WAVES, None, "random_state"),
        (gun(loss=first), learnable(seed=2, waves=200), None, "waves"),
        (gun(loss=first), WAVES.assign(speed=WAVES["speed"] * 0.999), None, "waves"),
        (gun(loss=first), WAVES, np.arange(1.0, 401), "sample_weight"),
        (gun(loss=first, max_iter=6, shrinkage=1.0), WAVES, None, "max_iter, shrinkage"),
    ):
        message = f"checkpoint='{path}' belongs to a fit with other data or settings: {what}; remove it or name another"
        with pytest.raises(ValueError, match=re.escape(message)):
            other.fit(waves, weights, checkpoint=path) if weights is None else other.fit(waves, None, weights, path)
    same = gun(loss=first, progress=True, aim="intervals").fit(WAVES.astype({"speed": str}), checkpoint=path)
    np.testing.assert_array_equal(same.weights_, done.weights_)


def test_a_loss_that_cannot_be_told_apart_needs_no_checkpoint_and_gets_none(tmp_path: Path) -> None:
    loss = Tuned(0.0)
    loss.lock = threading.Lock()
    gun(loss=loss).fit(WAVES)
    with pytest.raises(ValueError, match=r"loss: <.*Tuned object.* can't be told from others"):
        gun(loss=loss).fit(WAVES, checkpoint=tmp_path / "fit.json")
    assert list(tmp_path.iterdir()) == []


def test_a_finished_fit_is_read_and_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fit.json"
    done = gun().fit(WAVES, checkpoint=path)
    before = path.read_bytes()
    monkeypatch.setattr(fitting, "evaluate", None)
    monkeypatch.setattr(fitting, "find", None)
    again = gun().fit(WAVES, checkpoint=str(path))
    assert again.history_ == done.history_
    np.testing.assert_array_equal(again.weights_, done.weights_)
    assert path.read_bytes() == before


def changed(state: Any) -> Any:
    """Yield a file's text with each of its numbers, lists and texts changed, one at a time."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            places.append((node, key))
            if isinstance(value, (dict, list)) and len(places) < 400:
                walk(value)

    walk(state)
    for node, key in places:
        value = node[key]
        others: list[Any] = [None, "1.0", math.nan, math.inf, []]
        others += [value * 2 + 1, True, -1e300] if isinstance(value, (int, float)) else []
        others += [value[:-1], [*value, 0.5], value[::-1]] if isinstance(value, list) and value else []
        for other in others:
            if type(other) is not type(value) or repr(other) != repr(value):
                node[key] = other
                yield json.dumps(state)
        node[key] = value


def test_a_changed_file_is_refused_whatever_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fit.json"
    with pytest.raises(KeyboardInterrupt):
        interrupted(5, monkeypatch, path)
    text = path.read_text()
    state = json.loads(text)
    assert set(state) == {"schema", "fingerprint", "rounds", "theta", "answers", "digest"}
    assert state["answers"]
    fingerprint = state["fingerprint"]
    tried = 0
    for other in changed(state):
        path.write_text(other)
        with pytest.raises(ValueError, match=f"checkpoint='{path}' .*remove it or name another file"):
            checkpoint.Checkpoint(path, fingerprint)
        tried += 1
    assert tried > 500
    for other in (
        "",
        "{",
        text[:100],
        text[:-1],
        "[]",
        "3",
        "null",
        "\x00",
        "[" * 100000,
        text.replace("theta", "beta"),
    ):
        path.write_text(other)
        with pytest.raises(ValueError, match=f"checkpoint='{path}' is not the state of a fit.*remove it or name"):
            gun().fit(WAVES, checkpoint=path)
        assert path.read_text() == other, "it is the user's, who may want to look at it"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not the state of a fit"):
        gun().fit(WAVES, checkpoint=path)
    path.write_text(text)
    np.testing.assert_array_equal(gun().fit(WAVES, checkpoint=path).weights_, gun().fit(WAVES).weights_)


@pytest.mark.parametrize("schema", [None, 1, 3, "2", [2]])
def test_other_schemas_are_refused_in_a_sentence(schema: Any, tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    old = {"fingerprint": "8a1f", "theta": [4.0] * 14, "rounds": []}
    path.write_text(json.dumps(old if schema is None else old | {"schema": schema}))
    with pytest.raises(
        ValueError, match=r"has schema (1|3|'2'|\[2\]) .* goes on from schema 2 only; remove it or name another file"
    ):
        gun().fit(WAVES, checkpoint=path)


def interrupted(after: int, monkeypatch: pytest.MonkeyPatch, path: Path | None, **more: Any) -> kdelab.NeighbourModel:
    """Fit until some evaluations are done and Ctrl-C is pressed."""
    model, asked = gun(**more), []

    class Interrupted(KeyboardInterrupt):
        gun = model

    def evaluate(*given, real=fitting.evaluate):
        asked.append(1)
        if len(asked) > after:
            raise Interrupted
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "evaluate", evaluate)
        return model.fit(WAVES, checkpoint=path)


def test_ctrl_c_leaves_the_best_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fit.json"
    with pytest.raises(KeyboardInterrupt) as caught:
        interrupted(7, monkeypatch, path)
    model = caught.value.gun
    unlearned = gun().unlearned(WAVES)
    assert not np.array_equal(model.weights_, unlearned.weights_)
    trained = model.predictions_
    assert model.score(WAVES, rows=trained) > unlearned.score(WAVES, rows=trained) + 0.01
    written = json.loads(path.read_text())
    np.testing.assert_allclose(model.scale_ * model.weights_, written["theta"], rtol=1e-15)

    for after in (0, 1):  # a second process is interrupted before it has come as far
        with pytest.raises(KeyboardInterrupt) as caught:
            interrupted(after, monkeypatch, path)
        np.testing.assert_array_equal(caught.value.gun.weights_, model.weights_)
        assert json.loads(path.read_text()) == written
    monkeypatch.setattr(fitting, "find", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
    again = gun()
    with pytest.raises(KeyboardInterrupt):
        again.fit(WAVES, checkpoint=path)
    np.testing.assert_array_equal(again.weights_, model.weights_)
    nothing = gun()
    with pytest.raises(KeyboardInterrupt):
        nothing.fit(WAVES, checkpoint=tmp_path / "new.json")
    assert not hasattr(nothing, "weights_")


def judged(held_out: list[float]) -> list[checkpoint.Round]:
    return [checkpoint.Round(i, (float(i),), 1.0, 1.0, loss, 3) for i, loss in enumerate(held_out)]


def test_what_a_fit_that_was_cut_short_has_reached() -> None:
    def reached(held_out: list[float], theta: float) -> float:
        state = checkpoint.Checkpoint(None, {})
        state.rounds, state.theta = judged(held_out), np.array([theta])
        return float(fitting.reached(state)[0])

    assert reached([0.5], 9.0) == 9, "no round is done: the last step"
    assert reached([0.5, 0.4], 9.0) == 1, "a judged round before steps that nobody judged"
    assert reached([0.5, 0.4, 0.45], 9.0) == 1
    assert reached([0.5, 0.6], 9.0) == 0, "learning made it worse"
    assert reached([np.nan, np.nan], 9.0) == 9, "nobody judges: the last step"
    assert fitting.reached(checkpoint.Checkpoint(None, {})) is None


def test_when_a_fit_is_finished() -> None:
    def finished(held_out: list[float], patience: int | None = 1, retrievals: int = 5) -> bool:
        settings = fitting.Settings(Form("scale", 1), 5, 5, retrievals, True, 9, patience, 0.0, False)
        return fitting.finished(judged(held_out), settings)

    assert not finished([0.5])
    assert not finished([0.5, 0.4])
    assert finished([0.5, 0.5]), "no better for one retrieval"
    assert finished([0.5, 0.4, 0.41])
    assert not finished([0.5, 0.4, 0.41], patience=2)
    assert finished([0.5, 0.4, 0.41, 0.42], patience=2)
    assert not finished([0.5, 0.6, 0.7], patience=None)
    assert not finished([np.nan] * 3)
    assert not finished([0.5, 0.4, 0.3], retrievals=3)
    assert finished([0.5, 0.4, 0.3, 0.2], retrievals=3)
    assert finished([np.nan] * 4, retrievals=3)


HOLDS = """
import sys, time
from kdelab.learn.checkpoint import opened
with opened(sys.argv[1], {"waves": "1"}):
    print("holds", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def holding(path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=THIS_TREE,
    )
    try:
        assert process.stdout.readline() == "holds\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_two_processes_never_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    link = tmp_path / "link.json"
    link.symlink_to(path)
    with holding(path) as process:
        for name in (path, link):
            with pytest.raises(ValueError, match=f"checkpoint='{name}' is in use by process {process.pid}; wait"):
                gun().fit(WAVES, checkpoint=name)
        gun().fit(WAVES, checkpoint=tmp_path / "other.json")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (tmp_path / ".fit.json.lock").exists(), "a killed process can't tidy up"
        gun().fit(WAVES, checkpoint=link)  # and is in nobody's way
    assert link.is_symlink()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["fit.json", "link.json", "other.json"]
    with checkpoint.opened(path, json.loads(path.read_text())["fingerprint"]):  # another thread of this process
        with pytest.raises(ValueError, match=f"in use by process {os.getpid()}"):
            gun().fit(WAVES, checkpoint=path)
        assert (tmp_path / ".fit.json.lock").exists()


def test_half_written_files_of_killed_fits_are_removed_and_others_are_not(tmp_path: Path) -> None:
    for name in (".fit[1].json-a1b2c3_4.new", ".fit[1].json-mine", "fit[1].json-a1b2.new", ".fit1.json-a1b2c3_4.new"):
        (tmp_path / name).write_text("half")
    gun().fit(WAVES, checkpoint=tmp_path / "fit[1].json")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        ".fit1.json-a1b2c3_4.new", ".fit[1].json-mine", "fit[1].json", "fit[1].json-a1b2.new",
    ]  # fmt: skip


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted(handle: int) -> None:
        done.append("folder" if os.path.samestat(os.fstat(handle), tmp_path.stat()) else "file")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("name"), replace(*paths)))
    state = checkpoint.Checkpoint(tmp_path / "fit.json", {})
    state.step(np.ones(3))
    assert done == ["file", "name", "folder"]


def test_places_that_cannot_hold_a_file(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path, "is a folder"),
        (tmp_path / "none" / "fit.json", "cannot be written"),
        (ROOT / "README.md" / "fit.json", "cannot be written"),
        ("", "must be the path of a file"),
        (3, "must be the path of a file"),
    ):
        with pytest.raises(ValueError, match=f"checkpoint.*{message}"):
            gun().fit(WAVES, checkpoint=path)


def few(waves: pd.DataFrame) -> pd.DataFrame:
    """The first rounds of the first battle."""
    return waves[(waves["battle"] == waves["battle"].iloc[0]) & (waves["round"] < 8)]


def test_the_readme_on_one_set_and_then_on_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    readme = (ROOT / "README.md").read_text()
    recipe = next(block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "checkpoint=" in block)
    for usual, small in (("predictions=1000", "predictions=50, max_iter=3"), ("progress=True", "progress=False")):
        assert usual in recipe
        recipe = recipe.replace(usual, small)
    assert '"samples"  # or "mine.parquet"' in recipe
    monkeypatch.chdir(tmp_path)
    store.save_waves("mine.parquet", few(kdelab.load_waves("surfers")), {})
    monkeypatch.setattr(kdelab, "load_waves", lambda name: few(store.load_waves(name)))
    said = []
    for name in ("samples", "mine.parquet", "samples", "mine.parquet"):
        exec(recipe.replace('"samples"  # or "mine.parquet"', repr(name)), {})
        said.append(capsys.readouterr().out)
    assert said[:2] == said[2:]
    assert said[0] != said[1]
