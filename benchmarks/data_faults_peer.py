"""The peers' half of `data_faults`, run by the Python of an environment that has the peer.

    python3.11 -m venv tab_err && tab_err/bin/pip install tab-err==0.2.1 pyarrow
    python3.9 -m venv jenga && jenga/bin/pip install jenga==0.0.1a1 pyarrow
    python3.11 -m venv pucktrick && pucktrick/bin/pip install pucktrick==1.1.1 scikit-learn pyarrow

Left out is what goes through the rows one by one in Python and takes 20 to 80 seconds for a million: Jenga's broken
characters, pucktrick's outliers and its other noise. They are never the fastest.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

from data_faults_worker import read_frame, serve

Cases = Mapping[str, Callable[[], Any]]


def tab_err_cases(path: str) -> Cases:
    """What tab_err has, under the names of our cases."""
    from tab_err import error_type as kinds
    from tab_err.api import low_level
    from tab_err.error_mechanism import ECAR

    frame = read_frame(path, text="object")
    week = 604_800  # it reads times as whole seconds

    def case(column: str, kind: Any, **config: Any) -> Callable[[], Any]:
        def run() -> Any:
            return low_level.create_errors(frame, column, 0.1, ECAR(seed=7), kind(config, seed=7))

        return run

    cases = {
        "null, float": case("f1", kinds.MissingValue),
        "null, whole number": case("i1", kinds.MissingValue),
        "noise or delta, float": case("f1", kinds.AddDelta, add_delta_value=3.0),
        "delta, timestamp": case("t", kinds.AddDelta, add_delta_value=week),
        "outlier": case("f1", kinds.Outlier),
        "unit": case("f1", kinds.WrongUnit, wrong_unit_scaling=lambda v: v * 1.8 + 32.0),
        "category": case("c", kinds.CategorySwap),
        "number to text": case("i1", kinds.Mistype, mistype_dtype="object"),
        "mojibake, text": case("s2", kinds.Mojibake, encoding_sender="utf-8", encoding_receiver="cp1252"),
    }
    for name, column, find in (("ids", "s1", "UA"), ("text", "s2", "Gate")):
        cases |= {
            f"null, {name}": case(column, kinds.MissingValue),
            f"affix, {name}": case(column, kinds.Extraneous, extraneous_value_template="{value}!"),
            f"replace, {name}": case(column, kinds.Replace, replace_what=find, replace_with="United"),
        }
        # It has one kind of typing error, and no other way for Arrow's layout.
        cases |= {
            typo: case(column, kinds.Typo)
            for of in ("typo", "typo of four kinds")
            for typo in (f"{of}, {name}", f"{of}, Arrow {name}")
        }
    return cases


def jenga_cases(path: str) -> Cases:
    """What Jenga has."""
    from jenga.corruptions.generic import CategoricalShift, MissingValues, SwappedValues
    from jenga.corruptions.numerical import GaussianNoise, Scaling

    frame = read_frame(path, text="object")

    def case(kind: Any, column: str, **config: Any) -> Callable[[], Any]:
        return lambda: kind(column=column, fraction=0.1, **config).transform(frame)

    return {
        "null, float": case(MissingValues, "f1"),
        "null, whole number": case(MissingValues, "i1"),
        "null, ids": case(MissingValues, "s1"),
        "null, text": case(MissingValues, "s2"),
        "noise or delta, float": case(GaussianNoise, "f1"),
        "unit": case(Scaling, "f1"),
        "category": case(CategoricalShift, "c"),
        "swapped columns": case(SwappedValues, "f1", swap_with="f2"),
    }


def pucktrick_cases(path: str) -> Cases:
    """What pucktrick has."""
    from pucktrick.deleted import delete_rows
    from pucktrick.duplicated import duplicate
    from pucktrick.missing import missing
    from pucktrick.noisy import noise

    frame = read_frame(path, text="object")

    def case(kind: Any, *columns: str, **config: Any) -> Callable[[], Any]:
        return lambda: kind(frame, {"affected_features": list(columns), "percentage": 0.1, "perturbate_data": config})

    shift = {"distribution": "shift", "param": {"shift_value": 3.0}}
    return {
        "null, float": case(missing, "f1"),
        "null, ids": case(missing, "s1"),
        "null, text": case(missing, "s2"),
        "noise or delta, float": case(noise, "f1", **shift),
        "delta, timestamp": case(noise, "t", **shift),
        "duplicate rows": case(duplicate),
        "delete rows": case(delete_rows),
    }


PEERS: Mapping[str, Callable[[str], Cases]] = {
    "tab_err": tab_err_cases,
    "jenga": jenga_cases,
    "pucktrick": pucktrick_cases,
}

if __name__ == "__main__":
    logging.disable(logging.WARNING)
    serve(PEERS[sys.argv[1]])
