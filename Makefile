# Everything that people and CI run. Tools are pinned in go.mod (go tool).
GO ?= go
PKGS := ./...
# Modules of their own, so that their libraries are nobody else's dependencies.
MODULES = $(shell git ls-files ':(glob)event/**/go.mod' ':(glob)test/**/go.mod' | xargs -n 1 dirname)

.DEFAULT_GOAL := help
.PHONY: help demo example test integration soak check generate bench fuzz clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## The whole story on embedded parts: nothing to install
	$(GO) run ./cmd/wireproof demo

example: ## A service to copy from, on parts in its process
	$(GO) run ./examples/orders

test: ## The tests that need nothing but Go and git
	CGO_ENABLED=0 $(GO) test $(PKGS)
	for m in $(MODULES); do (cd $$m && CGO_ENABLED=0 $(GO) test ./...) || exit 1; done

integration: ## The tests on real servers: those named in the environment, or started here
	./test/integration.sh

soak: ## The same in full: every fault run and 100,000 schemas; about three hours
	WIREPROOF_SOAK=1 ./test/integration.sh
	cd bench && $(GO) run ./cmd/registry -full
	cd bench && $(GO) run ./cmd/gate
	cd bench && $(GO) run ./cmd/transports -rounds 15
	cd bench && $(GO) run ./cmd/kafka -rounds 9

check: ## Generated files current, vet, staticcheck, formatting
	./test/check.sh

generate: ## Generate gen/ from schemas/ and docs/ from the tables
	$(GO) generate ./...

bench: ## Benchmarks beside peers, as ratios
	cd bench && $(GO) run ./cmd/ratios
	cd bench && $(GO) run ./cmd/runtime
	cd bench && $(GO) run ./cmd/registry
	cd bench && $(GO) run ./cmd/gate -avro
	cd bench && $(GO) run ./cmd/transports
	cd bench && $(GO) run ./cmd/kafka

fuzz: ## Each fuzz target for ten seconds
	./test/fuzz.sh 10s

clean: ## Remove what builds and tests leave behind
	rm -rf bin dist
	$(GO) clean -testcache
