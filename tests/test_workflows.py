"""What the workflows promise: what must succeed before a deployment, pins, permissions, limits."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
WORKFLOWS = {path.stem: path for path in sorted(GITHUB.glob("workflows/*.yml"))}
FILES = [*WORKFLOWS.values(), *sorted(GITHUB.glob("actions/*/action.yml"))]
OWN = "$/"  # a path that starts so is one of the repository, at the commit that runs
PUSHED = {"push", "pull_request"}
FORGIVING = re.compile(r"always|failure|cancelled|!")  # conditions that outlive a failed job


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text())


def triggers(name: str) -> set[str]:
    return set(read(WORKFLOWS[name])[True])  # YAML 1.1 reads the key "on" so


def jobs(name: str) -> dict[str, dict]:
    return read(WORKFLOWS[name])["jobs"]


def called(job: dict) -> str | None:
    """The workflow of ours that a job consists in, if it does."""
    return Path(job["uses"].removeprefix(OWN)).stem if "uses" in job else None


def inside(job: dict) -> list[dict]:
    """The jobs with steps that a job comes to: itself, or those of the workflow that it calls."""
    if name := called(job):
        return [each for other in jobs(name).values() for each in inside(other)]
    return [job]


def working_jobs() -> list[dict]:
    return [job for name in WORKFLOWS for job in jobs(name).values() if "steps" in job]


def uses(value: object) -> Iterator[str]:
    """Everything that a file uses, actions and workflows alike, wherever it stands."""
    if isinstance(value, dict):
        yield from [value["uses"]] if isinstance(value.get("uses"), str) else []
        yield from (found for part in value.values() for found in uses(part))
    elif isinstance(value, list):
        yield from (found for part in value for found in uses(part))


def steps() -> list[dict]:
    own = [
        step for path in FILES if path.name == "action.yml" for step in read(path)["runs"]["steps"]
    ]
    return [step for job in working_jobs() for step in job["steps"]] + own


def makes(job: dict) -> list[str]:
    """The targets that a job makes, in order."""
    lines = [step.get("run", "") for each in inside(job) for step in each["steps"]]
    calls = re.findall(r"\bmake ([a-z -]+)", "\n".join(lines))
    return [target for call in calls for target in call.split()]


def before(name: str, workflow: str) -> list[dict]:
    """The jobs that must have succeeded for a job to start, directly or not."""
    needs = jobs(workflow)[name].get("needs", [])
    needs = [needs] if isinstance(needs, str) else needs
    return [jobs(workflow)[one] for one in needs] + [
        job for one in needs for job in before(one, workflow)
    ]


def deploys(job: dict) -> bool:
    return any("actions/deploy-pages@" in each for each in uses(job))


def deployments() -> list[tuple[str, str]]:
    """The workflow and the name of each job that deploys."""
    return [(w, name) for w in WORKFLOWS for name, job in jobs(w).items() if deploys(job)]


# -------------------------------------------------------------------------------- the deployment


def test_there_is_one_deployment():
    assert len(deployments()) == 1


def test_nothing_is_deployed_before_tests_style_and_the_strict_build_have_succeeded():
    ((workflow, name),) = deployments()
    required = before(name, workflow)
    made = {target for job in required for target in makes(job)}
    assert {"test", "lint", "licenses", "book", "test-site"} <= made
    assert not FORGIVING.search(jobs(workflow)[name]["if"])


def test_a_failure_of_what_is_required_is_not_passed_over():
    ((workflow, name),) = deployments()
    for job in before(name, workflow):
        for part in [job, *inside(job)]:
            assert not {"if", "continue-on-error"} & set(part)
        for step in [step for each in inside(job) for step in each["steps"] if "run" in step]:
            assert not {"if", "continue-on-error"} & set(step)
            assert "|| true" not in step["run"]


def test_only_main_is_deployed_and_no_deployment_is_cut_off():
    ((workflow, name),) = deployments()
    job = jobs(workflow)[name]
    assert job["if"] == "github.ref == 'refs/heads/main'"
    assert job["concurrency"]["cancel-in-progress"] is False


def test_what_is_deployed_is_what_was_built_and_read_in_a_browser():
    ((workflow, name),) = deployments()
    uploads = [
        job for job in before(name, workflow)
        if any("actions/upload-pages-artifact@" in each for each in uses(job))
    ]  # fmt: skip
    (job,) = uploads
    lines = [step.get("uses") or step.get("run", "") for step in job["steps"]]
    place = [
        next(i for i, line in enumerate(lines) if line.startswith(start))
        for start in ("make book", "make test-site", "actions/upload-pages-artifact@")
    ]
    assert place == sorted(place)


@pytest.mark.parametrize("target", ["test", "lint", "book"])
def test_a_push_has_each_thing_done_by_one_workflow_only(target):
    done = [
        name for name in WORKFLOWS
        if triggers(name) & PUSHED and any(target in makes(job) for job in jobs(name).values())
    ]  # fmt: skip
    assert len(done) == 1
    assert triggers(done[0]) >= PUSHED


def test_a_pull_request_keeps_the_html():
    ((workflow, _),) = deployments()
    (keep,) = [
        step for job in jobs(workflow).values() for step in job.get("steps", [])
        if step.get("if") == "github.event_name == 'pull_request'"
    ]  # fmt: skip
    assert "actions/upload-artifact@" in keep["uses"]
    assert keep["with"]["path"] == "_build/html"
    assert keep["with"]["if-no-files-found"] == "error"


def test_the_reports_of_a_build_that_failed_are_looked_for_where_it_was_built():
    aside, built = re.findall(r"^(?:ASIDE|BUILT) := (.+)$", (ROOT / "Makefile").read_text(), re.M)
    (keep,) = [step for step in steps() if step.get("with", {}).get("name") == "reports"]
    assert keep["with"]["path"] == built.replace("$(ASIDE)", aside) + "/reports"


# ------------------------------------------------------------------------------------------ safety


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_action_is_official_and_pinned_to_a_commit_or_is_our_own(path):
    for used in uses(read(path)):
        if used.startswith(OWN):
            place = ROOT / used.removeprefix(OWN)
            assert place in WORKFLOWS.values() or (place / "action.yml").is_file()
        else:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", used)


def test_an_action_is_the_same_commit_everywhere():
    pins = {tuple(used.split("@")) for path in FILES for used in uses(read(path)) if "@" in used}
    assert pins
    assert len(pins) == len({action for action, _ in pins})


@pytest.mark.parametrize("name", WORKFLOWS)
def test_permissions_are_to_read_but_for_the_job_that_deploys(name):
    assert read(WORKFLOWS[name])["permissions"] == {"contents": "read"}
    for job in jobs(name).values():
        if deploys(job):
            assert job["permissions"] == {"pages": "write", "id-token": "write"}
        else:
            assert "permissions" not in job
            assert "secrets" not in job


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_pull_request_from_outside_gets_a_token_that_writes(name):
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & triggers(name)


def test_no_job_leaves_its_token_in_the_checkout():
    checkouts = [step for step in steps() if "actions/checkout@" in step.get("uses", "")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_command_is_put_together_from_what_others_write():
    assert all("${{" not in step.get("run", "") for step in steps())
    assert "secrets." not in "".join(path.read_text() for path in FILES)


# ------------------------------------------------------------------------------------------ limits


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_job_has_a_limit_of_time_and_a_system_that_stays(name):
    for job in jobs(name).values():
        if not called(job):
            assert job["timeout-minutes"] <= 180
            assert job["runs-on"] != "ubuntu-latest"  # which becomes another system on some day


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_that_starts_by_itself_runs_once_at_a_time_for_each_branch(name):
    if triggers(name) != {"workflow_call"}:
        assert "github.ref" in read(WORKFLOWS[name])["concurrency"]["group"]


def test_caches_hold_downloads_only_and_follow_what_they_depend_on():
    cached = [step["with"] for step in steps() if "actions/cache" in step.get("uses", "")]
    # MNIST is checked by its sums whenever it is read: no key could be wrong.
    assert [options["path"] for options in cached] == ["data/MNIST/raw"]
    (python,) = [
        step["with"] for step in steps() if "actions/setup-python@" in step.get("uses", "")
    ]
    assert (python["cache"], python["cache-dependency-path"]) == ("pip", "*.lock")


# ---------------------------------------------------------------------------------- what they make


def test_every_target_that_is_made_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    made = {target for job in working_jobs() for target in makes(job)}
    made |= set(re.findall(r"\bmake ([a-z-]+)", "\n".join(s.get("run", "") for s in steps())))
    assert made <= targets
    assert {"venv", "test", "lint", "book", "lock", "audit"} <= made


def test_the_tests_run_on_every_python_that_the_package_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    low, high = map(int, re.findall(r"3\.(\d+)", project["requires-python"]))
    allowed = [f"3.{minor}" for minor in range(low, high)]
    testing = [job for job in working_jobs() if "test" in makes(job)]
    assert testing
    for job in testing:
        assert job["strategy"]["matrix"]["python-version"] == allowed
        (prepare,) = [s for s in job["steps"] if s.get("uses") == "$/.github/actions/prepare"]
        assert prepare["with"]["python-version"] == "${{ matrix.python-version }}"


def test_the_week_resolves_anew_in_an_empty_environment_before_it_tests_and_builds():
    (week,) = [job for name in WORKFLOWS if "schedule" in triggers(name)
               for job in jobs(name).values() if "lock" in makes(job)]  # fmt: skip
    made = makes(week)
    assert made[made.index("lock") :] == [
        "lock",
        "lint",
        "test",
        "test-faults",
        "book",
        "test-site",
        "chaos",
    ]
    (resolve,) = [step["run"] for step in week["steps"] if "make lock" in step.get("run", "")]
    assert resolve.endswith("&& rm -rf .venv")


def test_the_week_makes_the_book_as_one_file_and_keeps_it():
    (week,) = [job for name in WORKFLOWS if "schedule" in triggers(name)
               for job in jobs(name).values() if "epub" in makes(job)]  # fmt: skip
    (file,) = re.findall(r"^EPUB := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    keep = week["steps"][-1]
    assert "actions/upload-artifact@" in keep["uses"]
    assert keep["with"]["path"] == file
    assert keep["with"]["if-no-files-found"] == "error"


def test_the_week_looks_at_links_and_at_known_weaknesses():
    week = [
        job for name in WORKFLOWS if "schedule" in triggers(name) for job in jobs(name).values()
    ]
    assert "audit" in {target for job in week for target in makes(job)}
    lines = "".join(step.get("run", "") for job in week for step in job["steps"])
    assert "--builder linkcheck" in lines
