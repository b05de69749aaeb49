# Everything a person does with this repository. `make` alone lists the targets.
# Needed: make, Python 3.10 to 3.13 with its venv module, and the network once, for `make venv`.

PYTHON ?= python3
# Processes that run tests and lessons side by side.
WORKERS ?= 2
# The lessons that `make notebooks` runs again.
LESSONS ?= $(wildcard nbs/*.ipynb)
# `make stick`: the folder to fill, such as where a USB stick is mounted.
STICK ?=
# `make bench`: a folder with train/ and validation/ of the clothing photos.
CLOTHING ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# uv is four times as fast as pip, and does not know pip's settings: where it finds no packages, pip installs them.
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python $(1) || $(PIP) install $(1)
# Files are begun in the order in which they are named, each by one process.
PYTEST := $(BIN)/python -m pytest --quiet --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
# The longest first, which would be waited for at the end.
LONG := tests/test_lab_in_browser.py tests/test_exercises.py
TESTS := $(LONG) $(filter-out $(LONG),$(sort $(wildcard tests/test_*.py)))
COVERAGE := --cov=imgclass_course --cov-report=
CLASSIFIER := build/clipart_classifier
# One picture of each of three classes, for `imgclass label`.
PICTURES = $(foreach class,birds fruit vehicles,$(firstword $(sort $(wildcard data/clipart/$(class)/*.jpg))))

.DEFAULT_GOAL := help
# The small matrices of the tests are slower on several threads, which wait for each other, than on one.
export OPENBLAS_NUM_THREADS := 1
# The checks run one after the other, in the order in which they are written.
.NOTPARALLEL:

.PHONY: help venv run lab test check notebooks clean-notebooks export readme badges lint site bench constraints clean
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP)  ## Set up .venv with the exact versions of constraints.txt

$(STAMP): settings.ini constraints.txt setup.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "$(PYTHON) is missing or not Python 3.10 to 3.13. Name another one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Setting up $(VENV); this downloads about 1 GB and takes a minute or two"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --constraint constraints.txt uv
	@$(call INSTALL,--constraint constraints.txt --editable ".[dev]")
	@# By pip, which can be told where a build without CUDA lies (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL); with it, 3 GB more.
	@$(PIP) install --constraint constraints.txt torch onnxscript
	@# imaug installs two builds of OpenCV over each other. The headless one, installed last, needs no libGL.
	@$(call INSTALL,--constraint constraints.txt --force-reinstall --no-deps opencv-python-headless)
	@touch $@

run: $(STAMP)  ## Train a classifier on data/clipart, then name three pictures with it
	@$(BIN)/imgclass retrain --image_dir data/clipart --testing_percentage 20 --head logistic --output_graph $(CLASSIFIER)
	@$(BIN)/imgclass label --graph $(CLASSIFIER) --top 2 $(PICTURES)

lab: $(STAMP)  ## Open the lessons in JupyterLab
	@cd nbs && JUPYTER_CONFIG_PATH=$(CURDIR)/imgclass_course/assets ../$(BIN)/jupyter lab

# Some tests drive Chromium. Where it is missing and this user may install it, it is; elsewhere these tests are skipped.
.PHONY: browser
browser:
	@{ command -v chromium && command -v chromedriver; } > /dev/null || \
	if [ "$$(id -u)" -eq 0 ] && command -v apt-get > /dev/null; then \
	  echo "Installing Chromium for the tests that drive a browser"; \
	  apt-get update -qq && apt-get install -y -qq chromium chromium-driver > /dev/null; \
	else \
	  echo "Tests that drive a browser are skipped. On Debian: sudo apt-get install chromium chromium-driver"; \
	fi

test: $(STAMP) browser  ## Run the tests, then every lesson, and compare its outputs with the stored ones
	@$(PYTEST) $(TESTS)
	@$(PYTEST) --nbval nbs

check: check-tree check-normalised check-export check-readme lint check-tests check-lessons check-other-python check-wheel check-service  ## Everything that CI checks, in its order
	@$(MAKE) --no-print-directory check-tree
	@echo "All checks passed"

.PHONY: check-tree check-normalised check-export check-readme check-tests check-lessons check-other-python check-wheel check-service
# On a developer's machine uncommitted changes are normal; in CI they mean that a check or a build left something.
check-tree:
	@if [ -n "$${CI:-}" ] && [ -n "$$(git status --porcelain)" ]; then \
	  echo "The tree is not clean:"; git status --short; exit 1; fi

check-normalised: $(STAMP)
	@echo "== Notebooks are normalised"
	@$(BIN)/python scripts/normalise_notebooks.py --check

check-export: $(STAMP)
	@echo "== The library is what the notebooks export"
	@$(BIN)/python scripts/check_export.py

check-readme: $(STAMP)
	@echo "== README.md is what nbs/index.ipynb says, and badges lead to the repository"
	@$(BIN)/python scripts/build_readme.py --check
	@$(BIN)/python scripts/build_badges.py --check

lint: $(STAMP)  ## Check the style of all code, what the library's modules import, and its types
	@echo "== Lint"
	@$(BIN)/ruff check
	@$(BIN)/lint-imports --no-logo --no-cache
	@$(BIN)/mypy

check-tests: $(STAMP) browser
	@echo "== Tests"
	@$(PYTEST) $(COVERAGE) $(TESTS)
	@$(BIN)/coverage report --fail-under=95

# In random order: a lesson must not need what another one, or its own last run, left behind. A second time in a copy, with
# the solutions of its exercises: it must not need the place where it lies, either. So that CI does not take too long, a
# second time only so many, chosen at random; AGAIN=99 takes all. `check-tree` sees what a lesson leaves in nbs/.
AGAIN ?= 12
ORDER = $$(ls nbs/*.ipynb | xargs -n 1 basename | sort -R)
check-lessons: $(STAMP)
	@rm -rf build/nbs && mkdir -p build && $(BIN)/python scripts/unfold_solutions.py build/nbs
	@order="$$(for lesson in $(ORDER); do echo nbs/$$lesson; done; \
	  for lesson in $$(echo $(ORDER) | tr ' ' '\n' | head -n $(AGAIN)); do echo build/nbs/$$lesson; done)"; \
	  echo "== Lessons, and some again:" $$order; $(PYTEST) --nbval $$order

check-other-python: $(STAMP)
	@echo "== The tests that need no TensorFlow, on another Python"
	@BIN=$(BIN) scripts/check_other_python.sh

check-wheel: $(STAMP)
	@echo "== A fresh install of the wheel"
	@PYTHON=$(PYTHON) BIN=$(BIN) scripts/check_wheel.sh

check-service: $(STAMP)
	@echo "== The steps of the service's image"
	@BIN=$(BIN) scripts/check_service.sh

notebooks: $(STAMP)  ## Run every lesson again (or LESSONS="nbs/01_images.ipynb ..."), keep the outputs, normalise
	@# nbval's kernels do not capture what C++ code prints; with this variable neither do these.
	@PYTEST_CURRENT_TEST=1 TQDM_DISABLE=1 $(BIN)/jupyter nbconvert --log-level WARN --to notebook --execute --inplace $(LESSONS)
	@$(BIN)/python scripts/normalise_notebooks.py $(LESSONS)

clean-notebooks: $(STAMP)  ## Normalise the notebooks without running them
	@$(BIN)/python scripts/normalise_notebooks.py

export: $(STAMP)  ## Write the library from the notebooks
	@$(BIN)/nbdev-export

readme: $(STAMP)  ## Write README.md from nbs/index.ipynb
	@$(BIN)/python scripts/build_readme.py

badges: $(STAMP)  ## Set the badges for Colab and Binder from `repository` in settings.ini
	@$(BIN)/python scripts/build_badges.py

site: $(STAMP)  ## Build the lessons as a web site in build/site, without the network
	@$(BIN)/python scripts/build_site.py

.PHONY: stick
stick: $(STAMP)  ## Fill STICK=folder with all that laptops without network need (Linux, macOS, Windows)
	@test -n "$(STICK)" || { echo "Name the folder to fill, such as a USB stick: make stick STICK=FOLDER"; exit 1; }
	@$(BIN)/python scripts/build_stick.py "$(STICK)"

bench: $(STAMP)  ## Measure against other tools (CLOTHING=folder of the clothing photos)
	@test -d "$(CLOTHING)/train" || { \
	  echo "Name the folder that holds train/ and validation/ of the clothing photos: make bench CLOTHING=FOLDER"; exit 1; }
	@$(BIN)/python -m benchmarks.run --image_dir $(CLOTHING)/train --validation_dir $(CLOTHING)/validation \
	  --out benchmarks/RESULTS.md

constraints: $(STAMP)  ## Choose exact versions of what is new (UPGRADE=--upgrade: newer ones of everything)
	@$(BIN)/python scripts/build_constraints.py $(UPGRADE)

clean:  ## Remove what was built; .venv stays
	@rm -rf build dist *.egg-info .coverage .pytest_cache .ruff_cache .mypy_cache .hypothesis
