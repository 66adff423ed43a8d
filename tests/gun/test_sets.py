"""Which battles have been explored, and which are kept."""

import pandas as pd
import pytest

import kdelab
from kdelab.gun.compare import sets


def test_the_surfers_are_parted_by_battle():
    first, more = sets.explored("surfers"), sets.battles_of("surfers, new")
    assert first["battle"].nunique() == 13
    pd.testing.assert_frame_equal(first, sets.battles_of("surfers"))
    assert more["battle"].nunique() == 19
    assert not set(first["battle"]) & set(more["battle"])
    assert len(first) + len(more) == len(kdelab.load_waves("surfers"))
    assert not more["enemy"].str.startswith("sample.").any()
    assert more["enemy"].nunique() == more["shooter"].nunique() == 6


def test_other_sets_are_whole():
    assert len(sets.explored("samples")) == len(kdelab.load_waves("samples"))
    with pytest.raises(ValueError, match="nobody"):
        sets.explored("nobody's.parquet")
    with pytest.raises(ValueError, match="allowed are 'samples'"):
        sets.battles_of("nobody's")


def test_a_seed_ends_the_name():
    names = pd.Series(["a vs b, seed 7", "a vs b, seed 101", "a vs b, id 0123abcd"])
    assert sets.seed_of(names)[:2].tolist() == [7, 101]
    assert pd.isna(sets.seed_of(names)[2])
