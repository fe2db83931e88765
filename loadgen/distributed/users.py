"""A user of Locust: it counts as a stream of an engine, and sends nothing itself."""

from locust import User, constant, task

from loadgen.distributed.worker import workers_by_environment

TARGET = "the scenario's target"


class Streaming(User):
    """A stream of an engine: as many streams are open as there are users of this class.

    ``client`` is a name of ``loadgen clients`` or a label of the scenario's clients; empty: the option
    ``--client``, and without that the scenario's first.
    """

    abstract = True
    client = ""
    host = TARGET  # shown in Locust's form; a URL in its place is the target
    # Locust stops a user that waits at once.
    wait_time = constant(3600)

    @task
    def stream(self) -> None:
        """Do nothing: the engine runs the stream."""

    def on_start(self) -> None:
        workers_by_environment[self.environment].users[self.client] += 1

    def on_stop(self) -> None:
        workers_by_environment[self.environment].users[self.client] -= 1


class Stream(Streaming):
    """The user of ``loadgen ui`` and of the workers."""
