"""One click starts a lesson elsewhere: Binder, Codespaces and Colab get what `make` installs."""

import ast
import json
import os
import re

import pytest
import yaml
from launch import (
    BRANCH,
    COLAB_BRANCH,
    colab_copy,
    find_repository,
    start_links,
    write_colab_copies,
)
from lesson import PROJECT, find_lessons

BINDER = PROJECT / ".binder"


def text(name):
    return (PROJECT / name).read_text(encoding="utf-8")


def pinned(name):
    lines = re.findall(r"^([\w.-]+)==(\S+) *(# \w.*)?$", text(name), flags=re.MULTILINE)
    return {package.lower(): (version, reason) for package, version, reason in lines}


def python_versions():
    return yaml.safe_load(text(".github/workflows/ci.yml"))["jobs"]["test"]["strategy"][
        "matrix"
    ]["python"]


def test_binder_installs_the_pinned_packages_and_the_course():
    lines = (BINDER / "requirements.txt").read_text().splitlines()
    found = [(option, (BINDER / path).resolve()) for option, path in map(str.split, lines)]
    assert found == [("-r", PROJECT / "requirements.txt"), ("-c", PROJECT / "constraints.txt")]
    assert (BINDER / "runtime.txt").read_text().strip().removeprefix(
        "python-"
    ) in python_versions()
    apt = (BINDER / "apt.txt").read_text().split()
    assert set(apt) <= set(yaml.safe_load(text("environment.yml"))["dependencies"][:-1])
    assert re.search(r"^pip install .*-e \.$", text(".binder/postBuild"), flags=re.MULTILINE)


def test_binder_starts_what_it_is_told_with_one_thread():
    for name in ("postBuild", "start"):
        assert os.access(BINDER / name, os.X_OK)
        assert text(f".binder/{name}").startswith("#!/bin/bash\n")
    assert text(".binder/start").endswith('exec "$@"\n')
    assert "TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1" in text(".binder/start")


def test_codespaces_set_up_the_course_as_readers_do():
    container = json.loads(text(".devcontainer/devcontainer.json"))
    assert container["image"].rpartition(":")[2] in python_versions()
    assert container["postCreateCommand"] == "make setup"
    settings = container["customizations"]["vscode"]["settings"]
    assert settings["python.defaultInterpreterPath"] == ".venv/bin/python"


def test_a_copy_for_colab_has_one_cell_more_which_pins_nothing():
    for path in sorted((PROJECT / "notebooks").glob("[0-9]*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        first, *others = colab_copy(notebook, "owner/name")["cells"]
        assert others == notebook["cells"]
        install = re.search(r"%pip install (.+)", first["source"])[1].split()
        packages = [word for word in install if word[0] != "-"]
        assert set(packages) <= set(pinned("requirements.txt"))  # by name alone
        assert "https://github.com/owner/name " in first["source"]
        ast.parse(re.sub(r"^[!%].*", "", first["source"], flags=re.MULTILINE))


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/owner/na.me.git",
        "git@github.com:owner/na.me",
        "ssh://git@github.com/owner/na.me/",
    ],
)
def test_the_repository_comes_from_one_place(monkeypatch, address):
    monkeypatch.setenv("COURSE_REPOSITORY", address)
    assert find_repository() == "owner/na.me"


@pytest.mark.parametrize("address", ["", "elsewhere/name", "https://example.org/owner/name"])
def test_without_a_repository_no_button_and_no_copy(monkeypatch, tmp_path, address):
    monkeypatch.setenv("COURSE_REPOSITORY", address)
    assert find_repository() is None
    assert start_links("01_basics", None) == ""
    write_colab_copies(tmp_path / "colab", None)
    assert not (tmp_path / "colab").exists()


def test_the_buttons_lead_to_files_that_are_there(tmp_path):
    write_colab_copies(tmp_path, "owner/name")
    for lesson in find_lessons():
        links = start_links(lesson.name, "owner/name")
        binder, colab, codespaces = re.findall(r"\((https://[^)]+)\)", links)
        assert (PROJECT / binder.partition("=lab/tree/")[2]).is_file()
        assert f"/owner/name/{BRANCH}?" in binder
        assert (tmp_path / colab.partition(f"/owner/name/blob/{COLAB_BRANCH}/")[2]).is_file()
        assert codespaces.endswith("/owner/name")


def test_the_workflow_publishes_from_the_branches_that_the_buttons_name():
    flow = yaml.safe_load(text(".github/workflows/site.yml"))
    assert flow[True]["push"] == {"branches": [BRANCH]}  # YAML reads `on` as a truth value
    push = flow["jobs"]["colab"]["steps"][-1]["run"].splitlines()[-1]
    assert push.endswith(f" {COLAB_BRANCH}")


def test_every_package_of_the_site_is_pinned_with_a_reason_and_locked():
    direct, locked = pinned("site/requirements.txt"), text("site/constraints.txt").lower()
    assert {"sphinx", "myst-nb", "sphinx-book-theme", "playwright"} <= set(direct)
    for package, (version, reason) in direct.items():
        assert reason
        assert re.search(
            rf"^{re.escape(package)}=={re.escape(version)}\s", locked, re.MULTILINE
        )
    assert "://" not in locked
