# Two commands do everything: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NAME ?=
ARGS ?=
# A Python with bpy 4.5.15, to render wells for `make model` and specimens for `make segmenter`.
BPY ?= $(BIN)/python

.PHONY: run test setup bench screenshots model segmenter clean

run: setup
	@$(BIN)/geoview run

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	packaging/with_display.sh $(BIN)/python -m pytest -m "not slow"

setup: $(READY)

$(READY): pyproject.toml packaging/constraints.txt packaging/system-packages.txt packaging/setup.sh
	packaging/setup.sh $(PYTHON) $(VENV)
	@touch $(READY)

bench: setup
	@test -f "tests/benchmarks/$(NAME).py" || { \
	  echo "usage: make bench NAME=… [ARGS=…], NAME one of: $$(ls tests/benchmarks/*.py | xargs -n1 basename | sed s/.py// | grep -v _ | tr '\n' ' ')"; exit 2; }
	@packaging/with_display.sh $(BIN)/python tests/benchmarks/$(NAME).py $(ARGS)

screenshots: setup
	packaging/with_display.sh $(BIN)/python -m geoview.app.screenshots resources/help/pictures

model: setup
	$(BIN)/python packaging/embedded/train.py --bpy-python $(BPY)

segmenter: setup
	$(BPY) packaging/specimens/render.py --out build/specimens/rendered
	$(BIN)/python packaging/specimens/train.py

clean:
	rm -rf $(VENV) build dist report .mypy_cache .ruff_cache
