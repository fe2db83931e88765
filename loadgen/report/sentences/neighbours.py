"""Who took the clients' cores, in English, and what would help."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from loadgen.model import Neighbour, NeighbourFinding
from loadgen.report.language import _
from loadgen.report.sentences import Sentences
from loadgen.report.text import joined, percent, percents, plain


def sentences(finding: NeighbourFinding) -> Sentences:
    """Return who used the client's core, the client included; and what would help in the details."""
    low, high = percent(finding.low), percent(finding.high)
    ends = low if low == high else f"{percents(finding.low, finding.high)} %"
    statement = _("Others used {share} of the clients’ cores: {others}").format(
        share=ends, others=listed(finding.neighbours, simulated=finding.simulated)
    )
    if finding.own is not None:
        statement += _("; the clients themselves used {share}").format(share=percent(finding.own))
    return Sentences(statement, tuple(_help(finding)))


def listed(neighbours: Iterable[Neighbour], *, simulated: bool = False) -> str:
    """Return ``ollama (pid 4711, the server itself) 80 %, chrome (pid 12) 3 %``."""
    target = _("the simulator") if simulated else _("the server itself")
    roles = {"target": target, "loadgen": _("loadgen itself")}
    text = _("{name} ({about}) {share}")
    return joined(
        text.format(
            name=plain(each.name, 40),
            about=joined(filter(None, [_("pid {pid}").format(pid=each.pid), roles.get(each.role, "")])),
            share=percent(each.share),
        )
        for each in neighbours
    )


def _help(finding: NeighbourFinding) -> Iterator[str]:
    """Yield what the user can do; what others started is never moved by us."""
    free = sorted(set(range(finding.machine_cores or 0)) - set(finding.cores))
    targets = [each for each in finding.neighbours if each.role == "target" and not finding.simulated]
    if not free:
        yield _("Client and server share the only core: use a machine with more, or measure from another one")
        return
    cores = ",".join(map(str, free))
    if targets:
        moves = (f"`taskset -acp {cores} {each.pid}`" for each in targets)
        yield _("Keep the server off the client's core: {commands}").format(commands=joined(moves))
        text = _(
            "Or start it with `taskset -c {cores}`, let it use fewer threads, or measure from another machine"
        )
        if finding.ollama:
            text = _(
                "Or start it with `taskset -c {cores}`, let it use fewer threads, `options: {{num_thread: {n}}}`, "
                "or measure from another machine"
            )
        yield text.format(cores=cores, n=len(free))
    others = [each for each in finding.neighbours if not each.role]
    if others and not targets:
        text = _(
            "Stop {names} while you measure, or keep them off the client's core: `taskset -acp {cores} PID`"
        )
        yield text.format(names=joined(dict.fromkeys(plain(each.name, 40) for each in others)), cores=cores)
