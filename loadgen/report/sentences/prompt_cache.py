"""That a cache of prompts answered, in English."""

from __future__ import annotations

from loadgen.model import PromptCacheFinding
from loadgen.report.language import _, plural
from loadgen.report.sentences import Sentences
from loadgen.report.text import number, percent


def sentences(finding: PromptCacheFinding) -> Sentences:
    """Return what was seen, and which key changes it."""
    if finding.verdict == "reported":
        text = _("The server had {share} of the tokens of the prompts in its cache, as it reports")
        seen = text.format(share=percent(finding.share or 0.0))
    else:
        what = _("time for the prompt") if finding.verdict == "prompt" else _("TTFT")
        prompts = plural(finding.prompts, "{n} prompt", "{n} prompts")
        text = _(
            "The server’s {what} fell from {first} ms, when a prompt was sent first, to {later} ms when it was sent "
            "again (medians of {prompts})"
        )
        seen = text.format(
            what=what, first=number(finding.first_ms), later=number(finding.later_ms), prompts=prompts
        )
    statement = _("{seen}: its cache answered for the model.").format(seen=seen)
    if finding.unique:
        return Sentences(
            statement,
            (_("No two prompts began alike; what it had stands before them, such as a long template."),),
        )
    return Sentences(
        statement,
        (
            _(
                "prompts: {{…, unique: prefix}} begins each prompt differently, so that the model evaluates all of it; "
                "more different prompts help only until all have been sent once."
            ).format(),
        ),
    )
