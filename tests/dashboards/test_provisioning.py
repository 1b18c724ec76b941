"""What makes Grafana load the boards: the files in deploy/grafana."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "deploy" / "grafana"


def test_the_data_source_is_prometheus() -> None:
    """It is the default, so that the boards find it at once, and knows how often the exporter is scraped."""
    told = yaml.safe_load((GRAFANA / "datasources/prometheus.yml").read_text(encoding="utf-8"))
    (source,) = told["datasources"]
    assert (told["apiVersion"], source["type"], source["isDefault"]) == (1, "prometheus", True)
    assert source["jsonData"]["timeInterval"] == "5s"


def test_the_boards_are_loaded_from_a_folder() -> None:
    """Files of a folder that the README names, not to be edited in the browser."""
    told = yaml.safe_load((GRAFANA / "dashboards/rto-rpo.yml").read_text(encoding="utf-8"))
    (provider,) = told["providers"]
    assert (told["apiVersion"], provider["type"], provider["allowUiUpdates"]) == (1, "file", False)
    assert provider["options"]["path"] in (GRAFANA / "README.md").read_text(encoding="utf-8")
