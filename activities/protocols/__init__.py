"""What activities need of the outside world. Gateways implement these; one contract suite per Protocol runs on fake and real.

Every method may raise GatewayError; a subclass named in a docstring is one that callers branch on.
"""

from activities.protocols.branches import Branches, BranchPush, PushRefused
from activities.protocols.cluster import (
    Cluster,
    ClusterConflict,
    ClusterGone,
    ClusterRefused,
    Kind,
    ObjectRef,
    WatchEvent,
)
from activities.protocols.failure import GatewayError
from activities.protocols.forge import Comment, Credential, Forge, ForgeRefused, OpenPullRequest, Reaction
from activities.protocols.images import Builder, BuildFailed, BuildRequest, Registry
from activities.protocols.logs import Logs, LogWriter
from activities.protocols.owners import OwnerGone, OwnerRefused, Owners, RunningPullRequest
from activities.protocols.probe import Answer, Probe
from activities.protocols.records import Audit, Index, IndexRow
from activities.protocols.sidecars import (
    Asked,
    DeliveryRefused,
    IncompleteDelivery,
    PodRef,
    SidecarGone,
    SidecarNews,
    Sidecars,
    StaleDelivery,
    Taking,
)
from activities.protocols.source import Source, SourceRefused

__all__ = [
    "Answer",
    "Asked",
    "Audit",
    "BranchPush",
    "Branches",
    "BuildFailed",
    "BuildRequest",
    "Builder",
    "Cluster",
    "ClusterConflict",
    "ClusterGone",
    "ClusterRefused",
    "Comment",
    "Credential",
    "DeliveryRefused",
    "Forge",
    "ForgeRefused",
    "GatewayError",
    "IncompleteDelivery",
    "Index",
    "IndexRow",
    "Kind",
    "LogWriter",
    "Logs",
    "ObjectRef",
    "OpenPullRequest",
    "OwnerGone",
    "OwnerRefused",
    "Owners",
    "PodRef",
    "Probe",
    "PushRefused",
    "Reaction",
    "Registry",
    "RunningPullRequest",
    "SidecarGone",
    "SidecarNews",
    "Sidecars",
    "Source",
    "SourceRefused",
    "StaleDelivery",
    "Taking",
    "WatchEvent",
]
