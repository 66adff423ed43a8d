"""Tables of every odd type: taken as the numbers that they hold, or refused by the column's name."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.gun.compare import learned
from kdelab.gun.compare.baselines import HeadOn, Histogram, Linear, Orbit
from kdelab.gun.compare.surfing import as_surfer
from kdelab.gun.compare.trials import late_rounds, shots
from kdelab.gun.recall import memory_of, middles, retrieve, scaled
from kdelab.gun.waves.check import ranges_of
from kdelab.gun.waves.columns import numbers_in

SMALL = {"neighbours": 15, "max_iter": 3, "retrievals": 1, "predictions": 40}

SAME = {
    "text": lambda column: column.astype(str),
    "text with blanks": lambda column: " " + column.astype(str) + " ",
    "objects": lambda column: column.astype(object),
    "mixed": lambda column: pd.Series([str(v) if i % 2 else v for i, v in enumerate(column)], dtype=object),
    "category": lambda column: column.astype("category"),
    "category of text": lambda column: column.astype(str).astype("category"),
    "decimals": lambda column: pd.Series([Decimal(repr(float(v))) for v in column]),
    "fractions": lambda column: pd.Series([Fraction(float(v)) for v in column]),
    "nullable": lambda column: column.convert_dtypes(),
    "arrow": lambda column: column.astype(pd.ArrowDtype(pa.float64())),
    "arrow text": lambda column: column.astype(str).astype(pd.ArrowDtype(pa.string())),
    "sparse": lambda column: column.astype(pd.SparseDtype(float)),
    "long": lambda column: column.astype(np.longdouble),
}


@pytest.fixture(scope="module")
def plain() -> kdelab.NeighbourModel:
    """A gun of numbers as they are."""
    return kdelab.NeighbourModel(**SMALL).fit(learnable(waves=130))


@pytest.mark.parametrize("kind", SAME)
def test_numbers_of_any_type_are_the_same_numbers(kind: str, plain: kdelab.NeighbourModel) -> None:
    waves = learnable(waves=130)
    odd = waves.copy()
    for name in ("round", "lower", "upper", "distance", "escape_angle", "room_ahead", "bullet_speed"):
        odd[name] = SAME[kind](waves[name])
    gun = kdelab.NeighbourModel(**SMALL).fit(odd)
    np.testing.assert_array_equal(gun.weights_, plain.weights_)
    assert gun.ranges_ == plain.ranges_
    pd.testing.assert_frame_equal(gun.judge(odd), plain.judge(waves))
    np.testing.assert_array_equal(gun.predict(odd), plain.predict(waves))
    np.testing.assert_array_equal(gun.density(odd, [0.1]), plain.density(waves, [0.1]))
    assert gun.score(odd) == plain.score(waves)
    assert gun.hit_rate(odd) == plain.hit_rate(waves)
    np.testing.assert_array_equal(late_rounds(odd), late_rounds(waves))
    found, other = (retrieve(table, np.random.default_rng(1), 30) for table in (waves, odd))
    np.testing.assert_array_equal(found.logits, other.logits)
    for baseline in (HeadOn(), Linear(), Orbit(), Histogram()):
        pd.testing.assert_frame_equal(baseline.judge(odd), baseline.judge(waves))


def test_shots_of_any_type_are_the_same_shots() -> None:
    waves = learnable(waves=130)
    hit = np.where(waves["real"], np.random.default_rng(1).integers(0, 2, len(waves)), np.nan)
    waves = waves.assign(hit=hit, fired=np.where(waves["real"], waves["lower"] * 1.3, np.nan))
    odd = waves.assign(
        real=waves["real"].astype(int).astype(str),
        **{name: waves[name].astype(object).where(waves[name].notna(), None) for name in ("hit", "fired")},
        round=waves["round"].astype(str),
        distance=waves["distance"].astype(str),
    )
    gun = kdelab.NeighbourModel(**SMALL).unlearned(waves)
    for ask in (
        lambda table: learned.shots(gun, kdelab.Recall(table), learned.own_shots(table, "a").rows),
        lambda table: as_surfer(table)[["lower", "upper", "bot_width"]],
        lambda table: pd.Series(shots(table, np.random.default_rng(1), 20)),
    ):
        assert len(ask(waves)) > 0
        pd.testing.assert_frame_equal(pd.DataFrame(ask(odd)), pd.DataFrame(ask(waves)))
    for name in ("real", "distance"):
        with pytest.raises(ValueError, match=f"{name} is not a finite number"):
            as_surfer(waves.assign(**{name: "yes"}))


@pytest.mark.parametrize(
    "kind",
    [
        lambda names: names.astype("category"),
        lambda names: names.astype(pd.ArrowDtype(pa.string())),
        lambda names: names.map({name: i for i, name in enumerate(names.unique())}),
        lambda names: names.astype(object),
    ],
)
def test_names_of_any_type_tell_battles_apart(kind) -> None:
    waves = learnable(waves=130)
    odd = waves.assign(battle=kind(waves["battle"]), shooter=kind(waves["shooter"]))
    plain, gun = (kdelab.NeighbourModel(**SMALL).fit(table) for table in (waves, odd))
    np.testing.assert_array_equal(gun.losses(odd), plain.losses(waves))
    np.testing.assert_array_equal(gun.weights_, plain.weights_)


ODD = {
    "dates": lambda n: pd.date_range("2022-02-05", periods=n),
    "dates with a zone": lambda n: pd.date_range("2022-02-05", periods=n, tz="UTC"),
    "times": lambda n: pd.to_timedelta(np.arange(n), unit="s"),
    "times as objects": lambda n: pd.Series([np.timedelta64(i, "s") for i in range(n)], dtype=object),
    "dates as objects": lambda n: pd.Series(pd.date_range("2022-02-05", periods=n)).astype(object),
    "arrow dates": lambda n: pd.Series(pd.date_range("2022", periods=n)).astype(pd.ArrowDtype(pa.timestamp("s"))),
    "periods": lambda n: pd.period_range("2022-02", periods=n, freq="M"),
    "complex": lambda n: np.full(n, 1 + 1j),
    "complex without an imaginary part": lambda n: np.ones(n, dtype=complex),
    "complex as objects": lambda n: pd.Series([1j] * n, dtype=object),
    "words": lambda n: ["fast"] * n,
    "bytes": lambda n: [b"1"] * n,
    "lists": lambda n: pd.Series([[1.0]] * n, dtype=object),
    "nothing": lambda n: [None] * n,
    "NA": lambda n: pd.array([1] * (n - 1) + [None], dtype="Int64"),
    "NA and truth": lambda n: pd.array([True] * (n - 1) + [None], dtype="boolean"),
    "infinity": lambda n: np.full(n, np.inf),
    "text of infinity": lambda n: ["inf"] * n,
    "beyond floats": lambda n: pd.Series([10**400] * n, dtype=object),
    "beyond floats, long": lambda n: np.full(n, np.longdouble("1e400")),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", ["round", "upper", "distance", "mine"])
def test_what_is_no_number_is_refused_by_name(name: str, kind: str) -> None:
    waves = learnable(waves=100)
    odd = waves.assign(**{name: ODD[kind](len(waves))})
    if name == "mine":
        waves["mine"] = np.arange(len(waves))
    gun = kdelab.NeighbourModel(features=["distance", name] if name == "mine" else None, **SMALL)
    message = rf"{name} is not a finite number in (200|1) rows, first in row (0|199)"
    with pytest.raises(ValueError, match=message):
        gun.fit(odd)
    gun.unlearned(waves)
    for ask in (gun.predict, gun.score, gun.hit_rate, gun.judge, gun.losses, gun.logits):
        with pytest.raises(ValueError, match=message):
            ask(odd)
    if name != "mine":
        with pytest.raises(ValueError, match=message):
            retrieve(odd, np.random.default_rng(1), 5)
        with pytest.raises(ValueError, match=message):
            Linear().predict(odd)


@pytest.mark.parametrize("name", ["battle", "shooter"])
def test_names_that_are_missing_or_no_names(name: str) -> None:
    waves = learnable(waves=100)
    for nothing in (None, np.nan, pd.NA, pd.NaT):
        odd = waves.astype({name: object})
        odd.loc[7, name] = nothing
        with pytest.raises(ValueError, match=f"{name} is missing in 1 rows, first in row 7"):
            kdelab.NeighbourModel().fit(odd)
        with pytest.raises(ValueError, match=f"{name} is missing in 1 rows, first in row 7"):
            memory_of(odd)
    with pytest.raises(ValueError, match=f"{name} holds what is no name"):
        kdelab.NeighbourModel().fit(waves.assign(**{name: pd.Series([["a"]] * 200, dtype=object)}))


@pytest.mark.parametrize("name", ["battle", "round", "lower", "distance"])
def test_a_column_that_stands_twice_is_named(name: str) -> None:
    waves = learnable(waves=100)
    twice = pd.concat([waves, waves[[name]]], axis=1)
    gun = kdelab.NeighbourModel(**SMALL).unlearned(waves)
    for ask in (kdelab.NeighbourModel().fit, gun.predict, gun.judge, HeadOn().predict, late_rounds):
        if ask is not late_rounds or name in ("battle", "round"):
            with pytest.raises(ValueError, match=f"waves has 2 columns {name}; it needs one"):
                ask(twice)
    other = pd.concat([waves, waves[["enemy"]]], axis=1)  # nobody asks for that one
    np.testing.assert_array_equal(gun.predict(other), gun.predict(waves))


def test_columns_of_two_levels_and_no_columns() -> None:
    waves = learnable(waves=100)
    gun = kdelab.NeighbourModel(**SMALL).unlearned(waves)
    nested = waves.copy()
    nested.columns = pd.MultiIndex.from_product([["a"], waves.columns])
    for ask in (gun.fit, gun.predict, memory_of, middles, scaled, late_rounds, HeadOn().predict):
        with pytest.raises(ValueError, match="column names of 2 levels"):
            ask(nested)
        with pytest.raises(ValueError, match="lacks the columns"):
            ask(pd.DataFrame(index=range(5)))
        with pytest.raises(ValueError, match="must be a pandas or polars DataFrame"):
            ask([1, 2, 3])


@pytest.mark.parametrize(
    "index",
    [
        lambda n: np.zeros(n),
        lambda n: np.arange(n) * 2.0,
        lambda n: np.repeat(np.arange(n // 2) * 3, 2),
        lambda n: pd.Index(np.arange(n) * 2, dtype=object),
        lambda n: np.arange(n)[::-1],
        lambda n: [f"{i}" for i in range(n)],
        lambda n: pd.date_range("2022", periods=n),
        lambda n: pd.MultiIndex.from_product([range(2), range(n // 2)]),
        lambda n: np.random.default_rng(1).permutation(n),
        lambda n: np.full(n, np.nan),
    ],
)
def test_row_labels_do_not_matter(index, recwarn: pytest.WarningsRecorder) -> None:
    waves = learnable(waves=130)
    odd = waves.set_axis(index(len(waves)), axis=0)
    plain, gun = (kdelab.NeighbourModel(**SMALL).fit(table) for table in (waves, odd))
    np.testing.assert_array_equal(gun.weights_, plain.weights_)
    pd.testing.assert_frame_equal(gun.judge(odd), plain.judge(waves))
    np.testing.assert_array_equal(late_rounds(odd), late_rounds(waves))
    assert len(recwarn) == 0


def test_rounds_must_be_whole_numbers_that_can_be_told_apart() -> None:
    waves = learnable(waves=100)
    for value in (0.5, -0.5, 2.0**53, "2.25"):
        odd = waves.astype({"round": object})
        odd.loc[3, "round"] = value
        with pytest.raises(ValueError, match="round is not a whole number in 1 rows, first in row 3"):
            kdelab.NeighbourModel().fit(odd)
        with pytest.raises(ValueError, match="round must hold whole numbers"):
            memory_of(odd)


def test_features_of_ones_own_of_any_size() -> None:
    """Truth, large, tiny, constant: scaled to [0, 1] without a NaN, or refused."""
    waves = learnable(waves=100)
    steps = np.linspace(0, 1, 200)
    for values, low, high in (
        (steps > 0.5, 0, 1),
        (steps * 1.7e308, 0, 1.7e308),
        (steps * 4e-320, 0, 4e-320),
        (np.full(200, 1e300), 1e300, np.nextafter(1e300, np.inf)),
        (np.full(200, -3), -3, -2),
        (np.full(200, 2**63, dtype=np.uint64), 2.0**63, np.nextafter(2.0**63, np.inf)),
    ):
        table = waves.assign(mine=values)
        ranges = ranges_of(table, ["mine"])
        assert ranges["mine"] == (low, high)
        got = scaled(table, ranges)
        assert got.min() == 0
        assert got.max() == (len(np.unique(values)) > 1)
        np.testing.assert_array_equal(scaled(table.assign(mine=-1.7e308), ranges), 0)
        np.testing.assert_array_equal(scaled(table.assign(mine=1.7e308), ranges), 1)
    with pytest.raises(ValueError, match=r"mine spans -1.7e\+308 to 1.7e\+308, more than a float can hold"):
        ranges_of(waves.assign(mine=(2 * steps - 1) * 1.7e308), ["mine"])


def test_huge_weights_count_in_proportion() -> None:
    waves = learnable(waves=130)
    proportion = np.random.default_rng(1).integers(0, 5, len(waves)) / 4  # some are only remembered
    one, other = (kdelab.NeighbourModel(**SMALL).fit(waves, sample_weight=w * proportion) for w in (1.0, 2.0**1020))
    np.testing.assert_array_equal(one.weights_, other.weights_)


def test_numbers_are_what_text_spells() -> None:
    table = pd.DataFrame({"x": pd.Series(["1.5", 2, "-3e2", True, None, "nan", b"4", Fraction(1, 4)], dtype=object)})
    np.testing.assert_array_equal(numbers_in(table, "x"), [1.5, 2, -300, 1, np.nan, np.nan, np.nan, 0.25])


@pytest.mark.parametrize("gun", [HeadOn(), Linear(), Histogram(), kdelab.NeighbourModel()])
def test_rows_that_there_are_not(gun) -> None:
    waves = learnable(waves=100)
    gun = gun.unlearned(waves) if isinstance(gun, kdelab.NeighbourModel) else gun.fit(waves)
    for rows in ([200], [-1], [0.5], ["a"], [[1, 2]], [[1], [2, 3]], 5, pd.array([True, None], dtype="boolean")):
        for ask in (gun.predict, gun.losses, gun.judge):
            with pytest.raises(ValueError, match="rows must be a mask or a list of rows from 0 to 199"):
                ask(waves, rows)
    with pytest.raises(ValueError, match=r"rows has shape \(3,\); as a mask it needs \(200,\)"):
        gun.predict(waves, np.ones(3, dtype=bool))


def test_widths_and_places_that_do_not_fit() -> None:
    waves = learnable(waves=100)
    gun = kdelab.NeighbourModel().unlearned(waves)
    one = gun.predict(waves, bot_width=0.2)
    np.testing.assert_array_equal(gun.predict(waves, bot_width=np.full(200, 0.2)), one)
    assert not np.array_equal(gun.predict(waves, bot_width=0.0), one)
    for width in ("wide", [0.1, 0.2], [[0.1]] * 200, -0.1, np.nan, np.inf, np.r_[-0.1, np.full(199, 0.1)]):
        with pytest.raises(ValueError, match="bot_width"):
            gun.predict(waves, bot_width=width)
    for x in ("left", np.zeros((3, 4)), np.zeros((1, 1, 1))):
        with pytest.raises(ValueError, match="x "):
            gun.density(waves, x)
    with pytest.raises(ValueError, match="escape_angle must be greater than 0"):
        gun.predict(waves.assign(escape_angle=np.r_[np.full(199, 0.5), 0.0]))
    assert gun.density(waves, 0.5).shape == (200, 1)
    with pytest.raises(ValueError, match="in row 0 no shot can meet the enemy"):
        Linear().predict(waves.assign(bullet_speed=0.0))
    with pytest.raises(ValueError, match="retrieval must be a whole number"):
        gun.at("last")
    fitted = kdelab.NeighbourModel(**SMALL).fit(learnable(waves=130))
    np.testing.assert_array_equal(fitted.at(1).weights_, fitted.weights_)
    with pytest.raises(ValueError, match="retrieval: 2 given, the history has 0 to 1"):
        fitted.at(2)
