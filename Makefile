.DEFAULT_GOAL := help
.PHONY: help book lint test test-jax test-browser processors stills pdf notebooks assignments grade adopt release serve clean

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
FOUND = test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; name it with make PYTHON=/path/to/python"; exit 1; }
BIN := .venv/bin
ON_JAX := $(addprefix tests/test_,backends.py losses.py tiling.py model.py training.py)

help:  ## print this help
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

book: .venv/ready  ## execute what changed and write the HTML to _build/html
	$(BIN)/python -m tools.book build

lint: .venv/ready  ## check rules and layout of all code, and the types of the package (seconds)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

test: .venv/ready  ## test the package, the book and every stored output of every notebook
	$(BIN)/python -m pytest tests --ignore tests/browser -n 2 --dist loadfile
	$(if $(V),$(BIN)/python -m tools.processors $(V) --only notebooks,$(BIN)/python -m pytest --nbval book -n 2 --dist loadfile)

test-jax: .venv-jax/ready  ## test network, loss, training and tiling on JAX, in an environment without TensorFlow
	KERAS_BACKEND=jax .venv-jax/bin/python -m pytest --confcutdir tests -m backends -n 2 $(ON_JAX)

test-browser: .venv/ready  ## test every built page in headless Chromium, which must be installed
	$(BIN)/python -m pytest tests/browser -n 2

processors: .venv/ready  ## run notebooks and tests of rounding as on three other processors (V=plain, sse41 or avx2 for one)
	$(BIN)/python -m tools.processors $(V)

stills: .venv/ready  ## take the still pictures of the explorables again, in headless Chromium, after make book
	$(BIN)/python -m tools.stills

pdf: .venv/ready  ## print the built book to _build/unet-by-running-it.pdf, in headless Chromium
	$(BIN)/python -m tools.pdf

notebooks: .venv/ready  ## run every notebook again and store its outputs (NAME=expanding_path for one)
	$(BIN)/python -m tools.book notebooks $(NAME)

assignments: .venv/ready  ## make the students' notebooks, solutions and autograders (FROM=folder of masters)
	$(BIN)/python -m tools.assignments $(if $(FROM),--masters "$(FROM)")

grade: .venv/ready  ## grade a folder of notebooks (A=name IN=folder OUT=folder, or JSON=notebook; FROM=masters, CLASS=number)
	@$(BIN)/python -m tools.grade $(A) $(if $(IN),"$(IN)") $(if $(OUT),"$(OUT)") $(if $(JSON),--json "$(JSON)") \
		$(if $(FROM),--masters "$(FROM)") $(if $(CLASS),--class "$(CLASS)")

adopt:  ## make this copy yours: your address in every file (REPO=owner/name, or with SITE=https://... too)
	@$(FOUND)
	@$(PYTHON) -m tools.adopt -- "$(REPO)" $(if $(SITE),"$(SITE)")

release:  ## move the version in every file, and say which commands of git follow (VERSION=X.Y.Z)
	@$(FOUND)
	@$(PYTHON) -m tools.release -- "$(VERSION)"

serve: .venv/ready  ## serve _build/html on port 8000 and rebuild on every change
	$(BIN)/python -m tools.book serve

clean:  ## remove the environment and everything that was built
	rm -rf .venv .venv-jax _build dist *.egg-info

.venv/ready: requirements.txt pyproject.toml
	@$(FOUND)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv-jax/ready: requirements.txt pyproject.toml
	@$(FOUND)
	test -x .venv-jax/bin/python || $(PYTHON) -m venv .venv-jax
	.venv-jax/bin/python -m pip install --quiet --disable-pip-version-check -c requirements.txt \
		-e ".[jax]" "jax==0.10.2" pytest pytest-xdist scikit-image
	@touch $@
