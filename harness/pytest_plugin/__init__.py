"""The pytest plugin: scenarios as tests, experiments as fixtures, faults for a function or a frame under test.

This module is imported by every run of pytest wherever Pipequake is installed, so it imports nothing but pytest (which
is there already). Without ``--chaos`` it does nothing else. PYTEST_DONT_REWRITE: there is no assertion in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.pytest_plugin.injector import ChaosInjector
    from harness.pytest_plugin.judged import Experiment

__all__ = ["chaos_injector", "experiment", "pytest_addoption", "pytest_configure"]

_SCENARIO = (
    "scenario(*scenarios, profile=..., seed=...): run these scenarios (names, paths or Scenario values) for the "
    "fixture `experiment`; profile and seed may be lists. Needs --chaos."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, in a group of their own."""
    group = parser.getgroup("chaos", "chaos scenarios (Pipequake)")
    group.addoption("--chaos", action="store_true", help="Collect scenarios (YAML) as tests, and run experiments.")
    group.addoption(
        "--chaos-profile",
        action="append",
        metavar="NAME",
        help="Maturity profile to run under; may be repeated. Default: the configuration's, or mature.",
    )
    group.addoption(
        "--chaos-seed",
        action="append",
        metavar="N",
        help="Seed of the experiments; may be repeated. Default: the configuration's, or each scenario's own.",
    )
    group.addoption("--chaos-backend", metavar="NAME", help="Where the target runs. Default: sim.")
    group.addoption(
        "--chaos-time-scale",
        metavar="N",
        help="Replayed seconds in a real one, outside of the simulator.",
    )
    group.addoption("--chaos-results", metavar="FOLDER", help="Folder of the runs. Default: results.")
    group.addoption(
        "--chaos-jobs",
        metavar="N",
        help="Processes that compute at the same time. Default: as many as there are xdist workers, or 1.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Registers the rest of the plugin, if it was asked for."""
    config.addinivalue_line("markers", _SCENARIO)
    if config.getoption("chaos"):
        from harness.pytest_plugin.session import ChaosSession

        config.pluginmanager.register(ChaosSession(config), "pipequake-chaos")


@pytest.fixture
def experiment(request: pytest.FixtureRequest) -> Experiment:
    """What came of the scenario that the test is marked with: ``assert experiment.caught``."""
    if not request.config.getoption("chaos"):
        pytest.skip("experiments run with --chaos only")
    from harness.pytest_plugin.session import experiment_of

    return experiment_of(request)


@pytest.fixture
def chaos_injector(request: pytest.FixtureRequest) -> Iterator[ChaosInjector]:
    """Puts faults into frames, and around functions; undone when the test ends. Works without ``--chaos``, too."""
    from harness.pytest_plugin.injector import ChaosInjector

    seeds = request.config.getoption("chaos_seed") or ["1"]
    if not seeds[0].isdecimal():
        raise pytest.UsageError(f"--chaos-seed: expected a whole number, got {seeds[0]!r:.40}.")
    injector = ChaosInjector(seed=int(seeds[0]), record=request.node.user_properties.append)
    yield injector
    injector.close()
