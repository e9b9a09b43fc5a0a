# Keras by Experiment. `make` alone lists what it can do.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(or $(wildcard $(BIN)/python),python3)
INSTALLED := $(VENV)/.installed
NEWEST := .venv-newest
SITE := .venv-site
SIDE_BY_SIDE := -n 2 --dist loadscope  # two processes; conftest.py says what stays whole

.PHONY: help setup run sweep list test lint lab data check-env bench mutate newest refresh site test-site lock clean

help:  ## list these commands
	@awk -F ':.*##' '/^[a-z-]+:.*##/ { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "  Options: PYTHON=python3.12, LESSON=01, PROFILE=quick|full, COURSE_DATA=folder (see README.md)"

setup: $(INSTALLED)  ## install everything into .venv (the other commands do it when needed)

$(INSTALLED): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
	  (3, 11) <= v <= (3, 13) or sys.exit("Python 3.11 to 3.13 is needed, this is %d.%d. Try: make setup PYTHON=python3.12" % v)'
	@echo "Installing the packages of the course into $(VENV). The first time this takes a few minutes."
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt -e .
	@$(BIN)/jupyter labextension disable --level=sys_prefix "@jupyterlab/apputils-extension:announcements" 2>/dev/null \
	  || echo "JupyterLab will ask once whether you want news of it."
	@touch $@

run: $(INSTALLED)  ## run the lessons, write runs/<time>/ (LESSON=01 for one, PROFILE=quick for short)
	@$(BIN)/course run $(LESSON) $(if $(PROFILE),--profile $(PROFILE))

sweep: $(INSTALLED)  ## run a lesson with many values: LESSON=04 GRID="depth=5,20 activation=relu,selu" (PROFILE, REPEAT=3)
	@$(BIN)/course sweep $(LESSON) $(addprefix -g ,$(GRID)) $(if $(PROFILE),--profile $(PROFILE)) \
	  $(if $(REPEAT),--repeat $(REPEAT))

list: $(INSTALLED)  ## list the lessons and what may be changed in each
	@$(BIN)/course list

test: lint  ## check everything: lint, unit tests, and every notebook against its stored outputs
	$(BIN)/pytest --nbval $(SIDE_BY_SIDE) --durations=10

lint: $(INSTALLED)  ## check style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

lab: $(INSTALLED)  ## open JupyterLab on your own copy of the lessons, my_lessons/
	@$(BIN)/course lab

data: $(INSTALLED)  ## fetch the real data sets into data/
	@$(BIN)/course data

check-env: $(INSTALLED)  ## say of each package, the device and the data whether they are as they should be
	@$(BIN)/course check-env

bench: $(INSTALLED)  ## measure how much faster fit_in_memory trains than fit, and a sweep than papermill
	@$(BIN)/python tests/bench/training.py
	@$(BIN)/python tests/bench/sweep.py

mutate: $(INSTALLED)  ## break the lessons' code in places, count what their claims notice (LESSON=04 for one, MUTANTS=30)
	@$(BIN)/python tests/bench/mutate.py $(LESSON) --mutants $(or $(MUTANTS),30)

newest: $(INSTALLED)  ## do the lessons hold on the newest versions of all packages? Tell what differs (LESSON=01 for one)
	@echo "Installing the newest versions of all packages into $(NEWEST)."
	@rm -rf $(NEWEST) runs/pinned runs/newest
	@$(PYTHON) -m venv $(NEWEST)
	@sed 's/==[^ ]*//' requirements.txt > $(NEWEST)/requirements.txt
	@$(NEWEST)/bin/pip install --quiet --disable-pip-version-check -r $(NEWEST)/requirements.txt -e .
	-@$(BIN)/course run $(LESSON) --profile quick --output runs/pinned
	@failed=0; \
	$(NEWEST)/bin/pytest --nbval $(SIDE_BY_SIDE) $(wildcard notebooks/$(LESSON)*.ipynb) || failed=1; \
	$(NEWEST)/bin/course run $(LESSON) --profile quick --output runs/newest || failed=1; \
	echo; echo "Packages, pinned and newest:"; \
	diff --expand-tabs --side-by-side --suppress-common-lines --width=80 \
	  <($(BIN)/pip freeze --exclude-editable) <($(NEWEST)/bin/pip freeze --exclude-editable) && echo "no difference" || true; \
	echo; echo "The lessons, pinned and newest:" runs/pinned/* runs/newest/*; \
	$(BIN)/course compare runs/pinned/* runs/newest/* || failed=1; \
	exit $$failed

refresh: $(INSTALLED)  ## run the lessons on the real data (COURSE_DATA=folder) and store their outputs
	COURSE_DATA_SOURCE=real $(BIN)/jupyter nbconvert --to notebook --execute --inplace \
	  --ExecutePreprocessor.record_timing=False $(wildcard notebooks/$(LESSON)*.ipynb)

$(SITE)/.installed: site/requirements.txt site/constraints.txt
	@test -x $(SITE)/bin/pip || $(PYTHON) -m venv $(SITE)
	@$(SITE)/bin/pip install --quiet --disable-pip-version-check -r site/requirements.txt -c site/constraints.txt
	@touch $@

site: $(SITE)/.installed  ## make the course's web pages from the stored outputs, site/_build/html
	@$(SITE)/bin/python site/build.py

test-site: site  ## make the pages and look at each in a browser (Chromium or Chrome)
	@$(SITE)/bin/pytest -o addopts= tests/site

lock:  ## pin in constraints.txt, and for the site, what the packages of requirements.txt pull in
	@test -x $(BIN)/uv || $(MAKE) setup  # not a prerequisite: new pins can't be installed under the old lock
	for folder in . site; do \
	  $(BIN)/uv pip compile --directory $$folder --quiet --universal --python-version 3.11 --upgrade \
	    --custom-compile-command "make lock" requirements.txt --output-file constraints.txt; \
	done

clean:  ## remove the caches, and the stand-ins in data/ (not your copies, runs or downloads)
	rm -rf $(NEWEST) $(SITE) site/_build .pytest_cache .ruff_cache data/*.stand-in-*.npz data/.*.part
	find notebooks runner utils tests -name __pycache__ -prune -exec rm -rf {} +
