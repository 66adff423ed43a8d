"""Fits by real worker processes: the bits of a fit in process, whoever dies."""

import functools
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deadly_loss import Deadly
from engine import needs_robocode
from interrupted_fits import assert_same
from made_up_waves import learnable

import kdelab
from kdelab.gun.battles.campaign import fought
from kdelab.gun.battles.record import Battle, record
from kdelab.gun.waves.parts import save_parts
from kdelab.gun.waves.store import save_waves
from kdelab.learn.examples import Batch

SETTINGS = {"neighbours": 15, "max_iter": 6, "retrievals": 2, "shrinkage": 1.0}
WAVES = learnable(battles=6, waves=300)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_parts(tmp_path / "parts", WAVES, 5, {})
    return tmp_path / "parts"


def gun(**more: object) -> kdelab.NeighbourModel:
    return kdelab.NeighbourModel(**(SETTINGS | more))


@contextmanager
def killing_at(evaluation: int, order: Path, whom: str) -> Iterator[None]:
    """Have somebody killed in the middle of an evaluation, the first being 1."""
    asked = []

    def value_and_grad(*given: Any, real: Any = Batch.value_and_grad) -> Any:
        asked.append(1)
        if len(asked) == evaluation:
            order.write_text(whom)
        return real(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batch, "value_and_grad", value_and_grad)
        yield


def test_two_workers_learn_what_one_process_learns(folder, cluster, capfd):
    there = kdelab.distributed.fit(gun(progress=True), folder, cluster.address)
    assert_same(there, kdelab.distributed.fit(gun(), folder))
    assert_same(there, gun().fit(kdelab.load_waves(folder)))
    assert "neighbours, train" in capfd.readouterr().err


@pytest.mark.parametrize("evaluation", [1, 12])
def test_a_worker_killed_in_an_evaluation_changes_no_digit(folder, cluster, tmp_path, evaluation):
    order = tmp_path / "order"
    loss = functools.partial(Deadly, str(order))
    straight = kdelab.distributed.fit(gun(loss=loss), folder)
    with killing_at(evaluation, order, "me"):
        there = kdelab.distributed.fit(gun(loss=loss), folder, cluster.address)
    assert not order.exists()
    assert sum(worker.poll() is not None for worker in cluster.workers) == 1
    assert_same(there, straight)
    assert len(straight.history_) == 3


def test_a_scheduler_that_goes_is_one_clear_error_and_the_fit_goes_on(folder, cluster, tmp_path):
    order, checkpoint = tmp_path / "order", tmp_path / "fit.json"
    loss = functools.partial(Deadly, str(order))
    straight = kdelab.distributed.fit(gun(loss=loss), folder)
    gone = pytest.raises(ConnectionError, match=r"the scheduler is gone; .*dask scheduler.*checkpoint")
    with killing_at(8, order, str(cluster.scheduler.pid)), gone:
        kdelab.distributed.fit(gun(loss=loss), folder, cluster.address, checkpoint=checkpoint)
    assert checkpoint.exists()
    assert_same(kdelab.distributed.fit(gun(loss=loss), folder, checkpoint=checkpoint), straight)


def test_where_no_scheduler_answers_the_error_says_how_to_start_one(folder):
    with pytest.raises(ConnectionError, match=r"address='tcp://127.0.0.1:9': no Dask scheduler.*--nthreads 1"):
        kdelab.distributed.fit(gun(), folder, "tcp://127.0.0.1:9")
    with pytest.raises(ConnectionError, match="no Dask scheduler"):
        kdelab.distributed.fit(gun(), folder, "nonsense")


def test_without_workers_the_error_says_how_to_start_some(folder, cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(kdelab.distributed, "PATIENCE", 2)
    loss = functools.partial(Deadly, str(tmp_path / "order"))
    cluster.workers.pop().kill()
    with (
        killing_at(3, tmp_path / "order", "me"),
        pytest.raises(ConnectionError, match=r"no worker is left; .*--nthreads"),
    ):
        kdelab.distributed.fit(gun(loss=loss), folder, cluster.address)
    with pytest.raises(ConnectionError, match=r"the scheduler has no worker; .*--nthreads 1"):
        kdelab.distributed.fit(gun(), folder, cluster.address)


@pytest.mark.parametrize("cluster", [0], indirect=True)
def test_a_part_that_takes_too_many_workers_with_it_is_one_clear_error(folder, cluster, tmp_path):
    loss = functools.partial(Deadly, str(tmp_path / "order"))
    gone = pytest.raises(ConnectionError, match=r"worker after the other has ended over the same part.*smaller parts")
    with killing_at(3, tmp_path / "order", "me"), gone:
        kdelab.distributed.fit(gun(loss=loss), folder, cluster.address)


def test_what_is_wrong_with_a_part_is_said_by_those_who_read_it(folder, cluster):
    path = folder / "part-003.parquet"
    save_waves(path, kdelab.load_waves(path).assign(speed=np.nan), {})
    with pytest.raises(ValueError, match=r"part-003.parquet: waves: speed is not a finite number in"):
        kdelab.distributed.fit(gun(), folder, cluster.address)


@needs_robocode
def test_battles_recorded_by_workers_are_those_recorded_here(cluster, tmp_path):
    battles = [Battle("sample.Crazy", enemy, 2, 7) for enemy in ("sample.Walls", "sample.Fire")]
    here = record(battles, progress=False)
    there = record(battles, progress=False, address=cluster.address)
    assert here.robocode == there.robocode
    for one, other in zip(here.logs, there.logs, strict=True):
        assert one.name == other.name
        np.testing.assert_array_equal(one.turns, other.turns)
        np.testing.assert_array_equal(one.bullets, other.bullets)
    with pytest.raises(ValueError, match="Cray"):
        record([Battle("sample.Cray", "sample.Walls", 2, 7)], progress=False, address=cluster.address)
    with pytest.raises(ConnectionError, match="no Dask scheduler"):
        record(battles, progress=False, address="tcp://127.0.0.1:9")


@needs_robocode
def test_a_scheduler_that_goes_while_battles_are_fought_is_one_clear_error_too(cluster, tmp_path):
    battles = [Battle("sample.Crazy", enemy, 1, 7) for enemy in ("sample.Walls", "sample.Fire", "sample.Corners")]
    with closing(fought(battles, store=tmp_path / "kept", address=cluster.address, progress=False)) as coming:
        first = next(coming)
        cluster.scheduler.kill()
        with pytest.raises(ConnectionError, match="the scheduler is gone"):
            list(coming)
    with closing(fought(battles[:1], store=tmp_path / "kept", progress=False)) as coming:
        assert next(coming).log.name == first.log.name
