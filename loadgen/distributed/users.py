"""Locust's user: it stands for a stream of an engine, and does nothing itself."""

from __future__ import annotations

from locust import User, constant, task

from loadgen.distributed.worker import workers_by_environment

TARGET = "the scenario's target"


class Streaming(User):
    """As many simultaneous streams as there are users of this class.

    ``client`` is a name of ``loadgen clients`` or a label of the scenario's clients; empty: the option
    ``--client``, and without that the scenario's first.
    """

    abstract = True
    client = ""
    host = TARGET  # what Locust's form shows; a URL in its place is the target
    # Waiting is the state that Locust ends at once.
    wait_time = constant(3600)

    @task
    def stream(self) -> None:
        """The engine does it."""

    def on_start(self) -> None:
        workers_by_environment[self.environment].joins(self.client)

    def on_stop(self) -> None:
        workers_by_environment[self.environment].leaves(self.client)


class Stream(Streaming):
    """The user of a run that names no class of its own."""
