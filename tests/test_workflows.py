"""What the workflows promise: pinned actions, least permissions, commands that there are."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BOOK, WEEKLY = (ROOT / ".github" / "workflows" / f"{name}.yml" for name in ("book", "weekly"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
PINNED = re.compile(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
OWN = re.compile(r"\$/(\.github/actions/[a-z-]+)")
PUBLISHER = ("book", "deploy")


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text())


def jobs(path: Path) -> dict[str, dict]:
    return read(path)["jobs"]


def steps() -> list[dict]:
    found = [step for path in WORKFLOWS for job in jobs(path).values() for step in job["steps"]]
    return found + [step for path in ACTIONS for step in read(path)["runs"]["steps"]]


def commands() -> str:
    return "\n".join(step.get("run", "") for step in steps())


def test_there_are_workflows_for_tests_book_and_week():
    assert {path.stem for path in WORKFLOWS} == {"test", "book", "weekly"}


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.parent.name)
def test_every_action_is_official_and_pinned_to_a_commit_or_is_our_own(path):
    uses = re.findall(r"uses: (.*)", path.read_text())
    assert uses
    for action in uses:
        if own := OWN.fullmatch(action):
            assert (ROOT / own[1] / "action.yml").is_file()
        else:
            assert PINNED.fullmatch(action), action


def test_an_action_is_the_same_commit_everywhere():
    text = "".join(path.read_text() for path in [*WORKFLOWS, *ACTIONS])
    pins = set(re.findall(r"(actions/\S+)@(.*)", text))
    assert len(pins) == len({action for action, _ in pins}), pins


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_permissions_are_to_read_but_for_the_job_that_deploys(path):
    assert read(path)["permissions"] == {"contents": "read"}
    for name, job in jobs(path).items():
        if (path.stem, name) == PUBLISHER:
            assert job["permissions"] == {"pages": "write", "id-token": "write"}
        else:
            assert "permissions" not in job


def test_only_main_is_deployed_and_no_deployment_is_cut_off():
    build, deploy = jobs(BOOK)["build"], jobs(BOOK)["deploy"]
    assert deploy["if"] == "github.ref == 'refs/heads/main'"
    assert deploy["needs"] == "build"
    assert deploy["environment"]["name"] == "github-pages"
    assert deploy["concurrency"] == {"group": "pages", "cancel-in-progress": False}
    (upload,) = [s for s in build["steps"] if "upload-pages-artifact" in s.get("uses", "")]
    assert upload["if"] == deploy["if"]


def test_a_pull_request_keeps_the_html():
    (keep,) = [
        step for step in jobs(BOOK)["build"]["steps"]
        if step.get("if") == "github.event_name == 'pull_request'"
    ]  # fmt: skip
    assert "upload-artifact" in keep["uses"]
    assert keep["with"]["path"] == "_build/html"
    assert keep["with"]["if-no-files-found"] == "error"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_workflow_has_a_limit_of_time_and_of_runs_at_once(path):
    workflow = read(path)
    assert "github.ref" in workflow["concurrency"]["group"]
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 180
        assert job["runs-on"] != "ubuntu-latest"  # which becomes another system on some day


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_pull_request_from_outside_gets_a_token_that_writes(path):
    triggers = read(path)[True]  # YAML 1.1 reads the key "on" so
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(triggers)
    checkouts = [
        step for job in jobs(path).values() for step in job["steps"]
        if "actions/checkout" in step.get("uses", "")
    ]  # fmt: skip
    assert checkouts
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_no_command_is_put_together_from_what_others_write():
    assert "${{" not in commands()
    assert "secrets." not in "".join(path.read_text() for path in [*WORKFLOWS, *ACTIONS])


def test_every_target_that_is_made_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    calls = re.findall(r"^make ([a-z -]+)", commands(), re.MULTILINE)
    made = {target for call in calls for target in call.split()}
    assert made <= targets
    assert {"venv", "test", "lint", "book", "lock", "audit"} <= made


@pytest.mark.parametrize("name", ["test", "weekly"])
def test_the_tests_run_on_every_python_that_the_package_allows(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    low, high = map(int, re.findall(r"3\.(\d+)", project["requires-python"]))
    allowed = [f"3.{minor}" for minor in range(low, high)]
    (matrix,) = [
        job["strategy"]["matrix"] for job in jobs(ROOT / f".github/workflows/{name}.yml").values()
        if "strategy" in job
    ]  # fmt: skip
    assert matrix["python-version"] == allowed == ["3.11", "3.12", "3.13"]


def test_caches_hold_downloads_only_and_follow_what_they_depend_on():
    by_action = {
        re.split("[@/]", step["uses"])[1]: step.get("with") for step in steps() if "uses" in step
    }
    # MNIST is checked by its sums whenever it is read: no key could be wrong.
    assert by_action["cache"] == {"path": "data/MNIST/raw", "key": "mnist-raw"}
    assert by_action["setup-python"]["cache"] == "pip"
    assert by_action["setup-python"]["cache-dependency-path"] == "requirements.lock"
    assert [step.get("uses", "").startswith("actions/cache") for step in steps()].count(True) == 1


def test_the_week_resolves_anew_before_it_tests_and_builds():
    lines = [step.get("run", "") for step in jobs(WEEKLY)["newest"]["steps"]]
    places = [
        next(place for place, line in enumerate(lines) if line.startswith(f"make {target}"))
        for target in ("lock", "lint test", "book", "test-site")
    ]
    assert places == sorted(places)
    assert lines[places[0]] == "make lock TORCH_PAIR= && rm -rf .venv"
    assert "--builder linkcheck" in commands()
    assert "schedule" in read(WEEKLY)[True]
