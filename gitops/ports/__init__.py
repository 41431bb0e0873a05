"""What the pipeline needs from the world, as small protocols; reads apart from writes.

The adapters in `gitops.adapters` implement them on Git, Pulumi, GitHub and the clock; the fakes in
`tests/fakes` implement them in memory. Both pass the contract tests in `tests/contracts`.
"""

from gitops.ports.engine import EngineReader, EngineWriter, Preview, RunnablePack, SavedPlan, Upstream
from gitops.ports.host import Checks, CodeHostReader, CodeHostWriter, Issues, Runs
from gitops.ports.hosting import CodeHost, Hosting, HostSettings
from gitops.ports.ledger import LeaseMoved, Leases, LedgerReader, LedgerReport, LedgerWriter, Renewal
from gitops.ports.repository import Clock, RepositoryReader
from gitops.ports.settings import CloudSettings, HostSettingsReader, HostSettingsWriter

__all__ = [
    "Checks",
    "Clock",
    "CloudSettings",
    "CodeHost",
    "CodeHostReader",
    "CodeHostWriter",
    "EngineReader",
    "EngineWriter",
    "HostSettings",
    "HostSettingsReader",
    "HostSettingsWriter",
    "Hosting",
    "Issues",
    "LeaseMoved",
    "Leases",
    "LedgerReader",
    "LedgerReport",
    "LedgerWriter",
    "Preview",
    "Renewal",
    "RepositoryReader",
    "RunnablePack",
    "Runs",
    "SavedPlan",
    "Upstream",
]
