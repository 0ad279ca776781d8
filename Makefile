# Two commands do everything on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
VENV ?= .venv
PYTHON ?= python3

.PHONY: demo test check draws colab-env test-colab lab build recipes claims help
.DEFAULT_GOAL := help

demo:  ## set up, take Lab 1 as two students, grade both, list all labs, write build/demo/index.html
	@.ci/setup "$(VENV)" "$(PYTHON)" demo
	@"$(VENV)/bin/python" -m sslcourse demo --out build/demo

test:  ## set up and run all tests, as continuous integration does (about half an hour)
	@.ci/setup "$(VENV)" "$(PYTHON)" test
	@.ci/checks "$(VENV)"

check:  ## the quick part of `make test`: style, types, and the tests that are not slow (under two minutes)
	@.ci/setup "$(VENV)" "$(PYTHON)" test
	@.ci/checks "$(VENV)" quick

draws:  ## exercises on many draws: wrong ones lose points in 999 of 1,000, right ones pass in 100 of 100 (ten minutes)
	@.ci/setup "$(VENV)" "$(PYTHON)" test
	@SSLCOURSE_LONG=1 OMP_NUM_THREADS=1 "$(VENV)/bin/python" -m pytest -q -n 2 tests/exercises

colab-env:  ## an environment with Colab's torch and Jupyter in build/colab (some minutes and 5 GB, once)
	@.ci/setup "$(VENV)" "$(PYTHON)" test
	@mkdir -p build
	@"$(VENV)/bin/python" tests/notebooks/colab_env.py build/colab --torch

test-colab: colab-env  ## run in it what depends on torch's version
	@.ci/checks build/colab colab

lab:  ## open JupyterLab on the labs
	@.ci/setup "$(VENV)" "$(PYTHON)" demo
	@"$(VENV)/bin/python" -m jupyterlab labs

build:  ## make the labs and the solution notebooks from their sources, executing the solutions
	@.ci/setup "$(VENV)" "$(PYTHON)" demo
	@"$(VENV)/bin/python" -m sslcourse build --execute

recipes:  ## train every method's recipe with three seeds, and the course checkpoints (hours; continues where it stopped)
	@.ci/setup "$(VENV)" "$(PYTHON)" demo
	@"$(VENV)/bin/python" benchmarks/recipes.py
	@"$(VENV)/bin/python" benchmarks/checkpoints.py

claims:  ## measure the claims for 30 minutes (it continues where it stopped), and write build/claims.html
	@.ci/setup "$(VENV)" "$(PYTHON)" test
	@"$(VENV)/bin/python" -m sslcourse claims run --minutes 30
	@"$(VENV)/bin/python" -m sslcourse claims report

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12
