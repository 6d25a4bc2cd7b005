# One environment, .venv, made anew when what it is made from changes. Another Python: make PYTHON=/path/to/python3 setup
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHONS := $(or $(PYTHON),python3 python3.13 python3.12 python3.11)

.PHONY: setup discover test lint bench
.DELETE_ON_ERROR:

setup: $(STAMP)

# A Python that was asked for is not the one of an environment made before.
ifeq ($(origin PYTHON),command line)
.PHONY: $(STAMP)
endif

# The pins hold for building the package too: new pips read PIP_BUILD_CONSTRAINT, older ones hand PIP_CONSTRAINT on.
$(STAMP): pyproject.toml constraints.txt
	@found=; for python in $(PYTHONS); do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo 'mmdiscover needs Python 3.11 or newer; tried: $(PYTHONS). Name one: make PYTHON=/path/to/python3 setup' >&2; exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$found ($$("$$found" --version)), about two minutes"; \
	"$$found" -m venv --clear $(VENV)
	PIP_CONSTRAINT='$(CURDIR)/constraints.txt' PIP_BUILD_CONSTRAINT='$(CURDIR)/constraints.txt' \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@echo 'Compiling searches and walks, about 40 seconds'
	@$(BIN)/python -c 'from mmdiscover.search import compile_kernels; compile_kernels()'
	@$(BIN)/python -c 'from mmdiscover.discrete.walk import compile_usual_walks; compile_usual_walks()'
	@touch $@

discover: $(STAMP)
	$(BIN)/mmdiscover discover 3x3x3:23 --seed 2

test: $(STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(STAMP)
	$(BIN)/mmdiscover bench lm
