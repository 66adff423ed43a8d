"""Guns fitted on folders of parts: the bits of one table, faults said before anything is computed, little memory."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from interrupted_fits import assert_same
from made_up_waves import learnable

import kdelab
from kdelab.gun.waves.parts import save_parts
from kdelab.gun.waves.store import save_waves
from kdelab.learn.examples import Batch
from kdelab.learn.parts import Streamed

ROOT = Path(__file__).parents[2]
SMALL = {"neighbours": 15, "max_iter": 5, "retrievals": 2, "shrinkage": 1.0}
WAVES = learnable(battles=6, waves=300)


def gun(**more: object) -> kdelab.NeighbourModel:
    return kdelab.NeighbourModel(**(SMALL | more))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_parts(tmp_path / "parts", WAVES, 4, {})
    return tmp_path / "parts"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"form": "linear", "kernel": kdelab.Gaussian(0.1), "predictions": 90, "random_state": 3},
        {"kernel": "interval", "background": 0.05, "aim": "intervals"},
        {"validation": 0.0, "retrieve_anew": False},
        {"loss": kdelab.CrossEntropy, "features": ["speed", "mine"]},
        {"ranges": {"speed": (0.0, 9.0)}, "features": ["speed", "distance"]},
    ],
    ids=str,
)
def test_parts_teach_what_one_table_teaches(tmp_path, settings):
    waves = WAVES.assign(mine=np.random.default_rng(1).normal(size=len(WAVES)))
    save_parts(tmp_path / "parts", waves, 4, {})
    table = gun(**settings).fit(kdelab.load_waves(tmp_path / "parts"))
    for streamed in (False, True):
        model = kdelab.distributed.fit(gun(**settings), tmp_path / "parts", streamed=streamed)
        assert_same(model, table)
        assert model.rounds_ is None
        assert not hasattr(model, "predictions_")
    np.testing.assert_array_equal(model.predict(waves), table.predict(waves))


def test_another_partition_teaches_the_same(tmp_path):
    learned = []
    for parts in (1, 2, 6):
        save_parts(tmp_path / str(parts), WAVES, parts, {})
        learned.append(kdelab.distributed.fit(gun(), tmp_path / str(parts)))
    for one, other in pairwise(learned):
        assert_same(one, other)


def test_memory_within_the_round_goes_in_parts_too(tmp_path):
    waves = kdelab.load_waves()
    few = waves[waves["battle"].isin(waves["battle"].unique()[:3])].reset_index(drop=True)
    save_parts(tmp_path / "parts", few, 3, {})
    settings = {"within_round": True, "predictions": 200, "retrievals": 1}
    assert_same(
        kdelab.distributed.fit(gun(**settings), tmp_path / "parts", streamed=True),
        gun(**settings).fit(kdelab.load_waves(tmp_path / "parts")),
    )


def test_a_column_says_how_much_each_wave_counts(tmp_path):
    weights = np.random.default_rng(2).integers(0, 4, len(WAVES)) * 0.7
    save_parts(tmp_path / "parts", WAVES.assign(counts=weights), 3, {})
    waves = kdelab.load_waves(tmp_path / "parts")
    model = kdelab.distributed.fit(gun(), tmp_path / "parts", sample_weight="counts")
    assert_same(model, gun().fit(waves, sample_weight=waves["counts"]))
    save_parts(tmp_path / "none", WAVES.assign(counts=0.0), 3, {})
    with pytest.raises(ValueError, match="column 'counts' must not be all 0"):
        kdelab.distributed.fit(gun(), tmp_path / "none", sample_weight="counts")
    save_parts(tmp_path / "bad", WAVES.assign(counts=np.where(np.arange(len(WAVES)) == 700, -1.0, 1.0)), 3, {})
    with pytest.raises(ValueError, match=r"part-001.parquet: column 'counts' must not be negative, .* in 1 rows"):
        kdelab.distributed.fit(gun(), tmp_path / "bad", sample_weight="counts")


def test_a_part_of_which_nothing_is_trained_on_still_counts(tmp_path):
    short = WAVES[(WAVES["battle"] != WAVES["battle"].iloc[0]) | (WAVES["round"] == WAVES["round"].min())]
    short = short.reset_index(drop=True)
    save_parts(tmp_path / "parts", short, 6, {})
    for streamed in (False, True):
        model = kdelab.distributed.fit(gun(), tmp_path / "parts", streamed=streamed)
        assert_same(model, gun().fit(kdelab.load_waves(tmp_path / "parts")))


def test_what_is_wrong_with_parts_is_one_error_before_anything_is_computed(folder, tmp_path, monkeypatch):
    paths = sorted(folder.iterdir())
    save_waves(paths[0], kdelab.load_waves(paths[0]).drop(columns="speed"), {})
    message = r"part-001.parquet: .*'speed'.*; part-002.parquet: .*'speed'"
    with pytest.raises(ValueError, match=message):
        kdelab.distributed.fit(gun(), folder)
    waves = [kdelab.load_waves(path) for path in paths]
    for path, table in zip(paths, waves, strict=True):
        save_waves(path, table.drop(columns="speed", errors="ignore"), {})
    with pytest.raises(ValueError, match=r"4 of 4 parts can't be .*part-000.parquet: waves lacks the columns speed"):
        kdelab.distributed.fit(gun(), folder)
    for path, table in zip(paths, waves, strict=True):
        save_waves(path, table.assign(speed=1.0 if path != paths[2] else np.nan), {})
    damaged = bytearray(paths[3].read_bytes())
    damaged[len(damaged) // 3] ^= 0xFF
    paths[3].write_bytes(bytes(damaged))
    monkeypatch.setattr(kdelab.learn.examples.Examples, "nearest", None)
    with pytest.raises(
        ValueError, match=r"part-002.parquet: waves: speed is not a finite .*part-003.parquet: "
    ) as said:
        kdelab.distributed.fit(gun(), folder)
    assert str(said.value).count("\n") == 0
    model = gun()
    with pytest.raises(ValueError, match="there is no such folder"):
        kdelab.distributed.fit(model, tmp_path / "nowhere")
    assert not [name for name in vars(model) if name.endswith("_")], "nothing partial is left"


def test_too_few_waves_and_wrong_arguments_are_said(folder, tmp_path):
    save_parts(tmp_path / "few", WAVES.groupby("battle").head(40).reset_index(drop=True), 3, {})
    with pytest.raises(ValueError, match=r"none of the \d+ can be trained on"):
        kdelab.distributed.fit(gun(), tmp_path / "few")
    with pytest.raises(ValueError, match="neighbours"):
        kdelab.distributed.fit(gun(neighbours=0), folder)
    with pytest.raises(ValueError, match=r"model must be a kdelab.NeighbourModel, not dict"):
        kdelab.distributed.fit({}, folder)
    with pytest.raises(ValueError, match="streamed"):
        kdelab.distributed.fit(gun(), folder, "tcp://127.0.0.1:1", streamed=True)
    unnamed = gun(loss=lambda clusters, kernel: kdelab.CrossEntropy(clusters, kernel))
    assert kdelab.distributed.fit(unnamed, folder).scale_ > 0
    with pytest.raises(ValueError, match="a parameter can't be pickled"):
        kdelab.distributed.fit(unnamed, folder, streamed=True)
    with pytest.raises(ValueError, match=r"scratch=.*must be a folder"):
        kdelab.distributed.fit(gun(), folder, scratch=folder / "part-000.parquet", streamed=True)


class Gappy:
    """A loss that is infinite for targets far to the right, and the cross-entropy elsewhere."""

    def __init__(self, clusters, kernel):
        self.far, self.inner = clusters.centres > 0.5, kdelab.CrossEntropy(clusters, kernel)

    def value_and_grad(self, logits):
        values, gradient = self.inner.value_and_grad(logits)
        return np.where(self.far, np.inf, values), gradient


def test_losses_that_are_not_finite_are_counted_over_all_parts(folder):
    said = []
    for fit in (lambda gun: gun.fit(kdelab.load_waves(folder)), lambda gun: kdelab.distributed.fit(gun, folder)):
        with pytest.raises(ValueError, match=r"loss: it is not finite for \d+ of \d+ predictions") as caught:
            fit(gun(loss=Gappy))
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_what_is_held_out_is_judged_by_the_cross_entropy_whatever_is_trained_on(folder):
    tilted = kdelab.distributed.fit(gun(loss=Tilted), folder).history_
    plain = kdelab.distributed.fit(gun(), folder).history_
    assert tilted[0].held_out == plain[0].held_out
    assert tilted[0].before == pytest.approx(plain[0].before + 7)


class Tilted(kdelab.CrossEntropy):
    """The cross-entropy, and 7 more."""

    def value_and_grad(self, logits, weights=None):
        values, gradient = super().value_and_grad(logits, weights)
        return values + 7, gradient


def test_a_gun_fitted_in_parts_knows_no_row_of_an_earlier_table(folder):
    model = gun().fit(kdelab.load_waves(folder))
    assert len(model.predictions_)
    assert not hasattr(kdelab.distributed.fit(model, folder), "predictions_")


def test_a_fit_in_parts_goes_on_from_its_checkpoint(folder, tmp_path, monkeypatch):
    straight, state = kdelab.distributed.fit(gun(), folder), tmp_path / "fit.json"
    asked = []

    def interrupting(*given, real=Batch.value_and_grad):
        asked.append(1)
        if len(asked) == 7:
            raise KeyboardInterrupt
        return real(*given)

    model = gun()
    with monkeypatch.context() as patch:
        patch.setattr(Batch, "value_and_grad", interrupting)
        with pytest.raises(KeyboardInterrupt):
            kdelab.distributed.fit(model, folder, streamed=True, checkpoint=state)
    assert model.weights_.shape == (14,), "the best there is"
    assert_same(kdelab.distributed.fit(gun(), folder, checkpoint=state), straight)
    with pytest.raises(ValueError, match="other data or settings: max_iter"):
        kdelab.distributed.fit(gun(max_iter=9), folder, checkpoint=state)
    save_waves(sorted(folder.iterdir())[0], kdelab.load_waves(sorted(folder.iterdir())[0]).assign(speed=0.5), {})
    with pytest.raises(ValueError, match="other data or settings: waves"):
        kdelab.distributed.fit(gun(), folder, checkpoint=state)


def test_streaming_leaves_nothing_behind_and_keeps_one_part_at_a_time(folder, tmp_path, capsys):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    kdelab.distributed.fit(gun(progress=True), folder, streamed=True, scratch=scratch)
    assert list(scratch.iterdir()) == []
    assert re.search("neighbours, train.*part", capsys.readouterr().err)
    place = Streamed(scratch)
    handles = place.store("", np.zeros, [10, 20])
    assert [len(each) for each in place.ask(np.copy, handles)] == [10, 20]
    assert len(list(scratch.iterdir())) == 2
    del handles
    assert list(scratch.iterdir()) == []


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_parts(tmp_path):
    command = [sys.executable, "-m", "benchmarks.scale", "streamed", str(tmp_path), "--parts", "12"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    neighbours, most, of_all = (int(word) for word in re.findall(r"(\d+) (?:neighbours|MiB)", done.stdout))
    assert neighbours > 2e6
    assert most < min(1024, of_all), done.stdout
    assert "the same bits: True" in done.stdout
