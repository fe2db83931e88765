"""The sections of a report, a file each; their order on the page, in its navigation and in the terminal is this table.

A new section is one new file with a :class:`~loadgen.report.sections.section.Section`, and one line here.
"""

from __future__ import annotations

from loadgen.report.sections.article import Article
from loadgen.report.sections.claims import Claims
from loadgen.report.sections.costs import Costs
from loadgen.report.sections.delivery_lag import DeliveryLag
from loadgen.report.sections.distributions import Distributions
from loadgen.report.sections.failures import Failures
from loadgen.report.sections.glossary import Glossary
from loadgen.report.sections.metrics import Metrics
from loadgen.report.sections.noise import Noise
from loadgen.report.sections.order import Order
from loadgen.report.sections.quality import Quality
from loadgen.report.sections.scaling import Scaling
from loadgen.report.sections.section import Section, View
from loadgen.report.sections.setup import Setup
from loadgen.report.sections.thresholds import Thresholds
from loadgen.report.sections.timeline import Timeline
from loadgen.report.sections.undecided_claims import UndecidedClaims
from loadgen.report.sections.usage import Usage
from loadgen.report.sections.verdict import Verdict

SECTIONS: tuple[Section, ...] = (
    Verdict(),
    Claims(),
    Noise(),
    Article(),
    Thresholds(),
    DeliveryLag(),
    Metrics(),
    Costs(),
    Quality(),
    Failures(),
    Scaling(),
    Distributions(),
    Timeline(),
    Usage(),
    UndecidedClaims(),
    Setup(),
    Order(),
    Glossary(),
)


def shown(view: View) -> list[Section]:
    """Return the sections that have something to say about this run."""
    return [section for section in SECTIONS if section.applies(view)]
