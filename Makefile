# Each of these does all of its own set-up, once: .venv, packages at the tested versions, weights, a browser.
.PHONY: help setup run test test-slow check bench

help:       ## say what there is
	@grep -E '^[a-z-]+: *## ' Makefile | sed -E 's/: *## /\t/' | expand -t 12

setup:      ## packages and the quick chat model, without starting anything
	@scripts/setup weights

run:        ## the page, on http://127.0.0.1:7860
	@scripts/setup weights
	@.venv/bin/parley ui $(ARGS)

test:       ## unit, model and browser tests
	@scripts/setup dev weights encoder translators browser
	@scripts/test $(ARGS)

test-slow:  ## the tests that take minutes each
	@PARLEY_EXTRAS=scale,gpu,slow scripts/setup dev weights encoder translators browser
	@.venv/bin/parley models pull qwen2.5-coder-1.5b-instruct
	PARLEY_AUTO_PULL=0 .venv/bin/python -m pytest -m slow $(ARGS)

check:      ## format, lint, types and unit tests, as before every commit
	@PARLEY_EXTRAS=scale scripts/setup dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/pyright
	PARLEY_AUTO_PULL=0 .venv/bin/python -m pytest -q -m "not slow and not model and not browser"

bench:      ## speed beside the raw runtimes, as ratios; writes docs/benchmarks.md
	@PARLEY_EXTRAS=bench,scale scripts/setup dev weights encoder translators browser
	@.venv/bin/parley models pull qwen2.5-coder-1.5b-instruct
	PARLEY_AUTO_PULL=0 .venv/bin/python -m tests.bench $(ARGS)
