"""States of fits: resumed to the same result, refused to another fit, and the best there is after an interrupt."""

import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from interrupted_fits import ROOT, THIS_TREE, WAVES, gun, interrupted
from made_up_waves import learnable

import kdelab
from kdelab.gun.waves import store
from kdelab.learn import checkpoint, examples
from kdelab.learn import fit as fitting
from kdelab.learn.form import Form


@pytest.mark.slow
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


def test_another_memory_is_another_fit(tmp_path: Path) -> None:
    turn = np.arange(len(WAVES)) * 3.0
    waves, path = WAVES.assign(turn=turn, passed=turn + 25), tmp_path / "fit.json"
    before = gun().fit(WAVES, checkpoint=path)
    assert "within_round" not in json.loads(path.read_text())["fingerprint"], "as it was before there was a choice"
    assert gun(within_round=False).fit(waves, checkpoint=path).history_ == before.history_
    with pytest.raises(ValueError, match=r"other data or settings: .*within_round.*waves|waves, within_round"):
        gun(within_round=True).fit(waves, checkpoint=path)
    path.unlink()
    done = gun(within_round=True).fit(waves, checkpoint=path)
    assert done.history_ != before.history_
    assert gun(within_round=True).fit(waves, checkpoint=path).history_ == done.history_
    for other in (waves.assign(passed=turn + 26), waves.assign(passed=np.where(turn == 30, np.nan, turn + 25))):
        with pytest.raises(ValueError, match="other data or settings: waves;"):
            gun(within_round=True).fit(other, checkpoint=path)
    with pytest.raises(ValueError, match="within_round"):
        gun().fit(waves, checkpoint=path)


def test_a_finished_fit_is_read_and_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fit.json"
    done = gun().fit(WAVES, checkpoint=path)
    before = path.read_bytes()
    monkeypatch.setattr(examples, "Batch", None)
    monkeypatch.setattr(examples.Examples, "batch", None)
    again = gun().fit(WAVES, checkpoint=str(path))
    assert again.history_ == done.history_
    np.testing.assert_array_equal(again.weights_, done.weights_)
    assert path.read_bytes() == before


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
    reached = Form.named("power", 14).parameters(np.array(written["theta"]))
    np.testing.assert_allclose(model.scale_ * model.weights_, reached.weights, rtol=1e-15)

    for after in (0, 1):  # a second process is interrupted before it has come as far
        with pytest.raises(KeyboardInterrupt) as caught:
            interrupted(after, monkeypatch, path)
        np.testing.assert_array_equal(caught.value.gun.weights_, model.weights_)
        assert json.loads(path.read_text()) == written
    monkeypatch.setattr(examples.Examples, "batch", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
    again = gun()
    with pytest.raises(KeyboardInterrupt):
        again.fit(WAVES, checkpoint=path)
    np.testing.assert_array_equal(again.weights_, model.weights_)
    nothing = gun()
    with pytest.raises(KeyboardInterrupt):
        nothing.fit(WAVES, checkpoint=tmp_path / "new.json")
    assert not hasattr(nothing, "weights_")


def judged(held_out: list[float]) -> list[checkpoint.Retrieval]:
    return [checkpoint.Retrieval(i, (float(i),), 1.0, 1.0, loss, 3) for i, loss in enumerate(held_out)]


def test_what_a_fit_that_was_cut_short_has_reached() -> None:
    def reached(held_out: list[float], theta: float) -> float:
        state = checkpoint.Checkpoint(None, {})
        state.history, state.theta = judged(held_out), np.array([theta])
        return float(fitting.reached(state)[0])

    assert reached([0.5], 9.0) == 9, "no round is done: the last step"
    assert reached([0.5, 0.4], 9.0) == 1, "a judged round before steps that nobody judged"
    assert reached([0.5, 0.4, 0.45], 9.0) == 1
    assert reached([0.5, 0.6], 9.0) == 0, "learning made it worse"
    assert reached([np.nan, np.nan], 9.0) == 9, "nobody judges: the last step"
    assert fitting.reached(checkpoint.Checkpoint(None, {})) is None


def test_when_a_fit_is_finished() -> None:
    def finished(held_out: list[float], patience: int | None = 1, retrievals: int = 5) -> bool:
        return fitting.Schedule(retrievals, patience=patience).is_over(judged(held_out))

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


def few(waves: pd.DataFrame) -> pd.DataFrame:
    """The first rounds of the first battle."""
    return waves[(waves["battle"] == waves["battle"].iloc[0]) & (waves["round"] < 8)]


def test_the_page_on_guns_on_one_set_and_then_on_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    page = (ROOT / "docs" / "gun.md").read_text()
    recipe = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "checkpoint=" in block)
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
