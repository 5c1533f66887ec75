PY := .venv/bin/python
PERSONS ?= 1
DEMO_FOLDER ?= var/demo

.PHONY: help setup demo test fuzz test-slow torture chaos check bench deb proto lock buf clean

help:  ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup:  ## Install what is missing (Debian packages, .venv, models); seconds when nothing is
	@tools/bootstrap.sh

demo: setup  ## Take one person (PERSONS=20: twenty) through the kiosk, on mock devices, to an embedded collector
	@$(PY) -m demo --persons $(PERSONS) --folder $(DEMO_FOLDER)

test: setup  ## All tests but the slow ones
	@$(PY) -m pytest -q -n auto --dist loadfile --no-loadscope-reorder

fuzz: setup  ## Any bytes to any chip parser, for longer (PARSER=dg13: to one of them)
	@KIOSK_FUZZ_EXAMPLES=20000 $(PY) -m pytest -q tests/capture/chip/test_fuzz.py -k "$(PARSER)" --timeout 7200

test-slow: setup  ## Kill loops and other tests that take minutes
	@$(PY) -m pytest -q -m slow --timeout 1800

torture: setup  ## kill -9, power cuts and damage at every point, TORTURE_CYCLES=10000 kills; docs/reliability.md
	@$(PY) -m pytest -q -m torture --timeout 14400 -s tests/torture

chaos: setup  ## Kiosks and collector killed, network cut and slowed at random for CHAOS_S=20 seconds; N sealed = N stored
	@$(PY) -m pytest -q -m chaos --timeout 7200 -s tests/chaos

check: setup  ## ruff and mypy --strict
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy

bench: setup  ## Whole-intake machine time and ratios against floors; JSON and a table
	@$(PY) -m bench

deb: setup  ## The Debian package of a real kiosk, into var/
	@tools/deb.sh var

proto: setup  ## Regenerate the code for agent/proto
	@$(PY) -m grpc_tools.protoc -I. --python_out=. --mypy_out=. --grpc_python_out=. --mypy_grpc_out=. agent/proto/v1/*.proto

buf:  ## Lint the .proto files (needs npm)
	@npx --yes @bufbuild/buf lint

lock: setup  ## Renew the locked requirements
	@tools/lock.sh

clean:  ## Remove what the demo and the tests left behind (not .venv, not models)
	@rm -rf var .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
