# Everything a reader or contributor does with this repository; `make help` lists it.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
$(if $(word 2,$(VENV)),$(error VENV must be a path without a space, which make cannot take. \
  Got '$(VENV)': name it as it is from here, such as .venv))
BIN := $(VENV)/bin
LOCK := requirements.lock
CUDA_LOCK := cuda.lock
CPU_LOCK := cpu.lock
PIP := $(BIN)/python -m pip --disable-pip-version-check
# No file without a hash that is known, nothing that a package asks for beside the lock, and no
# package's own code to build it.
HASHED := --require-hashes --no-deps --only-binary :all:
BILL := _build/sbom.cdx.json
HTML := _build/html
# Where jupyter-book is told to build, where the book then is, and where the one before it goes.
ASIDE := _build/new
BUILT := $(ASIDE)/_build/html
OLD := _build/old
SINGLE := _build/single
EPUB := _build/modlib.epub
# An extra package index, for instance the one of PyTorch's CPU builds (see README.md).
TORCH_INDEX :=
# The releases of PyTorch to stay with; none, to resolve the newest.
TORCH_PAIR := torch-pair.txt
# Tables for `make bench`; all unless named.
TABLES :=
# Chapters run in their own folder, where a relative path would lead elsewhere. Not by abspath, which
# would take a path with a space in it for two.
ifdef MODLIB_DATA
ROOTED := $(filter /% ~%,$(firstword $(MODLIB_DATA)))
override MODLIB_DATA := $(if $(ROOTED),,$(CURDIR)/)$(MODLIB_DATA)
export MODLIB_DATA
endif

.PHONY: help
help: ## list what can be made
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

# The stamp is written last, so that a broken installation is done again; it is older than the
# locks whenever they have changed.
#
# PyTorch comes first: which of its builds it is, is decided by what pip is told of indexes and
# folders, and so the file is fetched before it is held against the lock. If it asks for CUDA's
# libraries, they follow.
$(VENV)/installed: $(LOCK) $(CUDA_LOCK) pyproject.toml
	@for python in $${PYTHON:-python3.13 python3.12 python3.11 python3}; do \
	  if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then \
	    found="$$python"; break; fi; done; \
	if [ -z "$${found:-}" ]; then echo "Python 3.11, 3.12 or 3.13 is needed; set PYTHON to it" >&2; exit 1; fi; \
	echo "Setting up $(VENV) with $$($$found --version): some minutes the first time"; \
	test -x $(BIN)/python || "$$found" -m venv $(VENV)
	@rm -rf $(VENV)/torch && mkdir $(VENV)/torch
	@sed -n '/^torch.*==/,/# via/p' $(LOCK) > $(VENV)/torch/lock
	$(PIP) download --quiet --no-deps --only-binary :all: --dest $(VENV)/torch \
	  $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) $$(grep -o '^torch[^ ]*' $(VENV)/torch/lock)
	$(PIP) install $(HASHED) --no-index --find-links $(VENV)/torch -r $(VENV)/torch/lock
	@rm -rf $(VENV)/torch
	$(PIP) install $(HASHED) -r $(LOCK)
	@! $(BIN)/python -c 'from importlib.metadata import requires as r; print(*r("torch"))' | grep -q nvidia \
	  || $(PIP) install $(HASHED) -r $(CUDA_LOCK)
	$(PIP) install --no-deps --no-build-isolation --editable .
	$(PIP) check
	@touch $@

.PHONY: venv
venv: $(VENV)/installed ## set up the environment in .venv from the lock

# Arrays in chapters are small: more threads would spend their time waiting for each other.
book epub test test-site: export OMP_NUM_THREADS := 1
book epub test test-site: export OPENBLAS_NUM_THREADS := 1
# Without a home folder to write to, Matplotlib would say in every chapter that it has none.
ifeq ($(shell test -w "$$HOME" || echo none),none)
book epub test: export MPLCONFIGDIR ?= $(CURDIR)/_build/matplotlib
endif

# Built aside and moved as a whole at the end: until then, the last good book stays where it is. What
# a failed build leaves, reports of chapters among it, stays aside until the next.
.PHONY: book
book: venv ## build the book, all warnings errors, into _build/html
	@test -e $(HTML) || test ! -e $(OLD) || mv $(OLD) $(HTML) # a build was killed between its moves
	@rm -rf $(ASIDE) $(OLD) # a page that was removed must not live on
	$(BIN)/jupyter-book build . --all -W -n --keep-going --path-output $(ASIDE)
	@test -f $(BUILT)/index.html
	@$(BIN)/python -m supply bill $(BUILT)/sbom.cdx.json # linked by the page on security
	@test ! -e $(HTML) || mv $(HTML) $(OLD)
	@mv $(BUILT) $(HTML)
	@rm -rf $(ASIDE) $(OLD)
	@echo "The book is at $(CURDIR)/$(HTML)/index.html"

# MathJax, which the lock brings, writes the formulas; for this it is run by Node.
.PHONY: epub
epub: venv ## build the book as one file, _build/modlib.epub; needs Node
	@command -v node > /dev/null || { echo "Node is needed: apt-get install nodejs" >&2; exit 1; }
	@rm -rf $(SINGLE)
	$(BIN)/jupyter-book build . --all -W -n --keep-going --builder custom --custom-builder epub \
	  --path-output $(SINGLE)
	@mv $(SINGLE)/_build/epub/modlib.epub $(EPUB)
	@rm -rf $(SINGLE)
	$(BIN)/python -m pytest tests/site/test_ebook.py
	@echo "The book is in $(CURDIR)/$(EPUB)"

.PHONY: test
test: venv ## run the tests
	$(BIN)/python -m pytest

.PHONY: test-faults
test-faults: venv ## kill and starve the processes of small sweeps; takes many minutes
	$(BIN)/python -m pytest -m faults

.PHONY: chaos
chaos: N := 20
chaos: SEED := 0
chaos: venv ## kill processes of N small sweeps at random: every byte must stay the same
	$(BIN)/python -m experiments.chaos --rounds $(N) --seed $(SEED)

.PHONY: test-site
test-site: venv ## read the built book in a real browser, Debian's chromium; after make book
	$(BIN)/python -m pytest tests/site

.PHONY: bench
bench: venv ## measure speed and memory, into results/benchmarks.json
	PYTHONPATH=.:tests $(BIN)/python -m benchmarks $(TABLES)

.PHONY: sweep
sweep: venv ## train and analyse all networks of the paper; may be interrupted, and goes on
	$(BIN)/python -m experiments run paper

.PHONY: certify
certify: venv ## prove how close to the optimum the modules of the examples are; after make sweep
	$(BIN)/python -m experiments certify paper

.PHONY: serve
serve: ## show the built book on this machine, at port 8000
	@test -f $(HTML)/index.html || { echo "Nothing is built yet: run make book" >&2; exit 1; }
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(HTML) 8000

.PHONY: lint
lint: types ## check style and types, and that notebooks match their text
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@for text in notebooks/*.md; do \
	  $(BIN)/jupytext --quiet --to md:myst --output - "$${text%.md}.ipynb" | diff -u "$$text" - \
	  || { echo "$$text and its .ipynb differ: run make pair" >&2; exit 1; }; done

.PHONY: types
types: venv ## check the types of the library
	$(BIN)/mypy

# Packages that the service of advisories does not know fail too: silence would look like safety.
# What has no fixed version yet is let through by its number, with the reason, in audit-known.txt.
.PHONY: audit
audit: licenses ## look for known weaknesses in the workflows and in every locked package
	$(BIN)/zizmor --offline --quiet .
	$(BIN)/pip-audit --strict --disable-pip --require-hashes \
	  $(addprefix --requirement ,$(LOCK) $(CUDA_LOCK)) \
	  $(addprefix --ignore-vuln ,$(shell sed 's/\#.*//' audit-known.txt))

.PHONY: licenses
licenses: venv ## check the licence of every locked package against supply/licenses.csv
	$(BIN)/python -m supply licenses

.PHONY: sbom
sbom: venv ## write the bill of materials of the locks, in CycloneDX, into _build/sbom.cdx.json
	$(BIN)/python -m supply bill $(BILL)

.PHONY: pair
pair: venv ## write notebooks/*.ipynb anew from their text
	$(BIN)/jupytext --to ipynb --update notebooks/*.md

# Both builds of PyTorch are of the same releases. The hashes of that for the CPU are read from the
# index that TORCH_INDEX names; where it names none, those of cpu.lock must be of these releases. The
# newest release of all, with neither index nor pair, is locked in the build of PyPI alone.
.PHONY: lock
lock: venv ## resolve the newest versions that pyproject.toml allows into the locks
	@mkdir -p _build
	$(COMPILE) --all-extras --group dev --no-emit-package modlib \
	  $(addprefix --constraint ,$(TORCH_PAIR)) pyproject.toml --output-file _build/resolved.lock
	$(if $(TORCH_INDEX),grep -o '^torch[^ ]*' _build/resolved.lock \
	  | $(COMPILE) --no-deps --no-annotate --default-index $(TORCH_INDEX) --output-file $(CPU_LOCK) -)
	$(BIN)/python -m supply locks _build/resolved.lock $(if $(TORCH_INDEX)$(TORCH_PAIR),$(CPU_LOCK))

COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
  --custom-compile-command "make lock TORCH_INDEX=..."

.PHONY: headline
headline: venv ## draw the figure of the README anew
	$(BIN)/python book/headline.py

.PHONY: story
story: venv ## draw the picture of the first page and the README anew
	$(BIN)/python book/story.py

.PHONY: clean
clean: ## remove what was built; the environment and the data stay
	rm -rf _build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
