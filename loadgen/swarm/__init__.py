"""Locust: its web UI, and its master and workers as the way past one machine.

No measured byte passes through a process that Locust has patched: a worker starts the same engine child as the
local run does and is its control plane. A user of Locust stands for a stream, a slot of that engine. What the
engine sends goes to the master in :class:`~loadgen.swarm.wire.Piece`s, which become a run folder like any other.

    master: Desk --Job--> worker: Crew (a Drive per client) --orders--> engine
            Desk <-Piece-- worker: Crew                      <-frames--- engine
            Live <-histograms in Locust's own reports-- Crew

Importing a module of this room that imports Locust patches the process; only :mod:`~loadgen.swarm.wire` and
:mod:`~loadgen.swarm.figures` do not.
"""
