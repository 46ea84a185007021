"""Shims of libraries: found by path in a fresh process, or executed next to the real library in this one."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import lightgbm
import numpy as np
import pytest

from chaos.fault import PointView
from chaos.points import Point
from chaos.registry import registry

RNG = np.random.default_rng(1)
X = RNG.normal(size=(300, 3))
Y = (X[:, 0] + RNG.normal(size=300) > 0).astype(float)
PARAMS = {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5, "learning_rate": 0.5}


def overlay(root: Path, **params: Any) -> Path:
    """The overlay's files under a folder; gives the package's first file."""
    fault = registry.create("dependency.incompatible_library", params)
    (action,) = fault.plan(PointView(Point.parse("env:training"), "f1", 7)).do
    files: Mapping[str, str] = action.args["files"]
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root / next(iter(files))


def execute(init: Path, name: str = "lightgbm") -> ModuleType:
    """As a simulated service imports it."""
    spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(init.parent)])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(root: Path, script: str) -> subprocess.CompletedProcess[str]:
    """As a real service imports it."""
    env = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)


def train(library: Any, **params: Any) -> Any:
    return library.train({**PARAMS, **params}, library.Dataset(X, Y), num_boost_round=5)


def test_an_import_that_fails(tmp_path: Path) -> None:
    init = overlay(tmp_path)
    with pytest.raises(ImportError, match="built against another binary interface") as caught:
        execute(init)
    assert caught.value.name == "lightgbm"
    done = run(tmp_path, "import lightgbm")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ImportError: lightgbm: this release was built against")
    assert sys.modules["lightgbm"] is lightgbm


def test_a_message_of_ones_own(tmp_path: Path) -> None:
    init = overlay(tmp_path, library="torch", message='no "libcudart" {here}')
    with pytest.raises(ImportError, match=r'no "libcudart" \{here\}'):
        execute(init, "torch")


def test_raw_scores_here_and_the_real_library_unharmed(tmp_path: Path) -> None:
    shim = execute(overlay(tmp_path, mode="behaviour", behaviour="raw_scores"))
    real, bent = train(lightgbm), train(shim)
    probabilities = real.predict(X)
    assert np.allclose(bent.predict(X), np.log(probabilities / (1 - probabilities)))
    assert np.allclose(bent.predict(X, raw_score=False), probabilities)
    assert np.allclose(shim.Booster(model_str=real.model_to_string()).predict(X), bent.predict(X))
    assert np.allclose(lightgbm.Booster(model_str=bent.model_to_string()).predict(X), probabilities)
    assert sys.modules["lightgbm"] is lightgbm
    assert (shim.__version__, shim.LGBMClassifier) == (lightgbm.__version__, lightgbm.LGBMClassifier)


def test_raw_scores_through_the_path_of_a_process(tmp_path: Path) -> None:
    overlay(tmp_path, mode="behaviour", behaviour="raw_scores")
    script = (
        "import numpy as np, lightgbm as lgb, lightgbm.sklearn, sys; from lightgbm import Dataset;"
        "x = np.arange(200.).reshape(100, 2); y = (x[:, 0] > 90).astype(float);"
        "b = lgb.train({'objective': 'binary', 'verbosity': -1, 'num_threads': 1}, Dataset(x, y), 3);"
        "p = b.predict(x); print(p.min() < 0, sys.modules['lightgbm'] is lgb, lgb.__file__)"
    )
    done = run(tmp_path, script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "True", str(tmp_path / "lightgbm" / "__init__.py")]


def test_a_parameter_that_is_overlooked(tmp_path: Path) -> None:
    init = overlay(tmp_path, mode="behaviour", behaviour="ignored_parameter", subject="learning_rate")
    assert np.allclose(train(execute(init)).predict(X), train(lightgbm, learning_rate=0.1).predict(X))


def test_an_attribute_that_is_gone(tmp_path: Path) -> None:
    init = overlay(tmp_path, mode="behaviour", behaviour="missing_attribute", subject="train", library="lightgbm")
    shim = execute(init)
    with pytest.raises(AttributeError, match="module 'lightgbm' has no attribute 'train'"):
        train(shim)
    assert shim.Dataset is lightgbm.Dataset
    overlay(tmp_path, mode="behaviour", behaviour="missing_attribute", subject="dumps", library="json")
    done = run(tmp_path, "import json, json.decoder; print(json.loads('1'), hasattr(json, 'dumps'))")
    assert done.stdout.split() == ["1", "False"], done.stderr


def test_a_library_that_is_not_installed_says_so(tmp_path: Path) -> None:
    init = overlay(
        tmp_path, library="no_such_thing", mode="behaviour", behaviour="missing_attribute", subject="anything"
    )
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_thing'"):
        execute(init, "no_such_thing")
