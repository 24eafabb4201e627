# Two commands: `make demo` and `make test`. Both need python >= 3.11, pip and make, and nothing else.

PYTHON ?= $(shell for p in python3 python python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
EXTRAS ?= dev,train
BIN := .venv/bin
DEMO := demo
VIDEO ?= $(DEMO)/videos/demo.mp4

.PHONY: demo test check install clean

demo: install
	@test -e "$(VIDEO)" || $(BIN)/python -m rmset_builder.demo --out "$(VIDEO)"
	$(BIN)/rmset extract "$(VIDEO)" --out $(DEMO)/shards
	$(BIN)/rmset stats $(DEMO)/shards --paper
	$(BIN)/rmset contact $(DEMO)/shards --out $(DEMO)/contact.png
	$(BIN)/python -m rmfer.datasets.synthetic --out $(DEMO)/benchmark
	@rm -rf $(DEMO)/run
	$(BIN)/rmfer train --rmset $(DEMO)/shards --benchmark $(DEMO)/benchmark --preset demo --out $(DEMO)/run
	@echo
	@echo "video          $(VIDEO)"
	@echo "shards         $(DEMO)/shards/*-*.parquet"
	@echo "statistics     $(BIN)/rmset stats $(DEMO)/shards   (from $(DEMO)/shards/videos.parquet)"
	@echo "contact sheet  $(DEMO)/contact.png"
	@echo "training       $(DEMO)/run   (benchmark: cartoon faces in $(DEMO)/benchmark, so its accuracy says nothing)"

test: install check
	$(BIN)/python -m pytest

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: .venv/.installed

# opencv-python, which insightface asks for, does not load on machines without libGL; its headless twin does.
.venv/.installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no python >= 3.11 found; give one: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$(EXTRAS)]"
	@$(BIN)/python -c "import cv2" 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps opencv-python-headless
	@touch $@

clean:
	rm -rf .venv $(DEMO) .mypy_cache .pytest_cache .ruff_cache
