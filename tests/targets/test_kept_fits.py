from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import lightgbm
import numpy as np
import pytest

from harness.targets.reference.kept_fits import KeptFits
from reference_pipeline.features.definitions import FEATURES
from reference_pipeline.lockfile import checked
from reference_pipeline.training.model import dump, fit, load

CODES = {name: {"x": 0} for name in ("carrier", "origin", "dest")}


class Counting(ModuleType):
    """LightGBM that counts how often it trains."""

    def __init__(self) -> None:
        super().__init__("lightgbm")
        self.trained = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(lightgbm, name)

    def train(self, *arguments: Any) -> Any:
        self.trained += 1
        return lightgbm.train(*arguments)


def rows(seed: int = 1) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    generator = np.random.default_rng(seed)
    values = generator.integers(0, 9, (600, len(FEATURES))).astype(float)
    return values, (values[:, 0] + generator.normal(0, 2, 600) > 4).astype(float)


def test_the_same_rows_are_trained_on_once_and_give_the_same_model(tmp_path: Path) -> None:
    counting = Counting()
    values, late = rows()
    fresh = fit(lightgbm, values, late, CODES)
    for _ in range(2):
        kept = fit(KeptFits(counting, tmp_path), values, late, CODES)
        np.testing.assert_array_equal(kept.predict(values), fresh.predict(values))
        assert dump(kept) == dump(fresh)
        assert counting.trained == 2  # a model has two boosters
        np.testing.assert_array_equal(
            load(KeptFits(counting, tmp_path), dump(kept)).predict(values), fresh.predict(values)
        )


@pytest.mark.parametrize("change", ["a value", "a label", "the order"])
def test_other_rows_are_trained_on(change: str, tmp_path: Path) -> None:
    counting = Counting()
    values, late = rows()
    fit(KeptFits(counting, tmp_path), values, late, CODES)
    if change == "a value":
        values[5, 0] += 1
    elif change == "a label":
        late[5] = 1 - late[5]
    else:
        values[[0, 1]] = values[[1, 0]]
    fit(KeptFits(counting, tmp_path), values, late, CODES)
    assert counting.trained == 4


@pytest.mark.parametrize("damage", [b"", b"tree\n", b"\xff\xfe"])
def test_a_damaged_file_is_made_anew(damage: bytes, tmp_path: Path) -> None:
    counting = Counting()
    values, late = rows()
    model = fit(KeptFits(counting, tmp_path), values, late, CODES)
    for file in tmp_path.iterdir():
        file.write_bytes(damage + file.read_bytes()[: 1000 if damage else 0])
    again = fit(KeptFits(counting, tmp_path), values, late, CODES)
    assert counting.trained == 4
    assert dump(again) == dump(model)
    fit(KeptFits(counting, tmp_path), values, late, CODES)
    assert counting.trained == 4


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    values, late = rows()
    kept = fit(KeptFits(lightgbm, tmp_path / "file" / "fits"), values, late, CODES)
    assert dump(kept) == dump(fit(lightgbm, values, late, CODES))


def test_it_is_the_locked_library(tmp_path: Path) -> None:
    assert checked(KeptFits(lightgbm, tmp_path)).__version__ == lightgbm.__version__
