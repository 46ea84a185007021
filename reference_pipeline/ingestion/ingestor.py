"""Takes one feed from its provider into the lake and hands each partition over, at least once and in order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pyarrow as pa

from reference_pipeline.clock import Clock
from reference_pipeline.ingestion.baseline import FeedBaseline
from reference_pipeline.ingestion.client import FeedClient, FetchError, HttpSettings
from reference_pipeline.ingestion.contract import Contract
from reference_pipeline.ingestion.duplicates import KeyMemory
from reference_pipeline.ingestion.lake import code_version, read_partition, write_partition
from reference_pipeline.ingestion.ledger import Ledger
from reference_pipeline.ingestion.manifest import Manifest
from reference_pipeline.ingestion.quarantine import Quarantine
from reference_pipeline.ingestion.statistics import Recent, arrays
from reference_pipeline.ingestion.status import FeedStatus
from reference_pipeline.ingestion.validation import Validated, validate, validate_or_mask
from reference_pipeline.ingestion.violation import Level, Severity, Violation

log = logging.getLogger(__name__)

#: Called with (feed, partition's path, manifest, rows) for each partition; may be called again with the same one.
OnPartition = Callable[[str, Path, Manifest, pa.Table], Awaitable[None]]

#: Manifests in one listing.
PAGE = 100
#: How long a skipped sequence is asked for again: providers publish late now and then.
GAP_PATIENCE_S = 6 * 3600.0
#: Skipped sequences that are remembered.
GAPS_MAX = 500
#: So many good batches in a row make a provider that was left worth going back to.
WELL_BATCHES: Mapping[str, int] = {"append": 2, "snapshot": 1}
#: A batch of such a provider is late when it comes more than its own length and this after its end, in seconds.
LATE_S = 1800.0
#: How far back a failover looks for batches that were bad in hindsight, in seconds.
SUSPECT_S = 3 * 3600.0
#: Partitions that a restart reads to know the latest rows again.
WARM_PARTITIONS = 40


@dataclass(slots=True)
class _Pending:
    """A partition that waits to be handed over; ``table`` is read again after a restart."""

    manifest: Manifest
    path: Path
    table: pa.Table | None


class FeedIngestor:
    """One feed. Its state on disk is the lake, the ledger and the quarantine; the rest is rebuilt from them."""

    def __init__(
        self,
        contract: Contract,
        client: FeedClient,
        lake: Path,
        clock: Clock,
        level: Level,
        on_partition: OnPartition,
        *,
        baseline: FeedBaseline | None = None,
        registers: dict[str, frozenset[str]],
        standby: FeedClient | None = None,
        http: HttpSettings,
    ) -> None:
        self.contract = contract
        self.status = FeedStatus()
        self._primary = client
        self._standby = standby
        self._client = client
        self._well_batches = 0
        self._rehearsed: int | None = None
        self._lake = lake
        self._clock = clock
        self._level: Level = level
        self._on_partition = on_partition
        self._baseline = baseline
        self._registers = registers
        self._http = http
        self._lock = asyncio.Lock()
        self._keys = KeyMemory(contract)
        self._recent = Recent(contract)
        self._ledger = Ledger(lake / "_state" / f"{contract.feed}.jsonl")
        self._quarantine = Quarantine(lake / "_quarantine" / contract.feed)
        self._pending: deque[_Pending] = deque()
        self._missing: dict[int, float] = {}
        self._restore()

    # -- what callers do

    async def poll(self) -> None:
        """Takes what is new. An unreachable provider or a full disk is counted, not raised."""
        async with self._lock:
            try:
                await self._deliver()
                await self._take_new()
            except (FetchError, OSError) as error:
                self._failed(error)
            else:
                self.status.last_success_at = self._clock.now()
            if self._client is not self._primary:
                await self._rehearse()

    def _failed(self, error: Exception) -> None:
        self.status.poll_errors += 1
        self.status.last_error = str(error)
        log.warning("%s: %s", self.contract.feed, error)

    async def backfill(self, after: int | None = None) -> int:
        """Takes again what was quarantined, changed since or never came, after a sequence; how many were accepted.

        Without ``after`` it starts at the oldest batch that is quarantined or missing. Raises `FetchError` if the
        provider can't be read.
        """
        accepted = 0
        async with self._lock:
            if after is None:
                after = self._before_oldest_lack()
                if after is None:
                    return 0
            for manifest in await self._listing(after):
                entry = self._ledger.entries.get(manifest.batch_id)
                if entry is None or entry.sha256 != manifest.sha256 or entry.masked:
                    revision = entry is not None and entry.state != "quarantined"
                    accepted += await self._take(manifest, revision=revision)
        return accepted

    async def fail_over(self) -> int | None:
        """Reads from the second provider from now on, also what the first one left bad or missing; how many batches
        that mended. None without a second provider, 0 if it is in use already.

        Once the first one has brought `WELL_BATCHES` good batches in a row, it is read from again.
        """
        if self._standby is None:
            return None
        async with self._lock:
            if self._client is self._standby:
                return 0
            self._client = self._standby
            self.status.standby = True
            self._well_batches, self._rehearsed = 0, self._ledger.cursor
        try:
            return await self.backfill(self._before_oldest_suspect())
        except FetchError as error:
            self._failed(error)
            return 0

    async def _rehearse(self) -> None:
        """Judges what the first provider publishes meanwhile, without taking it; goes back to it when it is well."""
        try:
            for manifest in await self._primary.manifests(self._rehearsed, PAGE):
                if self._rehearsed is not None and manifest.sequence <= self._rehearsed:
                    continue
                payload = await self._primary.payload(manifest.batch_id)
                violations = [] if payload is None else self._judge(payload, manifest).violations
                well = payload is not None and not violations and not self._is_old(manifest)
                self._well_batches = self._well_batches + 1 if well else 0
                self._rehearsed = manifest.sequence
                self.status.saw(manifest, violations, self._clock.now())
        except FetchError as error:
            self._well_batches = 0
            self._failed(error)
        if self._well_batches >= WELL_BATCHES[self.contract.mode]:
            self._client = self._primary
            self.status.standby = False

    def _is_old(self, manifest: Manifest) -> bool:
        """Whether a batch comes so late that its provider can't be called well."""
        length = manifest.window_end - manifest.window_start
        return self._clock.now() - manifest.window_end > length + LATE_S

    async def release(self, batch_id: str) -> list[Violation] | None:
        """Accepts a quarantined batch as far as it can be read; None if no such batch waits, else what is still wrong.

        A batch that can't be read at all stays (a ``decode`` error is among what is returned).
        """
        async with self._lock:
            found = self._quarantine.get(batch_id)
            if found is None:
                return None
            manifest, payload = found
            outcome = validate(payload, manifest, self.contract, "none", self._recent)
            if outcome.ok:
                await self._accept(manifest, outcome, sha256(payload).hexdigest())
            return outcome.violations

    # -- taking batches

    async def _take_new(self) -> None:
        for manifest in await self._listing(self._ask_after()):
            if manifest.batch_id not in self._ledger.entries:
                self._notice_gap(manifest.sequence)
                await self._take(manifest)

    def _ask_after(self) -> int | None:
        """The cursor, or what lies before the oldest gap that may still be filled."""
        oldest = self._clock.now() - GAP_PATIENCE_S
        hopeful = [sequence for sequence, noticed in self._missing.items() if noticed > oldest]
        cursor = self._ledger.cursor
        return cursor if not hopeful or cursor is None else min([cursor, *(n - 1 for n in hopeful)])

    def _before_oldest_lack(self) -> int | None:
        """The sequence before the oldest batch that is quarantined, incomplete or missing; None if none is."""
        lacking = [*(e.sequence for e in self._ledger.entries.values() if e.lacking), *self._missing]
        return min(lacking) - 1 if lacking else None

    def _before_oldest_suspect(self) -> int | None:
        """The sequence before what a failover asks for again: what lacks, and what the last hours brought."""
        oldest = self._clock.now() - SUSPECT_S
        late = [e.sequence for e in self._ledger.entries.values() if float(str(e.manifest["window_end"])) > oldest]
        lack = self._before_oldest_lack()
        starts = [*([lack] if lack is not None else []), *([min(late) - 1] if late else [])]
        return min(starts) if starts else self._ledger.cursor

    async def _listing(self, after: int | None) -> list[Manifest]:
        """All manifests after a sequence, page by page."""
        manifests: list[Manifest] = []
        while True:
            page = await self._client.manifests(after, PAGE)
            manifests += page
            if len(page) < PAGE or (after is not None and page[-1].sequence <= after):
                return manifests
            after = page[-1].sequence

    def _notice_gap(self, sequence: int) -> None:
        cursor = self._ledger.cursor
        if cursor is not None:
            for skipped in range(max(cursor + 1, sequence - GAPS_MAX), sequence):
                self._missing[skipped] = self._clock.now()
        self._missing.pop(sequence, None)
        while len(self._missing) > GAPS_MAX:
            del self._missing[min(self._missing)]
        self.status.gaps = len(self._missing)

    async def _take(self, manifest: Manifest, *, revision: bool = False) -> bool:
        """Downloads, validates, and stores or quarantines; whether the batch was accepted."""
        manifest, payload = await self._download(manifest)
        if payload is None:
            self._missing[manifest.sequence] = self._clock.now()
            self.status.gaps = len(self._missing)
            return False
        outcome = self._judge(payload, manifest)
        if outcome.ok and self._level != "none":
            self._drop_duplicates(outcome, revision)
        standby = self._client is not self._primary
        self.status.saw(manifest, outcome.violations, self._clock.now(), standby=standby)
        digest = sha256(payload).hexdigest()
        if not outcome.ok:
            self._set_aside(manifest, payload, outcome)
            self._ledger.record(manifest, "quarantined", sha256=digest)
            return False
        await self._accept(manifest, outcome, digest)
        if outcome.masked:  # the values that were left out can still be looked at, and released
            self._set_aside(manifest, payload, outcome)
        return True

    def _judge(self, payload: bytes, manifest: Manifest) -> Validated:
        return validate_or_mask(
            payload, manifest, self.contract, self._level, self._recent, self._baseline, self._registers
        )

    async def _download(self, manifest: Manifest) -> tuple[Manifest, bytes | None]:
        """The batch as it is published; where the two differ, both are read once more.

        A transfer may have gone wrong, and a source may have published the batch anew since it was listed.
        """
        payload = await self._client.payload(manifest.batch_id)
        if payload is None or self._level == "none" or sha256(payload).hexdigest() == manifest.sha256:
            return manifest, payload
        listed = await self._client.manifests(manifest.sequence - 1, 1)
        manifest = next((found for found in listed if found.batch_id == manifest.batch_id), manifest)
        return manifest, await self._client.payload(manifest.batch_id)

    def _drop_duplicates(self, outcome: Validated, revision: bool) -> None:
        fresh = self._keys.fresh(outcome.table, revision=revision)
        duplicates = len(fresh) - int(fresh.sum())
        if duplicates:
            outcome.ok = duplicates < len(fresh)  # one with nothing new is not the batch that it says it is
            detail = f"{duplicates} of {len(fresh)} rows have been seen before"
            severity: Severity = "warning" if outcome.ok else "error"
            outcome.violations.append(Violation("duplicate", None, detail, severity))
            outcome.table = outcome.table.filter(pa.array(fresh))
            self.status.duplicate_rows += duplicates

    def _set_aside(self, manifest: Manifest, payload: bytes, outcome: Validated) -> None:
        again = self._quarantine.get(manifest.batch_id) is not None
        self._quarantine.keep(manifest, payload, outcome.violations, self._clock.now())
        self.status.quarantined += not again
        self.status.quarantine_open += not again

    async def _accept(self, manifest: Manifest, outcome: Validated, digest: str) -> None:
        """Lake first, then the ledger, then the consumer: a crash in between repeats a step and loses nothing."""
        now = self._clock.now()
        lineage = {
            "source_url": self._client.url_of(manifest.batch_id),
            "batch_id": manifest.batch_id,
            "feed": manifest.feed,
            "sequence": manifest.sequence,
            "sha256": digest,
            "contract_version": manifest.contract_version,
            "validation": self._level,
            "masked": list(outcome.masked),
            "window_end": manifest.window_end,
            "produced_at": manifest.produced_at,
            "ingested_at": now,
            "code_version": code_version(),
        }
        path = write_partition(self._lake, manifest, outcome.table, lineage)
        self._ledger.record(manifest, "stored", path.relative_to(self._lake).as_posix(), digest, outcome.masked)
        self._keys.remember(outcome.table)
        self._register(outcome.table)
        if outcome.recent is not None:
            self._recent = outcome.recent
            self.status.null_rates = self._recent.null_rates()
        if outcome.rejected:
            self._quarantine.keep_rows(manifest, outcome.rejected)
            self.status.rejected_rows += len(outcome.rejected)
        if self._quarantine.get(manifest.batch_id) is not None:
            self._quarantine.resolve(manifest.batch_id, now)
            self.status.quarantine_open -= 1
        self.status.accepted(manifest, len(outcome.table), now)
        self._pending.append(_Pending(manifest, path, outcome.table))
        await self._deliver()

    def _register(self, table: pa.Table) -> None:
        """Keeps the keys of a snapshot, for the feeds that refer to it."""
        if self.contract.mode == "snapshot":
            keys = table[self.contract.keys[0]].to_pylist()
            self._registers[self.contract.feed] = frozenset(key for key in keys if key is not None)

    # -- handing over

    async def _deliver(self) -> None:
        """Hands over what waits, oldest first; stops at the first that the consumer doesn't take."""
        while self._pending:
            pending = self._pending[0]
            if pending.table is None:
                pending.table = read_partition(pending.path)
            if not await self._hand_over(pending.manifest, pending.path, pending.table):
                break
            self._pending.popleft()
            path = pending.path.relative_to(self._lake).as_posix()
            entry = self._ledger.entries[pending.manifest.batch_id]
            self._ledger.record(pending.manifest, "delivered", path, entry.sha256, entry.masked)
        self.status.undelivered = len(self._pending)

    async def _hand_over(self, manifest: Manifest, path: Path, table: pa.Table) -> bool:
        for attempt in range(self._http.attempts):
            if attempt:
                await asyncio.sleep(self._http.pause_s(attempt - 1))
            try:
                await self._on_partition(self.contract.feed, path, manifest, table)
                return True
            except Exception as error:  # the boundary to a consumer that may be anything
                self.status.delivery_errors += 1
                self.status.last_error = f"handing over {manifest.batch_id}: {error!r}"
                log.warning("%s", self.status.last_error)
        return False

    # -- starting again

    def _restore(self) -> None:
        """Rebuilds what isn't on disk from what is."""
        now = self._clock.now()
        self._missing = dict.fromkeys(self._ledger.missing()[-GAPS_MAX:], now)
        self.status.gaps = len(self._missing)
        stored = [entry for entry in self._ledger.entries.values() if entry.path is not None]
        for entry in stored[-WARM_PARTITIONS:]:
            try:
                table = read_partition(self._lake / str(entry.path))
            except (OSError, pa.ArrowException) as error:
                log.warning("%s: the latest rows stay unknown: %s", self.contract.feed, error)
                continue
            self._keys.remember(table)
            self._register(table)
            columns = {name: table[name].to_pylist() for name in self.contract.names}
            rows = arrays(self.contract, columns)
            self._recent = self._recent.with_rows(rows, (float(str(entry.manifest["window_start"])), table.num_rows))
        if stored:
            newest = max(stored, key=lambda entry: entry.sequence)
            manifest = Manifest.from_json(newest.manifest)
            self.status.last_window_end = manifest.window_end
            self.status.last_produced_at = manifest.produced_at
        self.status.null_rates = self._recent.null_rates()
        self.status.quarantine_open = sum(e.state == "quarantined" for e in self._ledger.entries.values())
        self._pending.extend(
            _Pending(Manifest.from_json(entry.manifest), self._lake / str(entry.path), None)
            for entry in self._ledger.undelivered()
        )
        self.status.undelivered = len(self._pending)
