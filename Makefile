# `make` lists the targets. CI and README call nothing but these.
.DEFAULT_GOAL := help
CONFIGURATION ?= Release
BUILD_FLAGS := -c $(CONFIGURATION) --nologo -v quiet
BUF := npx --yes @bufbuild/buf@1.75.0

.PHONY: help setup setup-tests restore build test test-fast demo bench bench-modes simulator format format-check lint-protos contract ci clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: ## Install the Debian packages that the demo needs (says which first)
	@eng/install-packages.sh

setup-tests: ## Install those that the tests need besides
	@eng/install-packages.sh tests
	@eng/guest-kernel.sh

restore: ## Restore NuGet packages, with stand-ins only where the registry lacks some
	@eng/bootstrap.sh

build: restore ## Build everything (warnings are errors)
	@dotnet build OvirtDistributed.sln $(BUILD_FLAGS) --no-restore

demo: setup build ## Back up a VM full and incremental, restore both, compare every byte (ARGS="--rabbitmq --keep")
	@tests/OvirtDistributed.Lab/bin/$(CONFIGURATION)/net10.0/ovd-lab demo $(ARGS)

test: setup-tests build ## Run all tests, those over real RabbitMQ, PostgreSQL, Ceph and qemu included
	@eng/test.sh $(CONFIGURATION) OvirtDistributed.Tests OvirtDistributed.EndToEnd

test-fast: build ## Run the unit tests that need no server
	@eng/test.sh $(CONFIGURATION) OvirtDistributed.Tests -- -trait- "Needs=Servers"

bench: setup build ## Measure full, incremental and restore against restic, borg and qemu-img; writes artifacts/bench.json
	@eng/install-packages.sh bench
	@tests/benchmarks/OvirtDistributed.Benchmarks/bin/$(CONFIGURATION)/net10.0/ovd-bench $(ARGS)

bench-modes: setup-tests build ## Back up and restore one disk in each transport mode; prints what each moved in a second (ARGS=MiB, default 1024)
	@OVD_MODES_MIB=$(or $(ARGS),1024) tests/OvirtDistributed.EndToEnd/bin/$(CONFIGURATION)/net10.0/OvirtDistributed.EndToEnd -noLogo -noColor -showLiveOutput -class '*ModeMatrixTests' | grep -o '| [a-z-]* | [0-9].*\|Total:.*'

simulator: setup build ## Start the oVirt simulator alone (ARGS="--help" lists its options)
	@tests/OvirtDistributed.Simulator/bin/$(CONFIGURATION)/net10.0/ovd-simulator $(ARGS)

format: restore ## Format the code
	@dotnet format OvirtDistributed.sln --no-restore
	@$(BUF) format -w protos

# Style rules and analyzers are errors of the build already: only the layout is left to check.
format-check: restore ## Fail when the code is not formatted
	@dotnet format whitespace OvirtDistributed.sln --no-restore --verify-no-changes

lint-protos: ## Lint the protos, check their format and that nothing was broken since the last commit on main
	@eng/lint-protos.sh

ci: setup-tests format-check lint-protos test ## What CI runs

clean: ## Remove build outputs
	@rm -rf artifacts TestResults
	@find src tests eng -type d \( -name bin -o -name obj \) -prune -exec rm -rf {} +
