"""The house itself: the ways to install agree, and a failure anywhere makes the commands and CI fail."""

import ast
import graphlib
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
import yaml

from runner.environment import pinned_versions
from utils.paths import NOTEBOOKS, PROJECT
from utils.results import collect

BUILT_ON = {
    *("tensorflow", "jupyterlab", "numpy", "pandas", "matplotlib"),
    *("scikit-learn", "nbval", "papermill", "ipython-autotime"),
}


def text(name):
    return (PROJECT / name).read_text(encoding="utf-8")


def test_every_direct_dependency_is_pinned_with_a_reason():
    lines = [line for line in text("requirements.txt").splitlines() if line and line[0] != "#"]
    assert [line for line in lines if not re.match(r"[\w.-]+==[\d.]+ +# \w+", line)] == []
    assert set(pinned_versions()) >= BUILT_ON


def test_the_lock_holds_the_same_versions():
    locked = dict(
        re.findall(r"^([\w.-]+)==([\w.]+)", text("constraints.txt"), flags=re.MULTILINE)
    )
    direct = {package.lower(): version for package, version in pinned_versions().items()}
    assert {package: locked.get(package) for package in direct} == direct
    assert len(locked) > 2 * len(direct)
    assert "://" not in text("constraints.txt")


def test_conda_and_make_install_the_same():
    *packages, pip = yaml.safe_load(text("environment.yml"))["dependencies"]
    install = re.search(r"pip install .*?((?:-[rce] \S+ ?)+)", text("Makefile"))[1]
    assert " ".join(pip["pip"]) == install.strip()
    python = re.search(r'requires-python = "(.+)"', text("pyproject.toml"))[1]
    assert set(packages) == {f"python {python}", "pip", "graphviz", "make"}


def test_the_folders_that_runs_and_students_write_to_are_ignored_by_git():
    ignored = text(".gitignore").splitlines()
    assert {"/runs/", "/my_lessons/", "/data/*.npz", ".venv/"} <= set(ignored)


def test_readme_lists_every_lesson():
    for path in NOTEBOOKS.glob("*.ipynb"):
        assert f"notebooks/{path.name}" in text("README.md")


def test_every_link_of_readme_leads_to_a_file():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text("README.md"))
    assert [link for link in links if not (PROJECT / link).is_file()] == []


def test_every_claim_that_readme_shows_is_one_that_a_lesson_keeps():
    shown = re.findall(r"^✓ (.+)$", text("README.md"), flags=re.MULTILINE)
    lessons = [nbformat.read(path, as_version=4) for path in NOTEBOOKS.glob("*.ipynb")]
    kept = {
        claim["text"] for lesson in lessons for claim in collect(lesson)[0] if claim["holds"]
    }
    assert shown
    assert set(shown) - kept == set()


PACKAGES = {"runner", "utils"}


def imports(source):
    """The course's modules that Python code imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(source)))
    names = [
        alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
    ]
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return {name for name in names if name.split(".")[0] in PACKAGES}


def modules():
    """The paths of the two packages' modules, by the name that is imported."""
    paths = [path for package in PACKAGES for path in (PROJECT / package).rglob("*.py")]
    names = [".".join(path.relative_to(PROJECT).with_suffix("").parts) for path in paths]
    return dict(zip([name.removesuffix(".__init__") for name in names], paths, strict=True))


def test_lessons_import_utils_and_utils_imports_no_runner():
    for path in NOTEBOOKS.glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        code = [cell.source for cell in cells if cell.cell_type == "code"]
        python = re.sub(r"^ *[%!].*$", "", "\n".join(code), flags=re.MULTILINE)
        assert {name.split(".")[0] for name in imports(python)} == {"utils"}, path.name
    for name, path in modules().items():
        if name.startswith("utils"):
            assert not {one for one in imports(path.read_text()) if one.startswith("runner")}, (
                name
            )


def test_imports_go_round_in_no_circle():
    paths = modules()
    order = graphlib.TopologicalSorter(
        {name: imports(path.read_text()) & set(paths) - {name} for name, path in paths.items()}
    )
    assert len(list(order.static_order())) == len(paths)


def test_no_module_is_long():
    lengths = {name: len(path.read_text().splitlines()) for name, path in modules().items()}
    assert {name: length for name, length in lengths.items() if length > 250} == {}


# these two are not imported by a command: they are TensorFlow's and papermill's side
WITH_TENSORFLOW = {"utils.training", "runner.hparams"}


def test_no_import_has_a_side_effect_or_brings_tensorflow():
    names = sorted(set(modules()) - WITH_TENSORFLOW - {"runner.__main__"})
    code = """if True:
        import os, signal, sys, threading
        from importlib import import_module
        def state():
            signals = [signal.getsignal(number) for number in signal.valid_signals()]
            return dict(os.environ), signals, os.getcwd(), threading.active_count()
        for name in sys.argv[1:]:
            before = state()
            import_module(name)
            assert state() == before, name
            assert "tensorflow" not in sys.modules, name"""
    command = [sys.executable, "-c", code, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def program(path, exit_code, line=":"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{line}\nexit {exit_code}\n")
    path.chmod(0o755)


@pytest.fixture
def house(tmp_path):
    """A project in which every tool is a stub that succeeds, so that one of them can be made to fail."""
    house = tmp_path / "project"
    (house / ".ci").mkdir(parents=True)
    for name in (
        "Makefile",
        ".ci/run",
        "requirements.txt",
        "constraints.txt",
        "pyproject.toml",
    ):
        shutil.copy(PROJECT / name, house / name)
    for tool in ("course", "python", "pytest", "ruff"):
        program(house / ".venv/bin" / tool, 0)
    (house / ".venv/.installed").touch()
    return house


def exit_code(command, house, **environment):
    variables = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    result = subprocess.run(command, cwd=house, env=variables | environment, check=False)
    return result.returncode


@pytest.mark.parametrize("tool", ["ruff", "pytest", None])
@pytest.mark.parametrize(
    "command",
    [["make", "test"], ["bash", ".ci/run"], ["bash", "-c", "cd / && bash $OLDPWD/.ci/run"]],
)
def test_one_failing_tool_fails_the_whole(house, tool, command):
    if tool:
        program(house / ".venv/bin" / tool, 3)
    assert (exit_code(command, house) != 0) is (tool is not None)


def test_ci_fails_when_only_the_run_on_the_real_data_fails(house):
    (house.parent / "shared/data").mkdir(parents=True)
    program(
        house / ".venv/bin/pytest", 0, 'if [ "$COURSE_DATA_SOURCE" = real ]; then exit 3; fi'
    )
    assert exit_code(["bash", ".ci/run"], house) == 3


def test_make_run_passes_a_failed_lesson_on(house):
    program(house / ".venv/bin/course", 1)
    assert exit_code(["make", "run"], house) != 0


def test_make_sweep_is_the_short_form(house):
    program(house / ".venv/bin/course", 0, 'echo "$@" > arguments')
    grid = "GRID=depth=5,20 activation=relu,selu"
    assert (
        exit_code(["make", "sweep", "LESSON=04", grid, "REPEAT=3", "PROFILE=quick"], house) == 0
    )
    assert (house / "arguments").read_text().split() == [
        *("sweep", "04", "-g", "depth=5,20", "-g", "activation=relu,selu"),
        *("--profile", "quick", "--repeat", "3"),
    ]


@pytest.mark.parametrize("tool", ["course", "pytest", None])
def test_make_newest_tells_what_differs_and_then_fails_if_a_lesson_did(house, tool):
    for name in ("pip", "course", "pytest"):
        program(house / "newest" / name, 3 if name == tool else 0)
    program(house / ".venv/bin/python", 0, 'mkdir "$3"; cp -r newest "$3/bin"')
    program(house / ".venv/bin/pip", 0)
    program(house / ".venv/bin/course", 0, 'echo "$1" >> verbs')
    assert (exit_code(["make", "newest", "LESSON=01"], house) != 0) is (tool is not None)
    assert (house / "verbs").read_text().split() == ["run", "compare"]
    names = (house / ".venv-newest/requirements.txt").read_text()
    assert "\ntensorflow " in names
    assert "==" not in names


def test_an_unfit_python_is_refused_with_one_clear_line(house):
    (house / ".venv/.installed").unlink()
    stub = house / "old-python"
    program(
        stub,
        0,
        f'exec {shutil.which("python3")} -c "import sys; sys.version_info = (3, 9); exec(sys.argv[1])" "$2"',
    )
    command = ["make", "setup", f"PYTHON={stub}"]
    result = subprocess.run(command, cwd=house, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert result.stderr.startswith(
        "Python 3.11 to 3.13 is needed, this is 3.9. Try: make setup PYTHON=python3.12\n"
    )
