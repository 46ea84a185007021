"""The peer's half of `data_faults`: tab_err 0.2.1, run by the Python of an environment that has it.

python -m venv /tmp/tab_err && /tmp/tab_err/bin/pip install tab-err==0.2.1 pyarrow
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from data_faults_worker import read_frame, serve
from tab_err import error_type as kinds
from tab_err.api import low_level
from tab_err.error_mechanism import ECAR


def cases_of(path: str) -> Mapping[str, Callable[[], Any]]:
    """What tab_err has, under the names of our cases."""
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


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    serve(cases_of)
