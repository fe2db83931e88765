"""A real child process, watched from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loadgen import proc
from loadgen.model import Sample

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="only Linux reports this")

CHILD = """
import sys, threading, time
kept = []
for line in sys.stdin:
    order, number = line.split()
    number = int(number)
    if order == "threads":
        for _ in range(number):
            threading.Thread(target=threading.Event().wait, daemon=True).start()
    elif order == "memory":
        kept.append(b"x" * (number << 20))
    elif order == "free":
        kept.clear()
    elif order == "burn":
        until = time.process_time() + number / 1000
        while time.process_time() < until:
            pass
    print("done", flush=True)
"""


class Child:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid
        self.do("free", 0)

    def do(self, order: str, number: int) -> Sample:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{order} {number}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"
        return proc.sample(self.pid, 7)

    def end(self) -> None:
        self.process.communicate()


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child()
    yield made
    made.end()


def figure(value: int | None) -> int:
    assert value is not None
    return value


def test_threads_are_counted(child: Child) -> None:
    assert child.do("threads", 20).threads == 21


def test_cpu_is_that_of_the_whole_process(child: Child) -> None:
    before, after = child.do("burn", 0), child.do("burn", 200)
    assert 150e6 < figure(after.cpu_ns) - figure(before.cpu_ns) < 400e6
    assert (after.streams_open, after.voluntary) == (7, None)
    assert after.at > before.at


def test_memory_rises_and_its_peak_stays(child: Child) -> None:
    before, full, after = child.do("free", 0), child.do("memory", 40), child.do("free", 0)
    assert figure(full.rss_kib) - figure(before.rss_kib) > 38 << 10
    assert figure(after.rss_kib) < figure(full.rss_kib) - (30 << 10)
    assert figure(after.peak_rss_kib) > figure(full.rss_kib) - 1024  # the kernel counts in lumps


def test_the_peak_can_begin_anew(child: Child) -> None:
    child.do("memory", 40)
    full = child.do("free", 0)
    proc.reset_peak(child.pid)
    anew = proc.sample(child.pid)
    assert figure(anew.peak_rss_kib) < figure(full.peak_rss_kib) - (30 << 10)


@pytest.mark.parametrize(
    ("release", "needed"),
    [
        ("5.15.0-125-generic", True),
        ("6.1.0-28-amd64", True),
        ("6.2", False),
        ("6.12.10+bpo-amd64", False),
        ("10.0.1", False),
    ],
)
def test_memory_is_counted_where_the_kernel_leaves_some_out(release: str, needed: bool) -> None:
    assert proc.MemoryCounter(os.getpid(), release).needed is needed


def test_memory_that_the_kernel_leaves_out_is_added(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc, "COUNT_SHARE", 10**9)  # one count
    child.do("memory", 40)
    sampled = child.do("threads", 20)
    rss, peak = figure(sampled.rss_kib), figure(sampled.peak_rss_kib)
    lacking = replace(sampled, rss_kib=rss - 5000, peak_rss_kib=peak - 5000)
    old, new = proc.MemoryCounter(child.pid, "5.15"), proc.MemoryCounter(child.pid, "6.18")
    assert new.corrected(lacking) == lacking
    corrected = old.corrected(lacking)
    assert figure(corrected.rss_kib) == pytest.approx(rss, abs=1024)
    assert figure(corrected.peak_rss_kib) >= figure(corrected.rss_kib)
    added = figure(corrected.rss_kib) - (rss - 5000)
    assert figure(old.corrected(replace(sampled, rss_kib=rss + 300)).rss_kib) == rss + 300 + added
    child.end()
    gone = proc.sample(child.pid)
    assert old.corrected(gone) == gone


def test_run_wait_grows_where_two_share_a_core() -> None:
    one, two = Child(), Child()
    try:
        core = min(os.sched_getaffinity(0))
        for each in (one, two):
            os.sched_setaffinity(each.pid, {core})
        before = proc.run_wait_ns(one.pid)
        sampler = proc.CpuSampler(one.pid)
        assert sampler.sample() is not None
        assert one.process.stdin is not None
        one.process.stdin.write("burn 150\n")
        one.process.stdin.flush()
        two.do("burn", 150)
        assert one.process.stdout is not None
        one.process.stdout.readline()
        waited = figure(proc.run_wait_ns(one.pid)) - figure(before)
        assert waited > 50e6
        assert sampler.sample() is not None
        first, last = sampler.take()
        sampler.close()
        assert figure(last.run_wait_ns) - figure(first.run_wait_ns) == pytest.approx(waited, rel=0.1), (
            "one thread"
        )
    finally:
        one.end()
        two.end()


def test_the_cpu_of_another_process_is_read_as_finely_as_it_goes(child: Child) -> None:
    sampler = proc.CpuSampler(child.pid)
    taken = [sampler.sample()]
    child.do("burn", 30)
    taken.append(sampler.sample())
    before, after = sampler.take()
    assert taken == [before[:2], after[:2]]
    assert 25e6 < after.cpu_ns - before.cpu_ns <= after.at - before.at
    assert figure(after.run_wait_ns) >= figure(before.run_wait_ns)
    child.end()
    assert sampler.sample() is None
    assert sampler.take() == [], "neither what was taken before, nor of a process that has gone"
    sampler.close()


def test_an_ended_process_has_no_values(child: Child) -> None:
    child.end()
    gone = proc.sample(child.pid, 0)
    assert (gone.rss_kib, gone.peak_rss_kib, gone.threads, gone.cpu_ns) == (None, None, None, None)
    assert proc.run_wait_ns(child.pid) is None
    proc.reset_peak(child.pid)


def test_a_program_may_have_any_name(tmp_path: os.PathLike[str]) -> None:
    odd = os.path.join(tmp_path, "a) S 1 (b")
    os.symlink(sys.executable, odd)
    with subprocess.Popen(["sleep", "30"], executable="/bin/sleep") as plain:
        assert proc.sample(plain.pid).cpu_ns is not None
        plain.kill()


def test_cores_are_read_one_by_one(child: Child) -> None:
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(child.pid, {core})
    before = proc.busy_ns([core])
    child.do("burn", 200)
    after = proc.busy_ns([core])
    assert before is not None
    assert after is not None
    assert after[0] - before[0] > 150e6
    assert after[1] >= before[1]
    assert proc.busy_ns([]) == (0, 0)


def test_listen_queue_and_clock_can_be_read() -> None:
    queue = proc.listen_queue()
    assert queue is not None
    assert min(queue) >= 0
    (mark, wall), (later, wall_later) = proc.clock_tie(), proc.clock_tie()
    assert abs((wall_later - wall) - (later - mark)) < 50e6


@pytest.mark.parametrize(
    ("cgroup", "files", "ns"),
    [
        # version 2: the quota may be that of a group above
        ("0::/a/b", {"a/cpu.max": "50000 100000", "a/cpu.stat": "usage_usec 9\nthrottled_usec 70"}, 70_000),
        ("0::/a/b", {"a/b/cpu.max": "max 100000", "a/b/cpu.stat": "throttled_usec 70"}, 0),
        ("0::/", {"cpu.max": "50000 100000", "cpu.stat": "nr_throttled 2\nthrottled_usec 7"}, 7000),
        # version 1
        (
            "5:devices:/x\n1:cpu,cpuacct:/a\n0::/",
            {"cpu,cpuacct/a/cpu.cfs_quota_us": "20000", "cpu,cpuacct/a/cpu.stat": "throttled_time 12"},
            12,
        ),
        ("1:cpu:/a", {"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.stat": "throttled_time 12"}, 0),
        ("", {}, 0),
        ("nonsense", {}, 0),
    ],
)
def test_quotas_are_read_in_both_versions(
    tmp_path: Path, cgroup: str, files: dict[str, str], ns: int
) -> None:
    for name, text in {"proc/7/cgroup": cgroup, **{f"fs/{n}": t for n, t in files.items()}}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert proc.Throttling(7, tmp_path / "fs", tmp_path / "proc").read() == ns
