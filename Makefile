# Every target sets up .venv first, from the pins in constraints.txt; there is nothing else to do.
# `lab` installs the learner's part alone, everything else the grader's and the developer's, too.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHELL := /bin/sh

.DEFAULT_GOAL := help
.PHONY: help install demo lab test lint notebooks slides rendered bench bench-grading api gallery concepts teaching scoreboard verify arena full clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

# a learner needs JupyterLab and what lessons import; who has everything has that, too
$(VENV)/learner: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory EXTRAS=learner install
	@touch $@

$(VENV)/ready: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory EXTRAS=learner,grader,dev install
	@touch $@ $(VENV)/learner

# Compiling every module is nearly half of the work, and most are never imported: the others are compiled as they are.
install:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || \
	  { echo "Python 3.11 to 3.14 is needed; this is $$($(PYTHON) -V). Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[$(EXTRAS)]'

demo: $(VENV)/ready  ## grade a small simulated class and show the marks
	@rm -rf demo
	$(BIN)/python -m autograder.simulation demo/submitted 01_information 12_attention
	$(BIN)/autograder grade demo/submitted --seed 1 || [ $$? -eq 1 ]
	$(BIN)/autograder report --out demo

# A notebook that could not be renewed (exit code 1) is named, and was left as it is: the lab opens all the same.
lab: $(VENV)/learner  ## open your own copy of the lessons, work/, in JupyterLab
	$(BIN)/python -m course_lib.work || [ $$? -eq 1 ]
	$(BIN)/jupyter lab work/00_start_here.ipynb

# A browser runs every notebook as it is given out, in JupyterLab. Where there is none, the learner's tests do, without.
CHROMIUM = $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
AS_GIVEN_OUT = tests/learner/test_learners_part.py::test_a_notebook_runs_from_top_to_bottom_as_it_is_given_out

# Two processes on two cores: a second thread in each would only wait for the other's.
# The arena comes last: it overloads the machine on purpose, and a browser waits as long as it takes.
test: $(VENV)/ready build/slides-parts lint  ## the whole test suite
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal --ignore tests/arena --ignore tests/browser \
	  $(if $(CHROMIUM),--deselect $(AS_GIVEN_OUT))
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal tests/browser tests/arena

lint: $(VENV)/ready  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy course_lib autograder

notebooks: $(VENV)/ready  ## build notebooks/ from solutions/
	$(BIN)/autograder build

slides: $(VENV)/ready build/slides-parts  ## every lesson as a lecture, in build/slides
	$(BIN)/python -m autograder.authoring.slides

rendered: $(VENV)/ready build/slides-parts  ## every lesson with solutions and rubrics as a page, in build/solutions
	$(BIN)/python -m autograder.authoring.rendered

# reveal.js and MathJax, as two Sphinx extensions carry them; Sphinx itself is not needed
build/slides-parts: constraints.txt | $(VENV)/ready
	@rm -rf $@
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $@ -c constraints.txt \
	  sphinx-revealjs sphinx-mathjax-offline
	@touch $@

bench: $(VENV)/ready  ## the library beside its peers; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks.library

bench-grading: $(VENV)/ready  ## the engine beside stock nbgrader, 25 minutes alone on the machine; writes docs/grading-benchmark.md
	$(BIN)/python -m benchmarks.grading

api: $(VENV)/ready  ## a page for each module of course_lib, from its docstrings, in build/api
	$(BIN)/python docs/build_api.py

gallery: $(VENV)/ready  ## wrong answers and what the check says about them; writes docs/gallery.md
	$(BIN)/python docs/build_gallery.py

concepts: $(VENV)/ready  ## where each concept is taught; writes docs/concepts.md from docs/concepts.toml
	$(BIN)/python docs/build_concepts.py

teaching: $(VENV)/ready  ## what each lesson asks and gives; writes docs/teaching/lessons.md
	$(BIN)/python docs/build_teaching.py

scoreboard: $(VENV)/ready  ## every model on the same text, measured; writes docs/scoreboard.md
	$(BIN)/python -m course_lib.scoreboard --to docs/scoreboard.md

verify: $(VENV)/ready  ## can the checks tell right from wrong?
	$(BIN)/autograder verify

arena: $(VENV)/ready  ## every cheat and accident against the grader, as a table
	$(BIN)/python -m tests.arena

full: $(VENV)/ready  ## run every lesson with its solutions at full length; look for functions that answer an exercise
	COURSE_FULL=1 $(BIN)/python -m pytest -n 1 tests/notebooks -k "reference"
	COURSE_FULL=1 $(BIN)/python -m pytest -n 1 tests/autograder/authoring/test_withheld.py

clean:  ## remove what the targets made, but for .venv and work/
	rm -rf demo build .ruff_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
