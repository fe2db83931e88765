"""Recordings and runs with known truth, made without any engine or server.

Every stream takes ``ttft_ms`` and then ``tokens - 1`` gaps of ``gap_ms`` on the server, drawn around those
means with the coefficient of variation ``jitter`` (0: exactly those); the client sees each token ``lag_us``
later. Slots run one stream after the other, as the closed loop of the engine does. Arrays are built whole,
so ten million tokens take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadgen import store
from loadgen.model import (
    ArrivalTable,
    CellInfo,
    ClientId,
    CpuSampleTable,
    Level,
    Load,
    Machine,
    MachineInfo,
    Mode,
    Prompt,
    Recording,
    Run,
    RunInfo,
    Sample,
    SampleTable,
    Scenario,
    ServerLog,
    Simulator,
    StampTable,
    StreamTable,
    Target,
    Threshold,
    Workload,
)

ZERO = 5_000_000_000_000  # the perf_counter_ns at which every recording starts
EPOCH = 1_790_000_000_123_456_789  # and the time_ns at the same moment
MS = 1_000_000
UNANSWERED = ("refused", "unresolved", "connect_timeout", "first_token_timeout", "http_status")


def recording(
    *,
    client: str = "aiohttp",
    mode: Mode = "tasks",
    concurrency: int = 100,
    repeat: int = 0,
    index: int = 0,
    streams: int = 200,
    tokens: int = 60,
    ttft_ms: float = 300.0,
    gap_ms: float = 50.0,
    jitter: float = 0.0,
    lag_us: float = 200.0,
    lag_jitter: float = 0.0,
    send_delay_ms: float = 0.0,
    sent_ms: float | None = None,
    opening_ms: tuple[float, float, float] | None = None,
    openers: int | None = None,
    ramp_ms: float = 0.0,
    warmup_ms: float = 0.0,
    duration_ms: float | None = None,
    late_start_ms: float = 0.0,
    outcomes: Mapping[str, int] | None = None,
    per_read: int = 1,
    stamped: bool = True,
    server_tokens_per_event: float | None = 1.0,
    base_rss_kib: int | None = 40_000,
    rss_per_stream_kib: float = 30.0,
    threads: int | None = None,
    cpu_us_per_token: float | None = 20.0,
    cpu_us_per_request: float = 0.0,
    cpu_ms_per_s: float = 0.0,
    voluntary_per_token: float | None = 0.1,
    involuntary_per_token: float | None = 0.01,
    run_wait_share: float | None = 0.01,
    engine_cores: int | None = 1,
    others_share: float = 0.0,
    steal_share: float = 0.0,
    listen_overflows: int = 0,
    listen_drops: int = 0,
    server_late_p99_ms: float | None = 0.5,
    server_open_peak: int | None = None,
    clock_step_ns: int = 0,
    same_host: bool = True,
    ended: str = "",
    seed: int = 0,
    rate: float | None = None,
    due_ms: NDArray[np.float64] | None = None,
    held_ms: NDArray[np.float64] | float = 0.0,
    waits_ms: NDArray[np.float64] | float = 0.0,
    not_started: int = 0,
    gil: str | None = None,
) -> Recording:
    """One cell. ``outcomes`` says how many streams end otherwise than ok (the last rows); those in
    ``UNANSWERED`` get nothing, the others half of their tokens. ``threads=None``: one per stream and one more
    for mode ``threads``, 1 for ``tasks``. Shares are of the window (``run_wait_share``: summed over threads).
    The first ``openers`` streams (all) opened a connection, in ``opening_ms`` of lookup, TCP and TLS (-1: none).
    Of an open load of ``rate``, stream ``k`` is due after ``due_ms[k]``, held, and waits at the server before its TTFT.
    """
    rng = np.random.default_rng([seed, index, repeat])
    rounds = -(-streams // concurrency)

    def drawn(mean: float, shape: tuple[int, ...]) -> NDArray[np.int64]:
        if not jitter or not mean:
            return np.full(shape, round(mean * MS), dtype=np.int64)
        values = rng.standard_normal(shape, dtype=np.float32)
        sigma = float(np.sqrt(np.log1p(jitter**2)))
        values *= sigma
        np.exp(values, out=values)
        values *= mean * MS * float(np.exp(-(sigma**2) / 2))
        return values.astype(np.int64)

    # when the server sends each token, after the start of its stream; then when the client sees each read
    sent = np.concatenate([drawn(ttft_ms, (streams, 1)), drawn(gap_ms, (streams, tokens - 1))], axis=1)
    sent[:, 0] += np.round(np.broadcast_to(waits_ms, streams) * MS).astype(np.int64)
    np.cumsum(sent, axis=1, out=sent)
    reads = -(-tokens // per_read)
    last_of_read = np.minimum(np.arange(1, reads + 1) * per_read, tokens) - 1
    lag = np.full((streams, reads), round(lag_us * 1000), dtype=np.int64)
    if lag_jitter:
        lag = (lag * rng.exponential(lag_jitter, (streams, reads))).astype(np.int64)
    seen = sent[:, last_of_read] + lag
    np.maximum.accumulate(seen, axis=1, out=seen)
    took = seen[:, -1] + MS // 10  # the protocol's end arrives in a read of its own

    per_slot = np.zeros((rounds, concurrency), dtype=np.int64)
    per_slot.reshape(-1)[:streams] = took
    offsets = np.sort(rng.integers(0, max(round(ramp_ms * MS), 1), concurrency))
    start_of = np.cumsum(per_slot, axis=0) - per_slot + offsets[None, :]
    due = ZERO + start_of.reshape(-1)[:streams]
    held = np.round(np.broadcast_to(held_ms, streams) * MS).astype(np.int64)
    if due_ms is not None:
        due = ZERO + np.round(due_ms * MS).astype(np.int64)
    start = due + held + round(late_start_ms * MS)
    seen += start[:, None]
    sent += start[:, None]
    end = start + took

    bad = dict(outcomes or {})
    outcome = np.array(["ok"] * (streams - sum(bad.values())) + [k for k, n in bad.items() for _ in range(n)])
    unanswered = np.isin(outcome, UNANSWERED)
    failed = outcome != "ok"
    own_tokens = np.where(unanswered, 0, np.where(failed, tokens // 2, tokens))
    own_reads = np.searchsorted(last_of_read, own_tokens - 1) + 1
    own_reads[own_tokens == 0] = 0
    read_counts = np.diff(np.concatenate([[0], last_of_read + 1])).astype(np.uint16)

    at = np.concatenate([seen, end[:, None]], axis=1)  # the last column carries the end and no text
    count = np.concatenate([np.tile(read_counts, (streams, 1)), np.zeros((streams, 1), np.uint16)], axis=1)
    if failed.any():
        keep = np.arange(reads + 1)[None, :] < own_reads[:, None]
        keep[~failed, -1] = True
        cut = failed & ~unanswered
        partial = own_tokens[cut] - np.where(own_reads[cut] > 1, last_of_read[own_reads[cut] - 2] + 1, 0)
        count[np.flatnonzero(cut), own_reads[cut] - 1] = partial.astype(np.uint16)
        keep_stamps = np.arange(tokens)[None, :] < own_tokens[:, None]
        flat_at, flat_count, flat_reads = at[keep], count[keep], keep.sum(axis=1)
    else:
        keep_stamps = None
        flat_at, flat_count, flat_reads = at.reshape(-1), count.reshape(-1), np.full(streams, reads + 1)

    wall = EPOCH - ZERO
    us = (sent - sent[:, :1]) // 1000
    flat_us = (us if keep_stamps is None else us[keep_stamps]).reshape(-1).astype(np.int32)
    has_stamps = stamped & (own_tokens > 0)
    table: dict[str, NDArray[Any]] = {
        "slot": np.arange(streams, dtype=np.int64) % (concurrency if rate is None else streams),
        "held_ns": np.full(streams, -1) if rate is None else held,
        "due": due,
        "start": start,
        "headers": np.where(own_reads > 0, seen[:, 0] - MS // 10, -1),
        "end": end,
        "status": np.where(outcome == "http_status", 503, np.where(own_reads > 0, 200, -1)),
        "bytes": own_tokens * 100,
        "first_stamp_ns": np.where(has_stamps, sent[:, 0] + wall, -1),
        "reads": flat_reads.astype(np.int64),
        "text_events": own_tokens.astype(np.int64),
        "stamped": np.where(has_stamps, own_tokens, 0).astype(np.int64),
        "outcome": outcome,
        "error": np.where(failed, np.char.add("it ended as ", outcome), ""),
        "total_ns": np.where(failed, -1, sent[:, -1] - start - round(send_delay_ms * MS)),
        "end_stamp_ns": np.where(failed, -1, sent[:, -1] + wall),
        "load_ns": np.full(streams, -1, dtype=np.int64),
        "prompt_tokens": np.where(failed, -1, 10),
        "prompt_ns": np.where(failed, -1, sent[:, 0] - start),
        "server_tokens": np.full(streams, -1, dtype=np.int64)
        if server_tokens_per_event is None
        else np.where(failed, -1, np.round(own_tokens * server_tokens_per_event)).astype(np.int64),
        "decode_ns": np.where(failed, -1, sent[:, -1] - sent[:, 0]),
        "run_wait_ns": np.full(streams, -1, dtype=np.int64),
        **_opened(opening_ms, streams, openers),
        "sent": np.full(streams, -1) if sent_ms is None else start + round(sent_ms * MS),
    }

    last = int(end.max())
    begin = ZERO + round(warmup_ms * MS)
    closes = ZERO + round(duration_ms * MS) if duration_ms is not None else last
    inside = (flat_at >= begin) & (flat_at < closes)
    owner = np.repeat(np.arange(streams), flat_reads)[inside]
    weight = np.where(table["server_tokens"] >= 0, table["server_tokens"] / np.maximum(own_tokens, 1), 1.0)
    produced = float((flat_count[inside] * weight[owner]).sum()) if closes > begin else 0.0
    window_ns = closes - begin

    def total(per_token: float | None, scale: float = 1.0) -> int | None:
        return None if per_token is None else round(per_token * produced * scale)

    own_threads = threads if threads is not None else (concurrency + 1 if mode == "threads" else 1)
    moments = np.arange(ZERO, last + MS, 100 * MS, dtype=np.int64)
    live = np.searchsorted(np.sort(start), moments, "right") - np.searchsorted(np.sort(end), moments, "right")
    used = np.maximum.accumulate(live)
    missing = np.full(len(moments), -1, dtype=np.int64)
    peak_kib = None if base_rss_kib is None else round(base_rss_kib + rss_per_stream_kib * concurrency)
    rss = missing if base_rss_kib is None else (base_rss_kib + rss_per_stream_kib * used).astype(np.int64)
    peak = rss.copy()
    if peak_kib is not None:
        peak[-1] = peak_kib
    order = np.argsort(flat_at, kind="stable")
    weighed = np.concatenate([[0.0], np.cumsum((flat_count * np.repeat(weight, flat_reads) * inside)[order])])
    arrived = weighed[np.searchsorted(flat_at[order], np.append(moments, closes))]
    begun = np.searchsorted(np.sort(start[start >= begin]), np.append(moments, closes))
    passed = np.clip(np.append(moments, closes) - begin, 0, None)
    used_ns = (
        (cpu_us_per_token or 0.0) * arrived * 1e3
        + cpu_us_per_request * begun * 1e3
        + cpu_ms_per_s * passed / 1e3
    ).astype(np.int64)
    cpu = None if cpu_us_per_token is None else int(used_ns[-1])
    samples = {
        "at": moments,
        "rss_kib": rss,
        "peak_rss_kib": peak,
        "threads": np.minimum(own_threads, np.maximum(1, used + 1))
        if mode == "threads"
        else np.full(len(moments), own_threads, dtype=np.int64),
        "cpu_ns": missing if cpu is None else used_ns[:-1],
        "voluntary": missing,
        "involuntary": missing,
        "run_wait_ns": missing,
        "streams_open": live.astype(np.int64),
    }
    samples["threads"][-1] = own_threads
    first = Sample(at=begin, threads=own_threads, cpu_ns=0, voluntary=0, involuntary=0, run_wait_ns=0)
    second = replace(
        first,
        at=closes,
        rss_kib=peak_kib,
        peak_rss_kib=peak_kib,
        cpu_ns=cpu,
        voluntary=total(voluntary_per_token),
        involuntary=total(involuntary_per_token),
        run_wait_ns=None if run_wait_share is None else round(run_wait_share * window_ns),
    )
    return Recording(
        index=index,
        client=client_id(client),
        mode=mode,
        level=Level(streams=concurrency) if rate is None else Level(rate=rate),
        repeat=repeat,
        workload=Workload(prompts=(), load=Load(duration=10.0)),
        not_started=not_started,
        gil=gil,
        ended=ended,
        start=ZERO,
        window=(begin, closes),
        clock=((ZERO, EPOCH), (last, last + wall + clock_step_ns)),
        same_host=same_host,
        simulated=server_late_p99_ms is not None,
        base_rss_kib=base_rss_kib,
        base_threads=1,
        edges=(first, second),
        machine=Machine(
            window_ns=window_ns,
            engine_cores=engine_cores,
            others_ns=round(others_share * window_ns * (engine_cores or 1)),
            steal_ns=round(steal_share * window_ns * (engine_cores or 1)),
            listen_overflows=listen_overflows,
            listen_drops=listen_drops,
        ),
        server=None
        if server_late_p99_ms is None
        else ServerLog(
            streams=streams,
            open_peak=min(concurrency, streams) if server_open_peak is None else server_open_peak,
            sends=int(own_tokens.sum()),
            late_p50_ms=server_late_p99_ms / 3,
            late_p99_ms=server_late_p99_ms,
            late_max_ms=server_late_p99_ms * 2,
        ),
        streams=StreamTable(**table),
        arrivals=ArrivalTable(at=flat_at, count=flat_count),
        stamps=StampTable(us=flat_us if stamped else np.zeros(0, np.int32)),
        samples=SampleTable(**samples),
        pauses=store.table_of_pauses(),
        cpu_samples=store.table_of(CpuSampleTable),
    )


def _opened(
    opening_ms: tuple[float, float, float] | None, streams: int, openers: int | None
) -> dict[str, NDArray[np.int64]]:
    times = opening_ms or (-1, -1, -1)
    opens = np.arange(streams) < (streams if openers is None else openers)
    return {
        name: np.where(opens & (ms >= 0), round(ms * MS), -1)
        for name, ms in zip(("dns_ns", "connect_ns", "tls_ns"), times, strict=True)
    }


def open_load(
    rate: float,
    *,
    seconds: float = 30.0,
    slots: int = 4,
    service_ms: float = 200.0,
    max_streams: int | None = None,
    seed: int = 0,
    repeat: int = 0,
    **others: Any,
) -> Recording:
    """Poisson arrivals at a server of ``slots``, first come first served, that takes exponential times of that mean.

    Where ``max_streams`` are open, arrivals are held. ``others`` are those of :func:`recording`.
    """
    rng = np.random.default_rng([seed, repeat, round(rate * 1000)])
    due = np.sort(rng.random(round(rate * seconds))) * seconds * 1000
    free, open_, starts, waits, served = [0.0] * slots, [], [], [], rng.exponential(service_ms, len(due))
    for at, takes in zip(due.tolist(), served.tolist(), strict=True):
        ended = sorted(open_)
        held = max_streams is not None and len(ended) >= max_streams and ended[-max_streams]
        starts.append(max(at, held or 0.0))
        begins = max(starts[-1], heappop(free))
        waits.append(begins - starts[-1])
        heappush(free, begins + takes)
        open_.append(begins + takes)
    starts = np.array(starts)
    never = int((starts >= seconds * 1000).sum())
    kept = len(due) - never
    return recording(
        rate=rate,
        repeat=repeat,
        streams=kept,
        concurrency=kept,
        due_ms=due[:kept],
        held_ms=(starts - due)[:kept],
        waits_ms=(np.array(waits) + served)[:kept],
        not_started=never,
        **{"ttft_ms": 0.0, "gap_ms": 0.0, "tokens": 1, "duration_ms": seconds * 1000, **others},
    )


def split(whole: Recording, workers: int = 2, *, apart_s: float = 1000.0) -> list[Recording]:
    """The recording as it were had ``workers`` driven it, slots dealt in turn, each by a clock ``apart_s`` further.

    What was counted (memory, threads, CPU, switches) is dealt to them evenly, to the last of it.
    """
    parts = []
    for number in range(workers):
        shift = round(number * apart_s * 1e9)
        own = whole.streams.slot % workers == number

        def marks(column: NDArray[np.int64], by: int = shift) -> NDArray[np.int64]:
            return np.where(column >= 0, column + by, -1)

        def dealt(amount: Any, number: int = number) -> Any:
            return None if amount is None else (amount + workers - 1 - number) // workers

        def sample(edge: Sample, by: int = shift, dealt: Callable[[Any], Any] = dealt) -> Sample:
            told = {field.name: dealt(getattr(edge, field.name)) for field in fields(Sample)}
            return Sample(**{**told, "at": edge.at + by})

        table = whole.streams.rows(own)
        reads, stamps = np.repeat(own, whole.streams.reads), np.repeat(own, whole.streams.stamped)
        arrivals = whole.arrivals.rows(reads)
        samples = {n: np.where(column >= 0, dealt(column), -1) for n, column in whole.samples.columns.items()}
        parts.append(
            replace(
                whole,
                worker=f"host-{number + 1}",
                share=dealt(whole.level.streams),
                start=whole.start + shift,
                window=(whole.window[0] + shift, whole.window[1] + shift),
                clock=tuple((mono + shift, wall) for mono, wall in whole.clock),
                base_rss_kib=dealt(whole.base_rss_kib),
                base_threads=dealt(whole.base_threads),
                edges=tuple(sample(edge) for edge in whole.edges),
                server=None if number else whole.server,
                streams=replace(
                    table,
                    due=marks(table.due),
                    start=marks(table.start),
                    headers=marks(table.headers),
                    sent=marks(table.sent),
                    end=marks(table.end),
                ),
                arrivals=replace(arrivals, at=arrivals.at + shift),
                stamps=whole.stamps.rows(stamps),
                samples=SampleTable(**{**samples, "at": whole.samples.at + shift}),
            )
        )
    return parts


def client_id(label: str) -> ClientId:
    """Return the client of that label, such as ``aiohttp loop=uvloop`` or ``requests (A/A)``."""
    name, *options = label.removesuffix(" (A/A)").split(" ")
    return ClientId(name, dict(option.split("=", 1) for option in options), control=label.endswith(" (A/A)"))


def run(
    folder: Path | str,
    recordings: Sequence[Recording],
    *,
    name: str = "synthetic",
    thresholds: Sequence[Threshold] = (),
    seed: int = 0,
    **info: Any,
) -> Run:
    """Return a run of these recordings in this order; ``info`` changes the plausible run.json made here."""
    clients = [client for client in dict.fromkeys(r.client for r in recordings) if not client.control]
    made = RunInfo(
        format=2,
        loadgen="0.1.0",
        name=name,
        state="complete",
        started="2026-11-22T12:00:00Z",
        ended="2026-11-22T12:01:00Z",
        url="http://127.0.0.1:1",
        seed=seed,
        scenario=Scenario(
            name=name,
            target=Target(simulator=Simulator()),
            workload=Workload(
                prompts=(Prompt("Write a short introduction to asynchronous programming in Python."),),
                load=Load(duration=10.0),
            ),
            clients=tuple(clients),
            levels=tuple(dict.fromkeys(r.level for r in recordings)),
            repeats=1 + max((r.repeat for r in recordings), default=0),
            thresholds=tuple(thresholds),
            seed=seed,
        ),
        versions={"loadgen": "0.1.0", "python": "3.11.7", **{client.name: "1.0" for client in clients}},
        machine=MachineInfo(system="Linux 6.1", processor="a processor", cores=2, memory_kib=8_000_000),
        cells=tuple(
            CellInfo(index=r.index, client=r.client, mode=r.mode, level=r.level, repeat=r.repeat)
            for r in {r.index: r for r in recordings}.values()
        ),
    )
    return Run(folder=Path(folder), info=replace(made, **info), recordings=tuple(recordings))


def save(folder: Path, info: RunInfo, recordings: Sequence[Recording]) -> Path:
    """Write a run folder whose run.json lists the recordings, after the cells that ``info`` has and they have not."""
    store.create(folder, info)
    cells = {(cell.index, cell.attempt): cell for cell in info.cells}
    for r in recordings:
        plain = CellInfo(
            index=r.index, client=r.client, mode=r.mode, level=r.level, repeat=r.repeat, attempt=r.attempt
        )
        cell = cells.get((r.index, r.attempt), plain)
        cells[r.index, r.attempt] = replace(cell, files=(*cell.files, store.save(folder, r)))
    store.write_info(folder, replace(info, cells=tuple(cells.values())))
    return folder
