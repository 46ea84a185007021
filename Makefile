PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test check clean
demo: $(VENV)/.installed  ## real faults against the reference pipeline, and a scorecard
	$(BIN)/pipequake run scenarios/core --profile ad_hoc --profile mature --jobs 2 || test $$? -eq 1 # what failed is the finding

test: $(VENV)/.installed-test  ## the test suite
	$(BIN)/python -m pytest -n 2

check: $(VENV)/.installed-test  ## everything that CI checks
	PATH=$(abspath $(BIN)):$$PATH scripts/check

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed pyproject.toml
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) dist build
