"""The manifests: valid by Kubernetes' own schemas, confined, and every system belongs to exactly one shard."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from dashboards.rules import JOB
from exporter.config.schema import parse_shard

FOLDER = Path(__file__).parents[2] / "deploy/kubernetes"
OBJECTS: dict[str, Any] = {
    document["kind"]: document
    for document in yaml.safe_load_all((FOLDER / "exporter.yaml").read_text(encoding="utf-8"))
}
SET: dict[str, Any] = OBJECTS["StatefulSet"]["spec"]
POD: dict[str, Any] = SET["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]


@pytest.mark.parametrize("kind", OBJECTS)
def test_each_is_valid(kind: str) -> None:
    """Strictly: an unknown key is an error."""
    kubernetes_validate.validate(OBJECTS[kind], kubernetes_validate.latest_version(), strict=True)


def test_it_is_confined() -> None:
    """Not root, nothing to write but its ledger, no capability, no token of the cluster: the restricted standard."""
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_shards_are_all_there() -> None:
    """Kubernetes puts the pod's index into RTO_RPO_SHARD, and there are as many shards as pods."""
    environment = {entry["name"]: entry for entry in CONTAINER["env"]}
    assert int(environment["SHARDS"]["value"]) == SET["replicas"]
    written = environment["RTO_RPO_SHARD"]["value"].replace("$(SHARDS)", environment["SHARDS"]["value"])
    shards = [written.replace("$(SHARD)", str(index)) for index in range(SET["replicas"])]
    owners = [parse_shard(shard) for shard in shards]
    assert all(sum(owner.owns(f"system-{number}") for owner in owners) == 1 for number in range(100))
    names = list(environment)
    assert names.index("RTO_RPO_SHARD") > max(names.index("SHARD"), names.index("SHARDS"))  # or they are not expanded


def test_what_is_mounted_is_there() -> None:
    """Volumes, secrets and the ledger's claim have the names that the container uses."""
    volumes = {volume["name"] for volume in POD["volumes"]}
    claims = {claim["metadata"]["name"] for claim in SET["volumeClaimTemplates"]}
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == volumes | claims
    named = set(re.findall(r"/run/secrets/dr/([\w-]+)", OBJECTS["ConfigMap"]["data"]["dr.yml"]))
    assert named == OBJECTS["Secret"]["stringData"].keys()


def test_the_service_monitor_finds_the_service() -> None:
    """It selects the Service by a label that it has, and a port by a name that it has."""
    monitor = yaml.safe_load((FOLDER / "service-monitor.yaml").read_text(encoding="utf-8"))
    service = OBJECTS["Service"]
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert service["spec"]["selector"].items() <= SET["template"]["metadata"]["labels"].items()
    assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= {
        p["name"] for p in service["spec"]["ports"]
    }


def test_a_new_pod_is_the_same_exporter() -> None:
    """The rules know an exporter by its `job` and `instance`, so both stay when a pod is replaced: StatefulSets keep the names."""
    monitor = yaml.safe_load((FOLDER / "service-monitor.yaml").read_text(encoding="utf-8"))
    for endpoint in monitor["spec"]["endpoints"]:
        written = {one["targetLabel"]: one for one in endpoint["relabelings"]}
        assert written["instance"]["sourceLabels"] == ["__meta_kubernetes_pod_name"]
        assert written["job"]["replacement"] == JOB
    assert "Deployment" not in OBJECTS
