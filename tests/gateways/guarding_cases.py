"""What people try in an environment namespace: the tables of test_guarding, of what is refused and what is not."""

from activities.kinds import DEPLOYMENT, ENDPOINT_SLICE, POD, PROJECT
from activities.protocols import Kind
from environments import labels
from environments.isolation import NAME
from environments.model import KubernetesObject
from environments.owner_role import owner_binding_object
from environments.permissions import RBAC
from tests.gateways.attempts import (
    ACCOUNT,
    CONFIG_MAP,
    INGRESS,
    LIMITS,
    NETWORK,
    OTHERS_HOST,
    QUOTA,
    SECRET,
    SERVICE,
    Case,
    World,
    applies_over_the_network_policy,
    asks_for_a_token,
    creates,
    deletes,
    deletes_all,
    deletes_namespace,
    deployment,
    ingress,
    makes_and_deletes,
    marked,
    network,
    own_ingress,
    patches,
    patches_namespace,
    pod_template,
    service,
    thing,
)


def _urgent() -> KubernetesObject:
    made = thing(POD) | pod_template() | {"metadata": {}}
    return made | {"spec": made["spec"] | {"priorityClassName": "system-node-critical"}}


def _friend(world: World) -> KubernetesObject:
    made = owner_binding_object(
        world.namespace, {"kind": "ServiceAccount", "namespace": world.people, "name": "friend"}
    )
    made["roleRef"]["name"] = "view"
    return made | {"metadata": {}}


# --- what is refused ---------------------------------------------------------------------------------------------

BOUNDS, NET = "keeps this environment in its bounds", "keeps other environments and this one apart"
INSIDE, KINDS = "among this namespace's own pods only", "isn't among what is written by people"
NAMESPACE, WHOSE = "only Catalyst changes or deletes it", "say which team it belongs to"
HOST, ORDERS = "must name the host .*, since every other is somebody else's", "take orders from annotations"
MARKS = "are Catalyst's own bookkeeping"
COLLECTED = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "none", "uid": "none"}]
OPEN = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
WEB = {"service": {"name": "web", "port": {"number": 80}}}
INJECTED = f"/`) || Host(`{OTHERS_HOST}`) || Path(`/"
EXTERNAL_DNS = {"external-dns.alpha.kubernetes.io/hostname": OTHERS_HOST}
WAYS = [{"from": [{"podSelector": {}}]}, {"from": [{"podSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}]}]
SLICE = {"addressType": "IPv4", "endpoints": [{"addresses": ["10.244.3.3"]}], "ports": [{"port": 80}]}
OLD_SLICE = [{"addresses": [{"ip": "10.244.3.3"}], "ports": [{"port": 80}]}]
SOURCES = [{"name": "main", "repositoryUrl": "https://forge.test/a/b.git", "branch": "main"}]

OF_BOUNDS = tuple(
    Case(title, attempt, BOUNDS, is_granted=False)
    for title, attempt in (
        ("deletes the quota", deletes(QUOTA, NAME)),
        ("deletes every quota", deletes_all(QUOTA)),
        ("raises the quota", patches(QUOTA, NAME, {"spec": {"hard": {"pods": "1000"}}})),
        ("raises what counts of the quota", patches(QUOTA, NAME, {"status": {"hard": {"pods": "99"}}}, "status")),
        ("has the quota collected", patches(QUOTA, NAME, {"metadata": {"ownerReferences": COLLECTED}})),
        ("deletes the limits", deletes(LIMITS, NAME)),
        ("raises the limits", patches(LIMITS, NAME, {"spec": {"limits": [{"type": "Container"}]}})),
        ("makes other limits", creates(thing(LIMITS, spec={"limits": [{"type": "Pod", "min": {"cpu": "9"}}]}))),
        ("makes another quota", creates(thing(QUOTA, spec={"hard": {"pods": "0"}}))),
    )
)
OF_NETWORK = (
    Case("deletes the network policy", deletes(NETWORK, NAME), NET),
    Case("deletes every network policy", deletes_all(NETWORK), NET),
    Case("opens the network policy", patches(NETWORK, NAME, {"spec": {"egress": [{}]}}), NET),
    Case("applies over the network policy", applies_over_the_network_policy, NET),
    Case("holds the network policy", patches(NETWORK, NAME, {"metadata": {"finalizers": ["a.test/b"]}}), NET),
    Case("unmarks it", patches(NETWORK, NAME, {"metadata": {"labels": {labels.COMPONENT: None}}}), f"{NET}|{MARKS}"),
    Case("lets everybody in", creates(network(ingress=[{}])), INSIDE),
    Case("lets everybody in on a port", creates(network(ingress=[{"ports": [{"port": 80}]}])), INSIDE),
    Case("lets namespaces in", creates(network(ingress=[{"from": [{"namespaceSelector": {}}]}])), INSIDE),
    Case(
        "lets pods of namespaces in",
        creates(network(ingress=[{"from": [{"podSelector": {}, "namespaceSelector": {}}]}])),
        INSIDE,
    ),
    Case("hides an address among pods", creates(network(ingress=WAYS)), INSIDE),
    Case("goes out everywhere", creates(network(egress=[{}], policyTypes=["Egress"])), INSIDE),
    Case("goes into the platform", creates(network(egress=[{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}])), INSIDE),
)
OF_NAMESPACE = tuple(
    Case(title, attempt, f"{NAMESPACE}|{WHOSE}", is_granted=False)
    for title, attempt in (
        ("loosens Pod Security", patches_namespace(OPEN)),
        ("loosens Pod Security by way of the status", patches_namespace(OPEN, "/status")),
        ("takes another host", patches_namespace({"metadata": {"annotations": {labels.HOST: OTHERS_HOST}}})),
        ("takes another team", patches_namespace({"metadata": {"labels": {labels.TEAM: "other"}}})),
        ("is no environment any more", patches_namespace({"metadata": {"labels": {labels.NAMESPACE_TYPE: None}}})),
        ("deletes the namespace", deletes_namespace),
    )
)
TOKEN = "without a token in pods"
OF_TOKENS = (
    Case("deletes the default account", deletes(ACCOUNT, "default"), TOKEN),
    Case("deletes every account", deletes_all(ACCOUNT), TOKEN),
    Case("gives pods its token", patches(ACCOUNT, "default", {"automountServiceAccountToken": True}), TOKEN),
    Case("lets pods have its token", patches(ACCOUNT, "default", {"automountServiceAccountToken": None}), TOKEN),
    Case("asks for a token", asks_for_a_token, f"serviceaccounts/token {KINDS}", is_granted=False),
)
OF_HOSTS = (
    Case("claims another's host", creates(ingress(OTHERS_HOST)), HOST),
    Case("claims every host", creates(ingress(None)), HOST),
    Case("claims the domain's hosts", creates(ingress("*.localhost")), HOST),
    Case("claims a host below its own", creates(lambda world: ingress(f"a.{world.host}")), HOST),
    Case("moves to another's host", patches(INGRESS, "web", {"spec": ingress(OTHERS_HOST)["spec"]}), HOST),
    Case("takes what has no host", creates(own_ingress(defaultBackend=WEB)), "default backend"),
    Case("shows a certificate", creates(own_ingress(tls=[{"secretName": "mine"}])), "certificates are the platform's"),
    Case(
        "takes TLS of another's",
        creates(own_ingress(tls=[{"hosts": [OTHERS_HOST]}])),
        "certificates are the platform's",
    ),
    Case("ends Traefik's rule in a path", creates(own_ingress(INJECTED)), "letters, digits and"),
    Case("ends nginx's block in a path", creates(own_ingress("/a;}{")), "letters, digits and"),
    Case(
        "claims a host by annotation",
        creates(lambda world: marked(ingress(world.host), annotations=EXTERNAL_DNS)),
        ORDERS,
    ),
    Case("annotates it later", patches(INGRESS, "web", {"metadata": {"annotations": EXTERNAL_DNS}}), ORDERS),
)
OF_SERVICES = (
    Case("opens a port of every node", creates(service(type="NodePort")), "type NodePort opens a way"),
    Case("asks for a load balancer", creates(service(type="LoadBalancer")), "type LoadBalancer opens a way"),
    Case(
        "turns its Service into one",
        patches(SERVICE, "web", {"spec": {"type": "NodePort"}}),
        "type NodePort opens a way",
    ),
    Case("takes addresses", creates(service(externalIPs=["192.0.2.1"])), "externalIPs take traffic"),
    Case(
        "takes them later",
        patches(SERVICE, "web", {"spec": {"externalIPs": ["192.0.2.1"]}}),
        "externalIPs take traffic",
    ),
    Case(
        "leads the ingress inside", creates(service(type="ExternalName", externalName="a.b.svc")), "type ExternalName"
    ),
    Case(
        "takes a name",
        creates(marked(service(clusterIP="None"), annotations=EXTERNAL_DNS)),
        "some of those claim names",
    ),
)
OF_PODS = (
    Case("pushes others off the node", creates(_urgent()), "the priority system-node-critical is the platform's"),
)
OF_KINDS = tuple(
    Case(title, attempt, f"{what} {KINDS}", is_granted=False)
    for title, what, attempt in (
        ("puts addresses behind a Service", "endpointslices", creates(thing(ENDPOINT_SLICE, **SLICE))),
        ("does so the old way", "endpoints", creates(thing(Kind("v1", "Endpoints"), subsets=OLD_SLICE))),
        ("moves a pod", "pods/status", patches(POD, "web", {"status": {"podIP": "10.244.3.3"}}, "status")),
        ("moves a Service", "services/status", patches(SERVICE, "web", {"status": {"conditions": []}}, "status")),
        ("lends its rights", "rolebindings", creates(_friend)),
        ("makes a role", "roles", creates(thing(Kind(f"{RBAC}/v1", "Role"), rules=[]))),
        ("writes what a definition brought", "projects", creates(thing(PROJECT, spec={"sources": SOURCES}))),
    )
)
OF_MARKS = (
    Case(
        "calls something another team's",
        creates(marked(thing(CONFIG_MAP), labels={labels.TEAM: "other"})),
        f"{labels.TEAM} says 'other', but this is of the team 't",
    ),
    Case(
        "calls it another team's later",
        patches(DEPLOYMENT, "web", {"metadata": {"labels": {labels.TEAM: "other"}}}),
        f"{labels.TEAM} says 'other', but this is of the team 't",
    ),
    Case(
        "calls it another project's",
        creates(marked(service(), labels={labels.PROJECT: "other"})),
        f"{labels.PROJECT} says 'other', but this is of the project 'shop'",
    ),
    Case(
        "calls it another environment's",
        creates(marked(service(), labels={labels.ENVIRONMENT: "pr-8"})),
        f"{labels.ENVIRONMENT} says 'pr-8', but this is of the environment 'pr-7'",
    ),
    Case("calls it Catalyst's", creates(marked(service(), labels={labels.MANAGED_BY: labels.MANAGER})), MARKS),
    Case("calls it a guard", creates(marked(service(), labels={labels.COMPONENT: labels.GUARD})), MARKS),
    Case("keeps rollouts out", patches(DEPLOYMENT, "web", {"metadata": {"labels": {labels.ROLLOUT: "999"}}}), MARKS),
    Case("hides it from pruning", patches(DEPLOYMENT, "web", {"metadata": {"labels": {labels.UID: None}}}), MARKS),
    Case("annotates as we do", patches(DEPLOYMENT, "web", {"metadata": {"annotations": {labels.FENCE: "9"}}}), MARKS),
)
REFUSED = (*OF_BOUNDS, *OF_NETWORK, *OF_NAMESPACE, *OF_TOKENS, *OF_HOSTS, *OF_SERVICES, *OF_PODS, *OF_KINDS, *OF_MARKS)

# --- what is not -------------------------------------------------------------------------------------------------

AMONG = {
    "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}],
    "egress": [{"to": [{"podSelector": {}}]}],
}
JOB = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "busybox:1"}]}}}
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
CLAIM_SPEC = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
ALLOWED = (
    Case("makes a ConfigMap and deletes it", makes_and_deletes),
    Case("makes a Secret", creates(thing(SECRET, stringData={"a": "b"}))),
    Case("makes a Deployment", creates(deployment() | {"spec": deployment()["spec"] | {"replicas": 0}})),
    Case("makes a pod", creates(lambda _: thing(POD) | pod_template() | {"metadata": {}})),
    Case("makes a Job", creates(thing(Kind("batch/v1", "Job"), spec=JOB))),
    Case(
        "makes a CronJob",
        creates(thing(Kind("batch/v1", "CronJob"), spec={"schedule": "0 0 1 1 *", "jobTemplate": {"spec": JOB}})),
    ),
    Case("makes a claim", creates(thing(Kind("v1", "PersistentVolumeClaim"), spec=CLAIM_SPEC))),
    Case(
        "scales by itself",
        creates(
            thing(Kind("autoscaling/v2", "HorizontalPodAutoscaler"), spec={"maxReplicas": 2, "scaleTargetRef": TARGET})
        ),
    ),
    Case("makes a budget", creates(thing(Kind("policy/v1", "PodDisruptionBudget"), spec={"minAvailable": 1}))),
    Case("makes a Service", creates(service())),
    Case("makes a Service without address", creates(service(clusterIP="None"))),
    Case(
        "has a Service looked at", creates(marked(service(), annotations={"prometheus.io/scrape": "true", "note": "a"}))
    ),
    Case("gives its host another path", creates(own_ingress("/api/v1"))),
    Case("asks for TLS of its host", creates(lambda world: ingress(world.host, tls=[{"hosts": [world.host]}]))),
    Case("has pods talk to each other", creates(network(**AMONG))),
    Case("closes a pod altogether", creates(network(policyTypes=["Ingress", "Egress"]))),
    Case("makes an account with a token", creates(thing(ACCOUNT, automountServiceAccountToken=True))),
    Case("pulls images with a secret", patches(ACCOUNT, "default", {"imagePullSecrets": [{"name": "pull"}]})),
    Case(
        "says whose it is",
        creates(lambda world: marked(service(), labels={labels.TEAM: world.team, labels.PROJECT: "shop"})),
    ),
    Case(
        "changes what Catalyst deployed",
        patches(DEPLOYMENT, "web", {"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}),
    ),
    Case("scales what Catalyst deployed", patches(DEPLOYMENT, "web", {"spec": {"replicas": 2}}, "scale")),
    Case(
        "changes the path of the Ingress",
        patches(INGRESS, "web", {"metadata": {"labels": {"a": "b"}, "annotations": {"note": "a"}}}),
    ),
    Case("changes the Service", patches(SERVICE, "web", {"spec": {"sessionAffinity": "ClientIP"}})),
)
