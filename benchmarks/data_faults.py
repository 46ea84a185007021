"""What data faults cost: CPU and peak memory a fault, beside the floor (copying the column) and beside the peers.

    python benchmarks/data_faults.py [--rows 1000000 100000] [--repeats 7] [--peer NAME=PYTHON ...] [--json]

10 % of one column of a mixed frame of 12 columns. ``--peer`` names one of `data_faults_peer.PEERS` and the Python of an
environment that has it. All are processes of their own that take turns, case by case, on one file; each number is the
median of the repeats. Before each repeat garbage is collected, which empties the processor's caches, as other work
would; "in a row" is the speed-up without that, as a loop over the call would measure it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent))

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from data_faults_worker import fresh_environment, read_frame, serve

import chaos
from chaos.data.frames import make_fault

#: {case: (floor, speed-up that is promised, multiple of the floor that is promised)}. Where a multiple of the floor is
#: promised, and for typing errors, the speed-up is over tab_err; elsewhere over the fastest peer.
TARGETS: Mapping[str, tuple[str, float | None, float | None]] = {
    "null, float": ("f1", 7.0, 6.0),
    "null, whole number": ("i1", 7.0, 6.0),
    "noise or delta, float": ("f1", 7.0, 6.0),
    "delta, timestamp": ("t", 7.0, 6.0),
    "outlier": ("f1", 7.0, 6.0),
    "unit": ("f1", 7.0, 6.0),
    "category": ("c", 7.0, 6.0),
    "number to text": ("s1", 2.0, None),
    "null, ids": ("s1", 2.0, None),
    "null, text": ("s2", 2.0, None),
    "affix, ids": ("s1", 2.0, None),
    "affix, text": ("s2", 2.0, None),
    "replace, ids": ("s1", 2.0, None),
    "replace, text": ("s2", 2.0, None),
    "mojibake, text": ("s2", 2.0, None),
    "typo, ids": ("s1", 10.0, None),
    "typo, text": ("s2", 10.0, None),
    "typo, Arrow ids": ("arrow s1", 40.0, None),
    "typo, Arrow text": ("arrow s2", 40.0, None),
    "typo of four kinds, ids": ("s1", 10.0, None),
    "typo of four kinds, text": ("s2", 10.0, None),
    "typo of four kinds, Arrow ids": ("arrow s1", 40.0, None),
    "typo of four kinds, Arrow text": ("arrow s2", 40.0, None),
    "swapped columns": ("f1", 2.0, None),
    "duplicate rows": ("frame", 2.0, None),
    "delete rows": ("frame", 2.0, None),
    "three faults, one pass": ("f1", None, None),
}


def mixed_table(rows: int) -> pa.Table:
    """12 columns: four of floats, three of whole numbers, short ids, text, times, categories, flags.

    The text is about 20 characters long, and a quarter of it is not ASCII.
    """
    rng = np.random.Generator(np.random.Philox(key=11))
    tails = np.array([f"N{10_000 + 7 * i}{'UA' if i % 2 else 'JB'}" for i in range(5000)])
    cities = ["Boston", "Los Angeles", "San Juan", "Zürich", "Chicago", "Denver", "Seattle", "Québec City"]
    places = np.array([f"{cities[i % 8]}, {('Gate', 'Stand')[i % 3 % 2]} {100 + i % 97} {i % 7}" for i in range(5000)])
    columns: dict[str, Any] = {f"f{i}": rng.normal(50.0, 10.0, rows) for i in range(1, 5)}
    columns |= {f"i{i}": rng.integers(0, 10_000, rows) for i in range(1, 4)}
    columns |= {"s1": tails[rng.integers(0, 5000, rows)], "s2": places[rng.integers(0, 5000, rows)]}
    columns["t"] = pa.array(rng.integers(1_357_000_000, 1_388_000_000, rows) * 10**6, pa.timestamp("us"))
    columns["c"] = pa.array(np.array(["AA", "B6", "DL", "UA", "WN"])[rng.integers(0, 5, rows)])
    columns["b"] = rng.integers(0, 2, rows) == 1
    return pa.table(columns)


def our_cases(path: str) -> Mapping[str, Callable[[], Any]]:
    """Every case on pandas frames, and the floors."""
    frame, arrow = read_frame(path, text="object"), read_frame(path, text="arrow")[["s1", "s2"]]
    carriers = ["AA", "B6", "DL", "UA", "WN"]

    def case(fault: str, on: pd.DataFrame = frame, **params: Any) -> Callable[[], Any]:
        made = make_fault(f"data.{fault}", params)
        return lambda: chaos.inject(on, made, seed=7)

    three = [
        make_fault("data.null_spike", {"column": "f1", "rate": 0.1}),
        make_fault("data.unit_change", {"column": "f2", "rate": 0.1, "factor": 1.8}),
        make_fault("data.sign_flip", {"column": "i1", "rate": 0.1}),
    ]
    text = make_fault("schema.change_type", {"column": "i1", "to": "text"})
    return {
        "null, float": case("null_spike", column="f1", rate=0.1),
        "null, whole number": case("null_spike", column="i1", rate=0.1),
        "noise or delta, float": case("unit_change", column="f1", rate=0.1, factor=1.0, offset=3.0),
        "delta, timestamp": case("time_shift", column="t", rate=0.1, by_s=604_800),
        "outlier": case("outliers", column="f1", rate=0.1, low=20.0, high=80.0),
        "unit": case("unit_change", column="f1", rate=0.1, factor=1.8, offset=32.0),
        "category": case("wrong_category", column="c", rate=0.1, categories=carriers),
        "number to text": lambda: chaos.inject(frame, text, seed=7),
        "mojibake, text": case("mojibake", column="s2", rate=0.1, encoding="utf8_as_cp1252"),
        **_text_cases(case, arrow),
        "swapped columns": case("swapped_columns", column="f1", other="f2", rate=0.1),
        "duplicate rows": case("duplicate_rows", rate=0.1),
        "delete rows": case("delete_rows", rate=0.1),
        "three faults, one pass": lambda: chaos.inject(frame, *three, seed=7),
        **_floors(frame, arrow),
    }


def _text_cases(case: Callable[..., Callable[[], Any]], arrow: pd.DataFrame) -> Mapping[str, Callable[[], Any]]:
    """The cases on short ids and on text; the peer's only kind of typing error is a neighbouring key."""
    one = ["neighbour"]
    cases: dict[str, Callable[[], Any]] = {}
    for name, column, find in (("ids", "s1", "UA"), ("text", "s2", "Gate")):
        cases |= {
            f"null, {name}": case("null_spike", column=column, rate=0.1),
            f"affix, {name}": case("affix", column=column, rate=0.1, suffix="!"),
            f"replace, {name}": case("replaced_text", column=column, rate=0.1, find=find, by="United"),
            f"typo, {name}": case("typos", column=column, rate=0.1, kinds=one),
            f"typo, Arrow {name}": case("typos", on=arrow, column=column, rate=0.1, kinds=one),
            f"typo of four kinds, {name}": case("typos", column=column, rate=0.1),
            f"typo of four kinds, Arrow {name}": case("typos", on=arrow, column=column, rate=0.1),
        }
    return cases


def _floors(frame: pd.DataFrame, arrow: pd.DataFrame) -> Mapping[str, Callable[[], Any]]:
    floors: dict[str, Callable[[], Any]] = {
        f"floor {name}": frame[name].array.copy for name in ("f1", "i1", "t", "c", "s1", "s2")
    }
    floors["floor frame"] = lambda: frame.copy(deep=True)
    for name in ("s1", "s2"):
        strings = pa.array(arrow[name])
        chunks = strings.chunks if isinstance(strings, pa.ChunkedArray) else [strings]
        # Arrow shares a single array rather than copy it, so there are always two.
        floors[f"floor arrow {name}"] = partial(pa.concat_arrays, [*chunks, chunks[0].slice(0, 1)])
    return floors


class Worker:
    """One half, in a process of its own."""

    def __init__(self, python: str, script: str, *args: str) -> None:
        self._process = subprocess.Popen(
            [python, str(HERE / script), *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=fresh_environment(),
        )

    def ask(self, path: str, case: str, repeats: int) -> dict[str, float] | None:
        """Run a case; None if this half has no such case."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"path": path, "case": case, "repeats": repeats}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, float] | None = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def compare(path: str, repeats: int, ours: Worker, peers: Mapping[str, Worker]) -> list[dict[str, Any]]:
    """One row a case."""
    rows = []
    for case, (floor_of, faster, within) in TARGETS.items():
        floor = ours.ask(path, f"floor {floor_of}", repeats)
        mine = ours.ask(path, case, repeats)
        theirs = {name: answer for name, peer in peers.items() if (answer := peer.ask(path, case, repeats))}
        assert floor is not None
        assert mine is not None
        row: dict[str, Any] = {
            "fault": case,
            "ours_ms": mine["cpu_ms"],
            "floor_ms": floor["cpu_ms"],
            "times_floor": mine["cpu_ms"] / floor["cpu_ms"],
            "ours_mb": mine["peak_mb"],
            "peers_ms": {name: answer["cpu_ms"] for name, answer in theirs.items()},
            "target": " ".join(([f">= {faster:g}x"] if faster else []) + ([f"<= {within:g} floors"] if within else [])),
        }
        of_one = within is not None or case.startswith("typo")
        if rivals := {name: answer for name, answer in theirs.items() if name == "tab_err" or not of_one}:
            rival = min(rivals, key=lambda name: rivals[name]["cpu_ms"])
            row |= {"rival": rival, "rival_mb": rivals[rival]["peak_mb"]}
            row["speed_up"] = rivals[rival]["cpu_ms"] / mine["cpu_ms"]
            row["warm_speed_up"] = rivals[rival]["warm_ms"] / mine["warm_ms"]
        kept = [row["times_floor"] <= within] if within else []
        kept += [row["speed_up"] >= faster] if faster and rivals else []
        row["kept"] = all(kept) if kept else None
        rows.append(row)
    return rows


def table(rows: Sequence[Mapping[str, Any]], peers: Sequence[str]) -> str:
    """The rows in Markdown."""
    named = " | ".join(f"{peer} ms" for peer in peers)
    lines = [
        f"| fault | {named} | ours ms | floor ms "
        "| peer / ours | in a row | ours / floor | peer MB | ours MB | target |",
        "|---" * (9 + len(peers)) + "|",
    ]
    for row in rows:
        mark = {True: " (kept)", False: " (MISSED)", None: ""}[row["kept"]]
        theirs = row["peers_ms"]
        cells = [
            str(row["fault"]),
            *(f"{theirs[peer]:.1f}" if peer in theirs else "-" for peer in peers),
            *(f"{row[name]:.2f}" for name in ("ours_ms", "floor_ms")),
            f"{row['speed_up']:.1f} ({row['rival']})" if "rival" in row else "-",
            f"{row['warm_speed_up']:.1f}" if "rival" in row else "-",
            f"{row['times_floor']:.1f}",
            *(f"{row[name]:.0f}" if name in row else "-" for name in ("rival_mb", "ours_mb")),
            row["target"] + mark,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 100_000])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--peer", nargs="*", default=[], metavar="NAME=PYTHON", help="an environment with a peer")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        serve(our_cases)
        return
    ours = Worker(sys.executable, "data_faults.py", "--worker")
    pythons = dict(item.partition("=")[::2] for item in args.peer)
    peers = {name: Worker(python, "data_faults_peer.py", name) for name, python in pythons.items()}
    with tempfile.TemporaryDirectory() as folder:
        for count in args.rows:
            path = str(Path(folder) / f"mixed-{count}.parquet")
            pq.write_table(mixed_table(count), path)
            rows = compare(path, args.repeats, ours, peers)
            if args.json:
                print(json.dumps({"rows": count, "faults": rows}))
            else:
                print(f"\n{count:,} x 12 rows, 10 % of a column\n\n{table(rows, list(peers))}", flush=True)
    for worker in (ours, *peers.values()):
        worker.close()


if __name__ == "__main__":
    main()
