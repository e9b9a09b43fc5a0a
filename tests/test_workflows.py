"""The workflows, the Makefile, README and `course` name the same commands and Python versions."""

import os
import re

import pytest
import yaml

from runner.cli import main
from utils.paths import PROJECT


def text(name):
    return (PROJECT / name).read_text(encoding="utf-8")


WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in (PROJECT / ".github/workflows").glob("*.yml")
}
JOBS = [job for workflow in WORKFLOWS.values() for job in workflow["jobs"].values()]
STEPS = [step for job in JOBS for step in job["steps"]]


def code(markdown):
    """What stands between backticks, without the shell's comments."""
    found = re.findall(r"^```.*?^```|`[^`]+`", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(^| )#.*$", "", "\n".join(found), flags=re.MULTILINE)


SCRIPTS = [re.sub(r"#.*", "", text(".ci/run")), *(step.get("run", "") for step in STEPS)]
PAGES = sorted((PROJECT / "site/pages").glob("*.md"))
DOCUMENTS = ["README.md", "data/README.md", *(path.relative_to(PROJECT) for path in PAGES)]
COMMANDS = "\n".join([*(code(text(name)) for name in DOCUMENTS), *SCRIPTS])


def test_every_make_command_that_is_named_exists_and_is_listed():
    makefile = text("Makefile")
    listed = set(re.findall(r"^([a-z-]+):.*##", makefile, flags=re.MULTILINE))
    assert set(re.search(r"\.PHONY: (.+)", makefile)[1].split()) == listed
    named = set(re.findall(r"\bmake +([a-z][a-z-]*)", COMMANDS))
    assert {"run", "test", "newest"} <= named <= listed


def test_course_knows_every_verb_and_option_that_is_named(capsys):
    lines = re.findall(r"\bcourse +([a-z][a-z-]*)(.*)", COMMANDS)
    lines += re.findall(r"/course ([a-z-]+)(.*)", text("Makefile"))
    assert {"run", "sweep", "compare"} <= {verb for verb, _ in lines}
    for verb, rest in lines:
        with pytest.raises(SystemExit) as ended:
            main([verb, "--help"])
        assert ended.value.code == 0, verb
        known = re.findall(r"--?[a-z][\w-]*", capsys.readouterr().out)
        assert set(re.findall(r"(?<!\S)--?[a-z][\w-]*", rest)) <= set(known), verb


def test_the_python_versions_agree():
    low, high = re.search(
        r'requires-python = ">=3\.(\d+),<3\.(\d+)"', text("pyproject.toml")
    ).groups()
    versions = [f"3.{minor}" for minor in range(int(low), int(high))]
    first, last = versions[0], versions[-1]
    makefile, readme = text("Makefile"), text("README.md")
    students = text("site/pages/students.md")
    assert WORKFLOWS["ci.yml"]["jobs"]["test"]["strategy"]["matrix"] == {"python": versions}
    assert f"({first}) <= v <= ({last})".replace(".", ", ") in makefile
    assert f"--python-version {first} " in makefile
    assert f"Python {first} to {last} is needed" in makefile
    assert f"`Python {first} to {last} is needed`" in students
    for page in (readme, students, text("site/pages/index.md")):
        assert f"Python {', '.join(versions[:-1])} or {last}" in page
    set_up = [step["with"].get("python-version") for step in STEPS if "with" in step]
    named = re.findall(r"python(3\.\d+)", makefile + readme + students) + list(
        filter(None, set_up)
    )
    assert set(named) - {"${{ matrix.python }}"} <= set(versions)


def test_every_action_is_named_with_one_major_version():
    used = {step["uses"] for step in STEPS if "uses" in step}
    assert [name for name in used if not re.fullmatch(r"actions/[a-z-]+@v\d+", name)] == []
    assert len({name.partition("@")[0] for name in used}) == len(used)


def test_a_change_lands_when_the_ci_script_passes():
    steps = WORKFLOWS["ci.yml"]["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step and "if" not in step] == [
        "bash .ci/run"
    ]
    assert {step["if"] for step in steps if "if" in step} == {"failure()"}
    assert os.access(PROJECT / ".ci/run", os.X_OK)


def test_no_job_that_runs_the_project_or_its_packages_may_write():
    assert [flow["permissions"] for flow in WORKFLOWS.values()] == [{"contents": "read"}] * len(
        WORKFLOWS
    )
    writing = [step for job in JOBS if "permissions" in job for step in job["steps"]]
    assert [step for step in writing if re.search("checkout|make|course", str(step))] == []
