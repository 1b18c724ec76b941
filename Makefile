# Each target starts from a fresh Debian 12 with python3 and make: it makes .venv and installs what it needs.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# The tests start hundreds of processes: without bytecode each compiles everything anew, which takes longer than most tests.
unexport PYTHONDONTWRITEBYTECODE

FUZZ_EXAMPLES ?= 3000

.PHONY: demo test lint bench faults soak fuzz audit sbom reference dashboards servers clean

demo: $(STAMP)  ## two embedded sites, the exporter, the page; ARGS=--break kills the primary
	$(BIN)/rto-rpo-exporter demo $(ARGS)

test: $(STAMP) servers lint  ## everything that must hold before a change lands
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not faults and not alone"
	$(BIN)/python -m pytest -m "faults or alone"

lint: $(STAMP)  ## formatting, style, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMP) servers  ## our cost beside that of the usual tools, as ratios
	$(BIN)/python -m tests.bench

faults: $(STAMP) servers  ## break real servers many times, and print the truth beside what we said
	$(BIN)/python -m tests.faults

soak: $(STAMP) servers  ## a day in virtual time, and a real hour under load with faults: it does not tire, and nothing is told falsely
	$(BIN)/python -m tests.soak

fuzz: $(STAMP) servers  ## damage what comes from outside many times more than `make test` does
	FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/python -m pytest -n 2 --dist loadfile tests/fuzz

audit: $(STAMP)  ## licenses and known vulnerabilities of what is installed; 2: the advisory service cannot be reached
	$(BIN)/python .ci/audit.py

sbom: $(STAMP)  ## write dist/sbom.json, a CycloneDX bill of what an installation holds
	$(BIN)/python .ci/sbom.py

reference: $(STAMP)  ## write the generated parts of the documentation
	$(BIN)/python .ci/reference.py --write

dashboards: $(STAMP)  ## write the boards for any configuration
	$(BIN)/rto-rpo-exporter build dashboards --out dashboards/generated

servers: $(STAMP)
	$(BIN)/python .ci/servers.py

$(STAMP): pyproject.toml
	@.ci/make-venv.sh $(PYTHON) $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
