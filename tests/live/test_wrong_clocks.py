"""A service's process takes it to be another time of day, by libfaketime; nobody else does, nor does it afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import TargetError
from harness.targets.reference.local import wrong_clocks
from harness.targets.reference.local.wrong_clocks import WrongClocks, library

from .test_local_arms import Played, arm

FAULTS = """\
  - {id: ahead, fault: clock.skew, point: "clock:serving", with: {by_s: 10800}, at: 1m, for: 20m}
"""


@pytest.mark.slow
@pytest.mark.skipif(library() is None, reason="libfaketime is not installed: apt-get install libfaketime")
def test_a_service_with_a_wrong_clock_holds_features_for_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(tmp_path, arm(FAULTS, horizon="50m"), monkeypatch)
    assert (played.reason, played.of("fault.failed")) == ("horizon", [])
    assert {(line["touched"], line["what"]) for line in played.of("fault.evidence")} == {(1, "clocks")}
    begins, ends = (played.of(kind)[0]["t"] for kind in ("fault.applied", "fault.reverted"))
    requests = played.of("request")
    assert {request["status"] for request in requests} == {200}
    before, within, after = (
        [request for request in requests if first < request["sent"] < last]
        for first, last in ((0, begins - 60), (begins + 120, ends - 60), (ends + 300, 1e9))
    )
    assert {request["source"] for request in before} == {"model"}
    assert "simplified" in {request["source"] for request in within}
    youngest = [min(request["feature_age_s"] or 1e9 for request in part) for part in (within, after)]
    assert youngest[0] >= 10_800 > youngest[1]  # as the service has it
    played.nothing_is_left()
    assert list(Path("/dev/shm").glob("*faketime*")) == []


def test_without_the_library_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_clocks, "LIBRARIES", ())
    clocks = WrongClocks(tmp_path, ["serving"], 120.0)
    assert clocks.environment("features") == {}
    with pytest.raises(TargetError, match="apt-get install libfaketime"):
        clocks.environment("serving")


@pytest.mark.skipif(library() is None, reason="libfaketime is not installed: apt-get install libfaketime")
def test_several_faults_add_up_in_seconds_of_the_machine(tmp_path: Path) -> None:
    clocks = WrongClocks(tmp_path / "clocks", ["serving"], 120.0)
    file = Path(clocks.environment("serving")["FAKETIME_TIMESTAMP_FILE"])
    assert float(file.read_text()) == 0.0
    clocks.skew("serving", "a", 3600.0)
    clocks.skew("serving", "b", -600.0)
    assert float(file.read_text()) == 25.0
    clocks.unskew("serving", "a")
    clocks.unskew("serving", "a")
    assert float(file.read_text()) == -5.0
