"""Locust: its web UI, and its master and workers as the way past one machine.

No measured byte passes through a process that Locust has patched: a worker starts the same engine child as the
local run does and is its control plane. A user of Locust stands for a stream, a slot of that engine. What the
engine sends goes to the master in :class:`~loadgen.distributed.messages.Update`, and becomes a run folder like any
other.

    master: Coordinator --Job--> worker: Worker (a EngineController per client) --orders--> engine
            Coordinator <-Update-- worker: Worker                      <-frames--- engine
            Live <-histograms in Locust's own reports-- Worker

Importing a module of this room that imports Locust patches the process; only :mod:`~loadgen.distributed.messages` and
:mod:`~loadgen.distributed.histograms` do not.
"""
