# The environment comes from the locks in envs/ alone. Where packages are fetched from is the machine's business:
# uv's own variables count first, then what pip is told by its variables or its configuration file.

PYTHON ?= python3
VENV := .venv
UV := $(VENV)/bin/uv
# Packages that only some streams or verbs need: make env EXTRAS=streams, EXTRAS="sign onnx"
EXTRAS :=
# Packages of tools below, which go to folders of their own: .venv stays as it is.
TOOLS := fuzz audit
ALL_EXTRAS := streams sign onnx mqtt notebook slurm $(TOOLS)
LOCKS := envs/requirements.lock $(EXTRAS:%=envs/%.lock)
NOTHING :=
MADE := $(VENV)/.made$(subst $(NOTHING) ,,$(EXTRAS:%=-%))

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export UV_PYTHON_DOWNLOADS := never
export UV_HTTP_TIMEOUT ?= 300
# A workflow starts hundreds of Python processes: each would compile what it imports, torch too.
unexport PYTHONDONTWRITEBYTECODE

define AS_PIP
pip_setting() { $(VENV)/bin/python -m pip config list | sed -n "s/^[a-z:]*\.$$1='\(.*\)'$$/\1/p" | head -n 1; }; \
index=$${UV_DEFAULT_INDEX:-$$(pip_setting index-url)}; \
[ -z "$$index" ] || export UV_DEFAULT_INDEX="$$index"; \
certificates=$${SSL_CERT_FILE:-$$(pip_setting cert)}; \
[ -z "$$certificates" ] || export SSL_CERT_FILE="$$certificates";
endef

# A file of tests stays with one worker, as its tests share what they make; the long files come first.
PYTEST := pytest -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help env table1 demo artifact-check check test test-slurm faults fuzz sbom audit lint format encoder audio-tower \
	lock

help: ## show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 18

env: $(MADE) ## make the Python environment in .venv (EXTRAS=streams, sign, onnx, mqtt, notebook, slurm: with more)

table1: env ## make results/table1.tex from nothing
	snakemake --cores all results/table1.tex

# A bundle with certified thresholds needs the four hours of rendered-normal; see docs/own-videos.md.
demo: env ## train a detector, bundle it, and score one rendered video with it, in results/demo
	snakemake --cores all results/rendered/runs/student-t/seeds.csv \
		results/rendered/studies/normal-scores/student-t.parquet
	fusevad bundle results/rendered/runs/student-t -o results/demo/student-t.fusevad
	fusevad score results/rendered/source/videos/test/fighting_008.mp4 \
		--model results/demo/student-t.fusevad --alarms-per-hour 20 --out results/demo

artifact-check: env ## make Table 1 of sixteen tiny videos and compare it with committed numbers
	snakemake --cores 2 results/tiny/table1.tex --configfile config/tiny.yaml
	fusevad artifact-check --configfile config/tiny.yaml

check: lint ## check the style and run the fast tests
	$(PYTEST) -m "not slow"

test: lint ## check the style and run all tests
	$(PYTEST)

# Debian: apt-get install --no-install-recommends slurm-wlm munge
test-slurm: ## run the tiny workflow on a Slurm cluster of this machine, through faults (as root)
	$(MAKE) env EXTRAS="$(sort slurm $(EXTRAS))"
	pytest -n 0 tests/cluster

# Some of the kinds, or all. Full and read-only disks are mounted as root only.
KINDS :=
faults: env ## try kills, full disks, damage and other faults; put the results into docs/reliability.md
	python -m tests.faults $(KINDS)

bench: env ## measure speed and memory on this machine, which should be idle: benchmarks/results.md
	python benchmarks/bench.py

# Some of the targets, or all; and for how long each.
TARGETS :=
MINUTES := 10
fuzz: build/tools/fuzz ## fuzz the parsers of foreign files, MINUTES=10 each (Linux)
	PYTHONPATH=workflow:build/tools/fuzz python -m tests.fuzz --minutes $(MINUTES) $(TARGETS)

SBOM := build/sbom.json
sbom: build/tools/audit ## list the locked packages as CycloneDX in build/sbom.json
	@env -u SOURCE_DATE_EPOCH PYTHONPATH=build/tools/audit python -W ignore::UserWarning -m cyclonedx_py \
		requirements --output-reproducible --pyproject pyproject.toml --output-file $(SBOM) envs/requirements.lock
	@echo "$(SBOM) written"

audit: build/tools/audit ## ask osv.dev for known vulnerabilities of the locked packages
	@PYTHONPATH=build/tools/audit python envs/audit.py

build/tools/%: envs/%.lock | env
	@rm -rf $@
	@$(AS_PIP) $(UV) pip install --quiet --python $(VENV)/bin/python --target $@ --require-hashes --requirement $<
	@touch $@

lint: env ## check the style of code and workflow
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	snakemake --lint

format: env ## put code and workflow into the house style
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow/rules

encoder: env ## train the bundled encoder again and put its weights in place
	snakemake --cores all encoder
	cp $(addprefix results/encoder/,clip.safetensors motion-cue.safetensors MODEL_CARD.md) config/encoders/fusevad-small/
	cd config/encoders/fusevad-small && sha256sum *.safetensors > SHA256SUMS

audio-tower: env ## train the bundled audio tower again and put its weights in place
	snakemake --cores all audio_tower
	cp results/encoder/audio.safetensors results/encoder/AUDIO_MODEL_CARD.md config/encoders/fusevad-small/
	cd config/encoders/fusevad-small && sha256sum *.safetensors > SHA256SUMS

lock: env ## resolve envs/requirements.in again: the lock and the conda environment
	@$(AS_PIP) $(UV) pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
		--generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
		pyproject.toml envs/requirements.in --output-file envs/requirements.lock
	@$(AS_PIP) for extra in $(ALL_EXTRAS); do \
		$(UV) pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
		--generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
		--constraints envs/requirements.lock envs/$$extra.in --output-file envs/$$extra.lock || exit 1; done
	python envs/make_conda.py

# One stamp at a time: what other extras added is gone.
# uv is taken from the lock too: its pin and hashes are cut out for pip, which then has nothing else to do.
$(MADE): $(LOCKS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "FuseVAD needs Python 3.11 or newer; name one, as in: make $(or $(MAKECMDGOALS),env) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make environments; as root, run: apt-get install python3-venv" >&2; exit 1; }
	@$(VENV)/bin/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' envs/requirements.lock > $(VENV)/uv.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	@$(AS_PIP) $(UV) pip sync --python $(VENV)/bin/python --require-hashes --compile-bytecode $(LOCKS)
	@$(UV) pip install --quiet --python $(VENV)/bin/python --offline --no-deps --no-build-isolation --editable .
	@! git rev-parse --git-dir >/dev/null 2>&1 || \
		git config merge.fusevad.driver "PATH=$(VENV)/bin:\$$PATH fusevad merge-records %O %A %B %P"
	@rm -f $(VENV)/.made* && touch $@
