"""What a server says of itself, in a few words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadgen.analysis.differences import Difference
from loadgen.model import ServerChangedFinding, ServerInfo
from loadgen.report.language import _, plural
from loadgen.report.sentences import Sentences
from loadgen.report.text import NOT_MEASURED, clauses, joined, plain

PREFIX = "server."
WORDS = {  # what differs, as run.json has it
    "name": "software", "version": "version", "model": "model", "family": "family", "parameters": "parameters",
    "quantization": "quantization", "digest": "digest", "context": "context", "memory": "memory", "slots": "slots",
    "processor": "processor",
}  # fmt: skip
DIGEST = 12  # characters that people compare


def described(of: ServerInfo) -> Iterator[str]:
    """Yield ``Ollama 0.24.0``, ``gemma3:270m (gemma3, 268.10M, Q4_K_M)``, ``100% CPU``, ``context 4,096``."""
    if of.name:
        yield plain(f"{of.name} {of.version or ''}".rstrip())
    details = joined(filter(None, (of.family, of.parameters, of.quantization)))
    if of.model:
        yield plain(f"{of.model} ({details})" if details else of.model)
    if of.processor:
        yield of.processor
    if of.context:
        yield _("context {n}").format(n=f"{of.context:,}")
    if of.slots:
        yield plural(of.slots, "{n} slot", "{n} slots")


def changed(differences: Sequence[Difference]) -> str:
    """Return what changed in the server between two runs; empty where nothing did."""
    what = [
        _("{what} {base} → {head}").format(
            what=_(WORDS.get(d.key.removeprefix(PREFIX), d.key)),
            base=_side(d.base),
            head=_side(d.head),
        )
        for d in differences
        if d.key.startswith(PREFIX)
    ]
    return _("The server changed: {what}.").format(what=clauses(what)) if what else ""


def during(finding: ServerChangedFinding) -> Sentences:
    """Return what changed in the server during a run."""
    texts = {
        "silent": _("it did not answer any more at the end"),
        "restarted": _("it was started again"),
        "unloaded": _("its model was in memory before, and not after"),
    }
    what = [
        texts.get(change.what)
        or _("{what} {base} → {head}").format(
            what=_(WORDS[change.what]), base=_side(str(change.before)), head=_side(str(change.after))
        )
        for change in finding.changes
    ]
    return Sentences(_("The server changed during the run: {what}.").format(what=clauses(what)))


def _side(text: str) -> str:
    return plain(text[:DIGEST] if len(text) == 64 else text, 60) or NOT_MEASURED
