"""Coordinator and workers: Locust is the transport between processes and machines.

No measured byte passes through a process that Locust has patched: a worker starts the same engine process as a local
run and controls it. Under Locust's web UI each user is a stream: a slot of that engine. What the engine sends
goes to the coordinator in :class:`~loadgen.distributed.messages.Update`, and becomes an ordinary run folder.

    master: Coordinator --Job, Add, End--> worker: Worker, EngineController --commands--> engine
            Coordinator <----- Update ---- worker: EngineController         <--frames---- engine

Importing Locust patches the process; only :mod:`~loadgen.distributed.messages` and
:mod:`~loadgen.distributed.addresses` do without.
"""
