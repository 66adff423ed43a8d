"""``python -m kdelab.gun.compare``: cells of some sets anew, and the file's others kept."""

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from kdelab.gun.compare import __main__ as command
from kdelab.gun.compare import cells, sets


@pytest.fixture
def made(monkeypatch, tmp_path):
    """An experiment that takes no time, the file in a folder of its own, and the seeds that it was asked for."""
    asked = []

    def of_sets(names, seeds):
        asked.append(list(seeds))
        table = pd.DataFrame({"learner": "one", "battle": "b", "seed": list(seeds), "shots": 3, "hits": 1 / 3})
        return (table.assign(set=name) for name in names)

    monkeypatch.setattr(cells, "DATA", tmp_path)
    monkeypatch.setattr(cells, "load", lambda name: pd.read_parquet(tmp_path / f"{name}.parquet"))
    experiment = command.Experiment(of_sets, ("samples", "confirm"), range(20, 23), {"neighbours": 7})
    monkeypatch.setattr(command, "EXPERIMENTS", {"some": experiment})
    return asked


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["compare", *arguments])
    return command.main()


def test_other_sets_of_the_table_are_kept(made, monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, "some", "samples") == 0
    assert run(monkeypatch, "some", "confirm", "--seeds", "2") == 0
    assert made == [[20, 21, 22], [20, 21]]
    table = pd.read_parquet(tmp_path / "some.parquet")
    assert table["set"].tolist() == ["samples"] * 3 + ["confirm"] * 2
    assert table["hits"].tolist() == [0.333333] * 5
    said = json.loads(pq.read_schema(tmp_path / "some.parquet").metadata[b"kdelab"])
    assert said == {"seeds": [20, 21], "settings": {"neighbours": "7"}}
    assert str(tmp_path / "some.parquet") in capsys.readouterr().out


def test_without_a_set_all_are_computed(made, monkeypatch, tmp_path):
    assert run(monkeypatch, "some") == 0
    assert set(pd.read_parquet(tmp_path / "some.parquet")["set"]) == {"samples", "confirm"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["other"], "invalid choice: 'other'"),
        (["some", "nobody's"], "sets: [\"nobody's\"] given, allowed are 'samples', 'confirm'"),
        (["some", "--seeds", "1"], "seeds: 1 given, allowed are 2 to 1000"),
    ],
)
def test_what_can_t_be_computed_is_said(made, arguments, said, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, *arguments)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_an_experiment_on_waves_is_one_on_sets(monkeypatch):
    monkeypatch.setattr(sets, "battles_of", lambda name: name)
    of_sets = command.each(lambda waves, seeds: (pd.DataFrame({"waves": [waves], "seed": [seed]}) for seed in seeds))
    table = pd.concat(of_sets(["a", "b"], [1, 2]))
    assert table["set"].tolist() == table["waves"].tolist() == ["a", "a", "b", "b"]
    assert table["seed"].tolist() == [1, 2, 1, 2]
