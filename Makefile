# Needs make, Python >= 3.11 and a network; everything else goes into .venv in this folder.
# `make` alone prints what there is.

VENV := .venv
BIN := $(VENV)/bin
# Written last, with the folder it was written for: an interrupted install or a moved folder has none.
COMPLETE := $(VENV)/.complete
INSTALLING := $(VENV)/.installing
# JupyterLab stands beside it: docs/adr/0005-where-jupyter-lives.md says why.
JUPYTER := .venv-jupyter
JUPYTER_COMPLETE := $(JUPYTER)/.complete
BROWSERS := chromium chromium-browser google-chrome google-chrome-stable
# uv installs in seconds what takes pip minutes.
UV_VERSION := 0.13.8
UV := $(BIN)/uv
PIP := PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip
# Debian ships python3 without ensurepip, and pyenv puts names on PATH that don't run: try, don't look.
SUITABLE := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))
CANDIDATES := $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3)

.DEFAULT_GOAL := help
.PHONY: help backtest live test notebook mlflow check bench soak browser venv lock clean

help: ## print this list
	@echo 'catalyst: backtests for traders who follow news. Targets:'
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile
	@echo 'PYTHON=/path/to/python chooses the interpreter; ARGS="..." is passed on by backtest, live, test, notebook and mlflow.'

backtest: $(COMPLETE) ## replay the strategy over the bundled sample; writes runs/latest
	@$(BIN)/catalyst backtest --force $(ARGS)

live: $(COMPLETE) ## trade on paper and watch: Alpaca with its keys, else a stack of its own; SPEED=60
	@exec $(BIN)/catalyst live $(if $(SPEED),--speed $(SPEED)) $(ARGS)

# Many tests start a Python of their own. Without bytecode each compiles all that it imports anew.
BYTECODE := PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX="$(CURDIR)/.pytest_cache/bytecode"

test: $(COMPLETE) ## run the tests
	@$(BYTECODE) $(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

notebook: $(JUPYTER_COMPLETE) ## open Jupyter on notebooks/; the first time installs it beside .venv
	@test -z "$$SSH_CONNECTION" || \
	    echo 'Over ssh: forward the port of the address below (ssh -L 8888:localhost:8888 ...), then open it.'
	@JUPYTER_PATH="$(CURDIR)/$(JUPYTER)/kernel/share/jupyter:$(CURDIR)/$(VENV)/share/jupyter$${JUPYTER_PATH:+:$$JUPYTER_PATH}" \
	    CATALYST_HOME="$${CATALYST_HOME:-$(CURDIR)/.catalyst}" \
	    exec $(JUPYTER)/bin/jupyter lab --log-level=ERROR --ServerApp.root_dir="$(CURDIR)" \
	    --LabApp.default_url=/lab/tree/notebooks/01_backtest.ipynb $(AS_ROOT) $(NO_BROWSER) $(ARGS)

mlflow: $(COMPLETE) ## open MLflow's pages over what was compared; ARGS="--port 5050"
	@exec $(BIN)/catalyst mlflow $(ARGS)

check: $(COMPLETE) ## lint, formatting, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(COMPLETE) ## time the kernels, score the news
	@$(BIN)/python -m benchmarks

soak: $(COMPLETE) ## 200 worlds without an edge, planted ones, and 200 kills of live; hours
	@$(BIN)/catalyst calibrate --worlds 200 --out runs/soak --resume $(ARGS)
	@$(BIN)/catalyst calibrate --power --worlds 20 --companies 60 --sessions 60 --scales 0,1,2,4,8 \
	    --variants spec,news_only --out runs/soak-power --resume $(ARGS)
	@$(BIN)/python -m benchmarks.soak_live --runs 200

browser: $(COMPLETE) ## find a Chromium for the tests of pages, or get one; fails never
	@found="$${CATALYST_CHROMIUM:-}"; \
	for name in $(BROWSERS); do found="$${found:-$$(command -v $$name || true)}"; done; \
	if [ -n "$$found" ]; then echo "Pages are tested in $$found."; exit 0; fi; \
	echo 'No Chromium on PATH: getting one.'; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    export DEBIAN_FRONTEND=noninteractive; \
	    $(BRIEFLY) apt-get install -qq -y --no-install-recommends $(DEBIAN_BROWSER) >/dev/null 2>&1 </dev/null \
	    || { $(BRIEFLY) apt-get update -qq >/dev/null 2>&1 </dev/null && $(BRIEFLY) apt-get install -qq -y \
	        --no-install-recommends $(DEBIAN_BROWSER) >/dev/null 2>&1 </dev/null; }; \
	    command -v chromium >/dev/null && { echo 'Installed chromium.'; exit 0; }; fi; \
	$(BRIEFLY) $(BIN)/playwright install chromium-headless-shell >/dev/null 2>&1 </dev/null \
	    && { echo "Playwright downloaded its own."; exit 0; }; \
	echo 'No Chromium can be had here: tests of pages are skipped. Install one, or name it in CATALYST_CHROMIUM.'

venv: $(COMPLETE) ## install what requirements.lock names into .venv, and nothing more

lock: ## resolve pyproject.toml anew into the two lock files
	@test -x $(UV) || { echo "$(UV) is missing: run 'make venv' first." >&2; exit 2; }
	$(UV) pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	    --generate-hashes --no-emit-find-links --no-header --no-annotate --quiet -o requirements.lock
	$(UV) pip compile --group notebook --universal --python-version 3.11 \
	    --generate-hashes --no-emit-find-links --no-header --no-annotate --quiet -o requirements-notebook.lock
	@! grep -nE '^--|://' requirements.lock requirements-notebook.lock || \
	    { echo 'A lock file names a host: remove it from the settings of uv.' >&2; exit 2; }

clean: ## remove caches and builds; environments, .catalyst and runs stay
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	@find catalyst tests benchmarks -type d -name __pycache__ -prune -exec rm -rf {} +

# A folder that was moved, or copied with its .venv, holds scripts that point to the old place.
ifneq ($(shell cat $(COMPLETE) 2>/dev/null),$(CURDIR))
.PHONY: $(COMPLETE)
endif

# Jupyter refuses root without being told, and opens no window where none can be seen.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
SCREENLESS := $(if $(filter Linux,$(shell uname)),$(if $(DISPLAY)$(WAYLAND_DISPLAY),,yes))
NO_BROWSER := $(if $(SSH_CONNECTION)$(SCREENLESS),--no-browser)
# A mirror that does not answer must not hold up tests; macOS has no timeout.
BRIEFLY := $(if $(shell command -v timeout),timeout 300)
DEBIAN_BROWSER := chromium fonts-liberation

$(COMPLETE): requirements.lock pyproject.toml
	@if [ -e $(INSTALLING) ] && kill -0 "$$(cat $(INSTALLING))" 2>/dev/null; then \
	    echo "Process $$(cat $(INSTALLING)) is installing into $(VENV): wait for it." >&2; exit 2; fi
	@if [ -e $(VENV) ] && { [ -e $(INSTALLING) ] || ! $(BIN)/python -c '$(SUITABLE)' 2>/dev/null \
	    || { [ -e $@ ] && [ "$$(cat $@)" != "$(CURDIR)" ]; }; }; then \
	    echo 'The .venv that stands here is unfinished, broken or was moved: making it anew.'; \
	    rm -rf $(VENV); fi
	@mkdir -p $(VENV) && rm -f $@ && echo $$PPID > $(INSTALLING)
	@test -x $(BIN)/python || { \
	    for python in $(CANDIDATES); do \
	        if "$$python" -c '$(SUITABLE)' >/dev/null 2>&1; then \
	            echo "Making .venv with $$("$$python" --version)."; \
	            exec "$$python" -m venv $(VENV); fi; done; \
	    rm -rf $(VENV); \
	    echo 'No usable Python among:' $(CANDIDATES) '- install Python 3.11 or newer with its venv' \
	        'module (Debian, Ubuntu: apt install python3-venv), or name one: make PYTHON=/path/to/python3.' >&2; \
	    exit 2; }
	@echo 'Installing what requirements.lock names (1.7 GB on disk; seconds on a fast line).'
	@{ $(PIP) install --quiet 'uv==$(UV_VERSION)' \
	    && $(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock \
	    && $(UV) pip install --quiet --python $(BIN)/python --no-deps -e .; } || { \
	    echo 'uv does not work here: installing with pip instead, which takes minutes.'; \
	    $(PIP) install --require-hashes -r requirements.lock \
	    && $(PIP) install --quiet --no-deps -e .; } || { \
	    echo 'The install failed; what is above says why. Run the same command again once it is mended.' >&2; \
	    exit 2; }
	@rm -f $(INSTALLING) && echo "$(CURDIR)" > $@

# A kernel names the folder of its Python, as scripts do.
ifneq ($(shell cat $(JUPYTER_COMPLETE) 2>/dev/null),$(CURDIR))
.PHONY: $(JUPYTER_COMPLETE)
endif

$(JUPYTER_COMPLETE): requirements-notebook.lock | $(COMPLETE)
	@echo 'Installing JupyterLab into $(JUPYTER) (0.2 GB on disk; seconds on a fast line).'
	@rm -rf $(JUPYTER) && $(BIN)/python -m venv $(JUPYTER)
	@{ $(UV) pip install --quiet --python $(JUPYTER)/bin/python --require-hashes -r requirements-notebook.lock \
	    || PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 $(JUPYTER)/bin/python -m pip install --require-hashes \
	        -r requirements-notebook.lock; } || { \
	    echo 'The install failed; what is above says why. Run the same command again once it is mended.' >&2; \
	    exit 2; }
	@$(BIN)/python -m ipykernel install --prefix $(JUPYTER)/kernel --name python3 \
	    --display-name 'catalyst (.venv)' >/dev/null 2>&1
	@mkdir -p $(JUPYTER)/share/jupyter/lab/settings && echo \
	    '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}' \
	    > $(JUPYTER)/share/jupyter/lab/settings/overrides.json
	@echo "$(CURDIR)" > $@
