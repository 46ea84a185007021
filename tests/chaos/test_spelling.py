"""Which name a wrong one is taken for."""

from __future__ import annotations

import pytest

from chaos.registry import registry
from chaos.spelling import nearest


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("data.nul", "data.null_spike"),
        ("data.nul_spike", "data.null_spike"),
        ("null_spike", "data.null_spike"),
        ("DATA.NULL", "data.null_spike"),
        ("data.outlier", "data.outliers"),
        ("data.bitflip", "data.bit_flips"),
        ("data.dup", "data.duplicate_rows"),
        ("schema.rename", "schema.rename_column"),
        ("freshness.frozen", "freshness.freeze"),
        ("freshness.delya", "freshness.delay"),
        ("volume.delay", "freshness.delay"),
        ("net.latency", "network.latency"),
        ("redis.outage", "store.outage"),
        ("network.slow", "traffic.slow_clients"),
        ("data.xyz", None),
        ("poison", None),
        ("", None),
        (".", None),
        ("data." + "x" * 10_000, None),
    ],
)
def test_a_wrong_fault_is_taken_for_the_one_that_was_meant(wrong: str, meant: str | None) -> None:
    assert nearest(wrong, registry.names()) == meant


def test_a_right_name_is_itself_and_nothing_is_near_nothing() -> None:
    assert all(nearest(name, registry.names()) == name for name in registry.names())
    assert nearest("data.typos", []) is None


def test_the_order_of_the_known_names_does_not_matter() -> None:
    names = registry.names()
    assert nearest("data.noise", names) == nearest("data.noise", reversed(names)) == "data.gaussian_noise"
