"""What a plan records of the environment: where it points, and no credential."""

import json
from pathlib import Path

from gitops.adapters.system import ambient

CONFIG = """
current-context: {context}
contexts:
  - {{name: blue, context: {{cluster: one, user: me}}}}
  - {{name: green, context: {{cluster: two, user: me}}}}
clusters:
  - {{name: one, cluster: {{server: "https://one.example"}}}}
  - {{name: two, cluster: {{server: "https://two.example"}}}}
users:
  - {{name: me, user: {{token: canary-token}}}}
"""


def kubeconfig(folder: Path, context: str) -> str:
    file = folder / f"{context}.yaml"
    file.write_text(CONFIG.format(context=context))
    return str(file)


def test_another_cluster_or_context_is_another_environment(tmp_path: Path) -> None:
    blue, green = ({"KUBECONFIG": kubeconfig(tmp_path, name)} for name in ("blue", "green"))
    assert ambient.read(blue) != ambient.read(green)
    assert ambient.read(blue)["Kubernetes context"] == "blue"
    both = {"KUBECONFIG": f"{blue['KUBECONFIG']}:{green['KUBECONFIG']}:/missing"}
    assert ambient.read(both) == ambient.read(blue)


def test_the_default_kubeconfig_counts_where_none_is_named(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(CONFIG.format(context="green"))
    assert ambient.read({"HOME": str(tmp_path)})["Kubernetes context"] == "green"


def test_region_profile_endpoint_and_account_count() -> None:
    plain = {"AWS_REGION": "eu-west-1", "AWS_PROFILE": "shop"}
    assert ambient.read(plain) == plain
    role = "arn:aws:iam::{}:role/deploy"
    for name, one, other in (
        ("AWS_ENDPOINT_URL", "http://localhost:1", "http://localhost:2"),
        ("AWS_ENDPOINT_URL_S3", "http://localhost:1", "http://localhost:2"),
        ("AWS_ROLE_ARN", role.format("111111111111"), role.format("222222222222")),
    ):
        assert ambient.read({name: one}) != ambient.read({name: other})
    preview, apply = ({"AWS_ROLE_ARN": f"arn:aws:iam::111111111111:role/{name}"} for name in ("preview", "apply"))
    assert ambient.read(preview) == ambient.read(apply)


def test_no_credential_is_recorded(tmp_path: Path) -> None:
    secrets = {
        "AWS_ACCESS_KEY_ID": "canary-id",
        "AWS_SECRET_ACCESS_KEY": "canary-key",
        "AWS_SESSION_TOKEN": "canary-session",
        "KUBECONFIG": kubeconfig(tmp_path, "blue"),
    }
    assert "canary" not in json.dumps(ambient.read(secrets))
    assert ambient.read({name: value for name, value in secrets.items() if name.startswith("AWS")}) == {}


def test_a_broken_kubeconfig_points_nowhere(tmp_path: Path) -> None:
    for text in ("{", "[]", "current-context: x", "contexts: [1, {name: x}]\ncurrent-context: x"):
        (tmp_path / "broken").write_text(text)
        assert ambient.read({"KUBECONFIG": str(tmp_path / "broken")}) == {}
