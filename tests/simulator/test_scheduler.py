"""The queue of the simulator, held against what server/sched.go of Ollama does (docs/adr/0033)."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from loadgen.model import Simulator
from loadgen.simulator.scheduler import FOREVER_NS, KEEP_ALIVE_NS, Loaded, Scheduler, Slots, Use
from loadgen.simulator.wheel import Wheel

S = 1_000_000_000
Got = list[str]


def test_slots_are_assigned_first_come_first_served() -> None:
    begun: list[str] = []
    begins = [partial(begun.append, name) for name in "abcde"]
    slots = Slots(2)
    for begin in begins:
        slots.take(begin)
    assert begun == ["a", "b"]
    slots.leave(begins[2])
    slots.free()
    assert begun == ["a", "b", "d"]
    slots.free()
    assert begun == ["a", "b", "d", "e"]
    slots.free()
    slots.free()
    assert slots.busy == 0


class Server:
    """A scheduler with a clock of its own."""

    def __init__(self, **spec: Any) -> None:
        self.now = S
        self.wheel = Wheel()
        self.scheduler = Scheduler(Simulator(**{"load": 2.0, **spec}), self.wheel, lambda: self.now)
        self.got: list[str] = []

    def ask(self, model: str, *, keep: int | None = None, full: bool = False) -> Use:
        def begin(loaded: Loaded) -> None:
            self.got.append(loaded.name)

        use = Use(model, keep, begin)
        assert self.scheduler.ask(use) is not full
        return use

    def leave(self, *uses: Use) -> None:
        for use in uses:
            self.scheduler.leave(use)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + round(seconds * S)
        while self.now < end:
            wait = self.wheel.wait(self.now)
            self.now = end if wait is None else min(end, self.now + max(1_000_000, round(wait * S)))
            self.wheel.turn(self.now)

    def take(self) -> str:
        """Return who got a model since the last time."""
        found, self.got = "".join(self.got), []
        return found

    @property
    def loaded(self) -> str:
        return "".join(sorted(self.scheduler.loaded))


@pytest.fixture
def server() -> Server:
    return Server()


def test_a_loaded_model_is_had_at_once_by_any_number(server: Server) -> None:
    server = Server(max_queue=0)
    server.ask("m")
    server.run(2)
    for _ in range(1_000):
        server.ask("m")
    assert server.take() == "m" * 1_001


@pytest.mark.parametrize("max_queue", [0, 3])
def test_beside_the_one_that_is_served_so_many_wait_whatever_their_model(max_queue: int) -> None:
    server = Server(max_queue=max_queue)
    for name in "abcd"[: 1 + max_queue]:
        server.ask(name)
    server.ask("a", full=True)
    server.ask("z", full=True)
    assert server.take() == ""


def test_one_model_loads_at_a_time_in_the_order_of_requests(server: Server) -> None:
    for name in "aba":
        server.ask(name)
    server.run(2)
    assert server.take() == "a"
    server.run(1)
    server.ask("a")  # in memory: it passes those that wait
    assert server.take() == "a"
    server.run(1)
    assert server.take() == "ba", "the second request for a waited behind that for b"


def test_who_leaves_the_queue_keeps_the_place_until_its_turn() -> None:
    server = Server(max_queue=1)
    server.ask("a")
    waiting = server.ask("a")
    server.leave(waiting)
    server.ask("a", full=True)
    server.run(2)
    assert server.take() == "a"
    server.ask("b")
    server.ask("b")


def test_a_load_is_given_up_when_who_began_it_leaves(server: Server) -> None:
    first = server.ask("a")
    server.ask("b")
    server.ask("a")
    server.run(1)
    server.leave(first)
    server.run(1.9)
    assert (server.take(), server.loaded) == ("", ""), "b has begun to load afresh"
    server.run(0.1)
    assert server.take() == "b"
    server.run(2)
    assert server.take() == "a"


def test_models_stay_as_long_as_the_last_request_that_said_so(server: Server) -> None:
    use = server.ask("m", keep=10 * S)
    server.run(2)
    server.leave(use)
    server.run(9)
    server.leave(server.ask("m"))  # says nothing: 10 s more
    server.run(9)
    assert server.loaded == "m"
    server.run(1)
    assert server.loaded == ""
    server.leave(server.ask("m"), server.ask("m"))
    use = server.ask("m")
    server.run(2)
    server.leave(use)
    server.run(KEEP_ALIVE_NS / S - 1)
    assert server.loaded == "m"
    server.run(1)
    assert server.loaded == ""


def test_a_model_for_ever_and_one_for_no_time(server: Server) -> None:
    forever, never = server.ask("f", keep=FOREVER_NS), server.ask("n", keep=0)
    server.run(4)
    server.leave(forever, never)
    assert server.loaded == "f"
    server.run(1_000_000)
    assert server.loaded == "f"


def test_a_fourth_model_takes_the_place_of_the_idle_one_with_the_shortest_time(server: Server) -> None:
    uses = {name: server.ask(name, keep=keep * S) for name, keep in (("a", 60), ("b", 9), ("c", 30))}
    server.run(6)
    server.leave(uses["a"], uses["c"])
    server.ask("d")
    assert server.loaded == "ab", "b has the shortest, but is in use"
    server.run(2)
    assert server.loaded == "abd"


def test_where_none_is_idle_the_next_model_waits_and_all_behind_it(server: Server) -> None:
    uses = {name: server.ask(name, keep=keep * S) for name, keep in (("a", 60), ("b", 9), ("c", 30))}
    server.run(6)
    assert server.take() == "abc"
    server.ask("d")
    server.ask("e")
    more = server.ask("b")  # still in memory: it is served, and holds the others up
    server.leave(uses["a"])  # idle now, but b was chosen
    server.leave(uses["b"])
    server.run(5)
    assert (server.take(), server.loaded) == ("b", "abc")
    server.leave(more)
    assert server.loaded == "ac"
    server.run(2)
    assert (server.take(), server.loaded) == ("d", "cd"), "an idle model makes room for e"
    server.run(2)
    assert (server.take(), server.loaded) == ("e", "cde")


def test_unloading_waits_until_nobody_uses_the_model(server: Server) -> None:
    use = server.ask("m")
    server.run(2)
    server.scheduler.unload("m")
    more = server.ask("m")
    assert server.take() == "mm"
    server.leave(use)
    assert server.loaded == "m"
    server.leave(more)
    assert server.loaded == ""
    server.ask("m")
    server.scheduler.unload("m")  # while it loads: there is nothing to unload yet
    server.run(2)
    assert server.take() == "m"


def test_requests_that_wait_are_served_by_the_model_that_loads_after_the_unload(server: Server) -> None:
    first = server.ask("m", keep=0)
    server.ask("n")
    server.ask("m")
    server.run(2)
    server.leave(first)
    assert server.loaded == ""
    server.run(4)
    assert server.take() == "mnm"


def test_each_model_has_slots_of_its_own() -> None:
    server = Server(parallel=1, load=0.0)
    begun: list[str] = []
    for name in "aabb":
        use = Use(name, None, lambda loaded: loaded.slots.take(partial(begun.append, loaded.name)))
        assert server.scheduler.ask(use)
    assert begun == ["a", "b"]


def test_a_model_that_returns_has_forgotten_its_prompts() -> None:
    server = Server(cache=True, load=0.0)
    cached: list[int] = []

    def begin(loaded: Loaded) -> None:
        assert loaded.cache
        cached.append(loaded.cache.use(b"w" * 640))

    for keep in (None, 0, None):
        use = Use("m", keep, begin)
        assert server.scheduler.ask(use)
        server.leave(use)
    assert cached == [0, 144, 0]
