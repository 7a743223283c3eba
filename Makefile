# Two commands do all the set-up, each in the checkout's own .venv: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint docs clean

demo: $(VENV)/installed
	$(BIN)/ganprint demo

test: $(VENV)/installed
	$(BIN)/pip install --quiet '.[test]'
	$(BIN)/pytest -n 2

lint: $(VENV)/installed
	$(BIN)/pip install --quiet -e '.[dev]'
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/installed
	$(BIN)/typer ganprint.cli utils docs --name ganprint --title Commands --output docs/commands.md

clean:
	rm -rf $(VENV)

# Installed anew when anything that goes into the package has changed.
$(VENV)/installed: pyproject.toml $(shell find ganprint plugins weights -type f -not -name '*.pyc')
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet .
	touch $@
