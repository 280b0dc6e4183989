# make demo   the suite on http://127.0.0.1:7860          make test   ruff, mypy and all tests
# make lint   ruff and mypy alone                         make bench  the measured figures, again
# Each sets up what it needs first: environment, packages, weights, a browser, Node. Only Python 3.11 or newer must be there.

SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input --quiet install --progress-bar off
export GRADIO_ANALYTICS_ENABLED := False

.DEFAULT_GOAL := demo
.PHONY: demo test lint bench weights browser node

demo: weights
	$(PY) app.py

test: lint weights browser node
	$(PY) -m pytest -q

lint: $(VENV)/.packages-dev
	$(PY) -m ruff check --output-format concise .
	$(PY) -m ruff format --check --quiet .
	$(PY) -m mypy

bench: weights
	$(PY) -m mm_demos.evaluation $(DATA)

# Asked every time, because the cache may have been moved or emptied; it costs a second when all is there.
weights: $(VENV)/.packages
	@$(PY) -m mm_demos models pull
	@$(PY) -m mm_demos models prepare

# A test fails with the same words where the browser could not be installed.
browser:
	@tools/install-browser

node:
	@tools/install-node

$(VENV)/.packages: requirements.txt $(VENV)/bin/python
	$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.packages-dev: requirements-dev.txt $(VENV)/.packages
	$(PIP) -r requirements-dev.txt
	@touch $@

$(VENV)/bin/python:
	@tools/make-environment $(VENV)
