"""When users were back where the control is, and whether they stayed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from harness.scoring.degradation import Curve
from harness.scoring.evidence import Bools
from harness.scoring.findings import AlertSeen, Recovery, RecoveryKind
from harness.scoring.policy import Policy
from harness.scoring.wording import duration_text

Harmed = tuple[Curve, Bools]


def settled_at(curve: Curve, flags: Bools, to_s: float, bins: int) -> float | None:
    """The first healthy request after the last harmed one, if so many observed bins in band follow; else None.

    Where the window ends too soon because another fault acts, bins after it tell as well, as long as they are in band.
    """
    places = np.arange(len(curve.starts))
    last = int(np.flatnonzero(flags)[-1])
    others = np.flatnonzero(np.logical_or.reduce(curve.bad) & (curve.starts >= to_s))
    later = curve.observed & (places > last) & (places < (others[0] if len(others) else len(places)))
    if int(later.sum()) < bins:
        return None
    in_bin = (curve.sent_s >= curve.starts[last]) & (curve.sent_s < curve.starts[last] + curve.bin_s)
    worse = np.flatnonzero(in_bin & (curve.diff > 0))
    following = int(worse[-1] + 1 if len(worse) else np.searchsorted(curve.sent_s, curve.starts[last] + curve.bin_s))
    while not curve.signal.sampled and following < len(curve.diff) and curve.diff[following] > 0:
        following += 1
    return float(curve.sent_s[following]) if following < len(curve.sent_s) else None


def _observed(curve: Curve, from_s: float, to_s: float) -> int:
    """How many bins of a time say something."""
    return int((curve.observed & (curve.starts + curve.bin_s > from_s) & (curve.starts < to_s)).sum())


def relapsed(curve: Curve, flags: Bools, policy: Policy) -> bool:
    """Whether the harm came back after N observed bins in band."""
    return any(
        int(curve.observed[before + 1 : after].sum()) >= policy.recovery_bins
        for before, after in pairwise(np.flatnonzero(flags))
    )


def recovery_of(
    harmed: Sequence[Harmed],
    alerts: Sequence[AlertSeen],
    *,
    t_act: float,
    t_end: float,
    t_det: float | None,
    to_s: float,
    policy: Policy,
) -> Recovery:
    """The recovery of all harmed signals together; ``to_s`` is where the fault's observation ends.

    Mitigated: every signal is back, and stays so for N bins, before the fault's removal. Recovered: after it, with the
    fault's alerts resolved. Unconfirmed: every signal is back when the observation ends, but N bins have not passed, or
    an alert still fires.
    """
    again = any(relapsed(curve, flags, policy) for curve, flags in harmed)

    def recovery(
        kind: RecoveryKind, t_back: float | None, t_rec: float | None, why: str, firing: Sequence[str] = ()
    ) -> Recovery:
        # A recovery before the alert is no instant repair: then the clock runs from the first effect.
        origin = t_act if t_det is None or (t_back is not None and t_back <= t_det) else t_det
        return Recovery(
            kind=kind,
            t_back=t_back,
            t_rec=t_rec,
            time_to_recover_s=None if t_back is None or t_rec is None else t_back - origin,
            from_effect_s=None if t_back is None or t_rec is None else t_back - t_act,
            from_removal_s=None if t_rec is None else max(0.0, t_rec - t_end),
            t_watched=to_s,
            watched_s=max(0.0, to_s - origin),
            relapsed=again,
            why=why,
            firing=tuple(firing),
        )

    if not harmed:
        return recovery(RecoveryKind.NOT_NEEDED, None, None, "no harm to recover from")
    back = {curve.signal.title: settled_at(curve, flags, to_s, 1) for curve, flags in harmed}
    settled = {curve.signal.title: settled_at(curve, flags, to_s, policy.recovery_bins) for curve, flags in harmed}
    if None in back.values():
        why = f"{_without(back)} not back in the control's band before the observation ended"
        return recovery(RecoveryKind.NEVER, None, None, why)
    still = _without(settled)
    t_back = max(t_act, *(t for t in back.values() if t is not None))
    seen = min(_observed(curve, t_back, t_end) for curve, _ in harmed)
    if not still and t_back + policy.recovery_bins * policy.bin_s <= t_end and seen >= policy.recovery_bins:
        why = "every signal was back in band while the fault was still there"
        return recovery(RecoveryKind.MITIGATED, t_back, t_back, why)
    t_rec, firing = _quiet_from(t_back, alerts, policy)
    if still:
        why = f"{still} not back in the control's band for {policy.recovery_bins} bins before the observation ended"
        return recovery(RecoveryKind.UNCONFIRMED, t_back, None, why, firing)
    if firing:
        why = f"users were back in band, but alerts never resolved: {', '.join(firing)}"
        return recovery(RecoveryKind.UNCONFIRMED, t_back, None, why, firing)
    why = "every signal was back in band"
    if t_rec > t_back:
        after = max(0.0, t_back - t_end)
        why = f"users were back {duration_text(after)} after the fault's end, the alerts resolved later"
    return recovery(RecoveryKind.RECOVERED, t_back, t_rec, why)


def _without(times: Mapping[str, float | None]) -> str:
    """The names of what never came, in a row."""
    return ", ".join(sorted(name for name, t in times.items() if t is None)).lower()


def _quiet_from(t: float, alerts: Sequence[AlertSeen], policy: Policy) -> tuple[float, list[str]]:
    """When the alerts around a moment have all resolved, and the names of those that never do.

    An alert that begins only after N bins of quiet belongs to no unfinished recovery.
    """
    slack = policy.recovery_bins * policy.bin_s
    firing = set()
    for alert in sorted(alerts, key=lambda alert: alert.t_fired):
        if alert.t_fired > t + slack:
            break
        if alert.t_resolved is None:
            firing.add(alert.name)
        else:
            t = max(t, alert.t_resolved)
    return t, sorted(firing)
