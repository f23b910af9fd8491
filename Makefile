# What a newcomer calls, and what CI calls: `make test`, `make check`.

GO       ?= go
CACHE    := $(CURDIR)/.cache
GOBIN    := $(CACHE)/bin
LINT     := $(GOBIN)/golangci-lint
LINT_VERSION := v2.15.0
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

# Packages whose tests hold golden files or generated documents, and take -update.
GENERATED := ./internal/manifest ./internal/report ./internal/cli ./docs

.PHONY: help build test check lint format vet alerts canary generate soak bench fuzz image clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

build: ## Build bin/reconciler
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o bin/reconciler ./cmd/reconciler

# The canaries start the program some four hundred times: with the race detector
# in it that takes five minutes more, and finds nothing that the other tests of
# the same program do not.
test: ## Run all tests with the race detector, against a real Vault server among others
	RECONCILER_VAULT="$$(scripts/build-vault)" $(GO) test -race -timeout 20m -skip '^TestCanary' ./...
	$(MAKE) canary

check: format vet lint test alerts ## All that CI runs

format: ## Fail on files that gofmt would change
	@out=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi

vet: ## go vet
	$(GO) vet ./...

lint: $(LINT) ## golangci-lint, the import table of the design among its rules
	$(LINT) run ./...

$(LINT):
	GOBIN=$(GOBIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

alerts: ## Check alerts, dashboard and a scrape of the daemon with promtool
	@promtool="$$(scripts/promtool)" || exit 1; [ -n "$$promtool" ] || exit 0; \
	RECONCILER_PROMTOOL="$$promtool" $(GO) test -count=1 -run '^TestPromtool' ./deploy ./internal/daemon

canary: ## Run the built program with marked secrets and search all that it put out
	$(GO) test -count=1 -run '^TestCanary' ./internal/cli/...

generate: ## Rewrite the generated reference documents and golden files
	$(GO) test -count=1 $(GENERATED) -update

soak: ## Run the daemon for a month of compressed time, and kill the built program 200 times
	RECONCILER_SOAK_DAYS=30 RECONCILER_KILLS=200 $(GO) test -count=1 -v -timeout 60m -run '^(TestSoak|TestKills.*)$$' ./internal/daemon

bench: ## Run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

fuzz: ## Fuzz every target for FUZZTIME (default 20s)
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-20s} $$pkg || exit 1; \
	  done; \
	done

image: ## Build the container image
	docker build -t reconciler:$(VERSION) .

clean: ## Remove what was built
	rm -rf bin dist
