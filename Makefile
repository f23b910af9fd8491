# The main targets, for newcomers and CI: `make quick`, `make test`, `make check`.

GO       ?= go
CACHE    := $(CURDIR)/.cache
GOBIN    := $(CACHE)/bin
LINT     := $(GOBIN)/golangci-lint
LINT_VERSION := v2.15.0
VULN     := $(GOBIN)/govulncheck
VULN_VERSION := v1.9.0
GREMLINS := $(GOBIN)/gremlins
GREMLINS_VERSION := v0.6.0
NFPM     := $(GOBIN)/nfpm
NFPM_VERSION := v2.43.4
HELM     := $(GOBIN)/helm
HELM_VERSION := v3.22.0
KUBECONFORM := $(GOBIN)/kubeconform
KUBECONFORM_VERSION := v0.8.0
AXE      := $(CACHE)/axe/axe.min.js
AXE_VERSION := 4.14.1
AXE_SHA256 := 29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c
CUE      := $(GOBIN)/cue
CUE_VERSION := v0.17.1
AJV      := $(CACHE)/npm/node_modules/.bin/ajv
AJV_VERSION := 5.0.0
BENCHSTAT := $(GOBIN)/benchstat
BENCHSTAT_VERSION := v0.0.0-20260908200009-22c9c6c9d4da
BENCH_DIR := $(CACHE)/bench
# The last commit before the program was optimized.
BENCH_BASE ?= 1165bbc
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

# Packages with golden files or generated documents, whose tests accept -update.
GENERATED := ./internal/manifest ./internal/report ./internal/cli ./docs

.PHONY: help build quick test e2e cases changelog check lint format vet vuln alerts canary generate release chart soak chaos mutate bench bench-hold bench-compare fuzz image screenshots clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

build: ## Build bin/reconciler
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o bin/reconciler ./cmd/reconciler

# All tests of these packages are skipped in make quick, and linking them takes
# seconds. `make vet` compiles them.
NOT_QUICK := /internal/(chaos|page/browser)$$

# These take longest. They start first, so that at the end no processor waits for one.
LONGEST := $(addprefix ./internal/,daemon source/git reconcile state cli secrets/vault confine source/folder)

# To run between two edits: with -short the longest tests are skipped, or try
# only a sample of their cases. Many tests wait, so more of them run at once
# than there are processors. go test's own vet is off, because `make vet` checks
# more.
quick: ## Run the tests that need no race detector and no Vault, within a minute
	env -u CI -u RECONCILER_VAULT GOGC=400 $(GO) test -short -vet=off -p 4 -parallel 8 -skip '^(TestCanary|TestEveryFile)' $(LONGEST) $$($(GO) list ./... | grep -vE '$(NOT_QUICK)')

# These start the program about nine hundred times. With the race detector that
# takes eight minutes more, and finds nothing that the other tests do not find.
PROGRAM := ^(TestStories|TestCanary|TestEveryFile)

# With the race detector, a program waits a second before it exits; 50 ms are
# enough for a report. TestKills needs a program without it, so make e2e runs it.
test: ## Run all tests, with the race detector and against a real Vault server
	GORACE=atexit_sleep_ms=50 RECONCILER_VAULT="$$(scripts/build-vault)" $(GO) test -race -vet=off -timeout 20m -skip '$(PROGRAM)|^TestKills' ./...
	RECONCILER_VAULT="$$(scripts/build-vault)" $(GO) test -count=1 -vet=off -timeout 20m -parallel 4 -run '$(PROGRAM)' ./internal/cli/...

# With the race detector, some tests of these packages are skipped or try only a
# sample of their cases, because they measure times and limits, or compare two
# results many times. So make e2e runs them completely, without it.
WITHOUT_RACE := ./internal/confine ./internal/manifest ./internal/reconcile ./internal/source/... ./internal/state

# A test that takes more than a minute is named TestE2E and runs here, not in
# make test.
e2e: build bench-hold $(AXE) ## Run the built program, and the tests that take longer than a minute
	bin/reconciler demo --once >/dev/null
	RECONCILER_VAULT="$$(scripts/build-vault)" RECONCILER_SOAK_DAYS=2 RECONCILER_KILLS=20 $(GO) test -count=1 -timeout 30m -run '^(TestE2E.*|TestSoak|TestKills.*)$$' ./internal/cli ./internal/daemon
	RECONCILER_AXE=$(AXE) $(GO) test -count=1 -timeout 20m -v -run '^TestE2E' ./internal/page/browser
	$(GO) test -count=1 -vet=off -timeout 20m $(WITHOUT_RACE)

# axe-core finds what prevents people from using the page with a keyboard or
# screen reader. Only the tests load it.
$(AXE):
	@mkdir -p $(@D); cd $(@D) && npm pack --silent axe-core@$(AXE_VERSION) >/dev/null && tar xzf axe-core-$(AXE_VERSION).tgz --strip-components=1 package/axe.min.js && \
	echo "$(AXE_SHA256)  axe.min.js" | sha256sum --check --quiet && touch axe.min.js || { rm -f axe.min.js; echo "e2e: axe-core cannot be fetched from npm, so accessibility is not checked"; }

screenshots: build ## Write the pictures of docs/page.md, of the demo in a real Chromium
	@mkdir -p docs/screenshots
	RECONCILER=$(CURDIR)/bin/reconciler RECONCILER_SCREENSHOTS=$(CURDIR)/docs/screenshots $(GO) test -count=1 -v -run '^TestScreenshots$$' ./internal/page/browser

cases: build ## Run the failing inputs in RECONCILER_CASES, where that folder is
	scripts/cases bin/reconciler "$${RECONCILER_CASES:-../shared/cases/git}"

check: format vet lint vuln test e2e alerts ## All that CI runs

format: ## Fail on files that gofmt would change
	@out=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi

vet: ## go vet
	$(GO) vet ./...

lint: $(LINT) ## golangci-lint, the import table of the design among its rules
	$(LINT) run ./...

$(LINT):
	GOBIN=$(GOBIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

# Exit code 3 means a known vulnerability. If the database or the tool is not
# available, the check is skipped with a message.
vuln: ## Look for known vulnerabilities, where their database can be reached
	@[ -x $(VULN) ] || GOBIN=$(GOBIN) $(GO) install golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION) || { echo "vuln: skipped: govulncheck cannot be installed here"; exit 0; }; \
	out=$$($(VULN) ./... 2>&1); rc=$$?; \
	case "$$rc $$out" in 3*) echo "$$out"; exit 3 ;; [1-9]*"fetching vulnerabilities"*|[1-9]*vuln.go.dev*) echo "vuln: skipped: the database of vulnerabilities (vuln.go.dev) cannot be reached here" ;; *) echo "$$out"; exit $$rc ;; esac

alerts: ## Check alerts, dashboard and a scrape of the daemon with promtool
	@promtool="$$(scripts/promtool)" || exit 1; [ -n "$$promtool" ] || exit 0; \
	RECONCILER_PROMTOOL="$$promtool" $(GO) test -count=1 -run '^TestPromtool' ./deploy ./internal/daemon

canary: ## Run the built program with marked secrets and search all that it put out (make test does so too)
	$(GO) test -count=1 -run '^TestCanary' ./internal/cli/...

generate: ## Rewrite the generated reference documents and golden files
	$(GO) test -count=1 $(GENERATED) -update

changelog: ## Move the entries of changelog/unreleased into CHANGELOG.md
	$(GO) test -count=1 ./docs -run '^TestTheChangelog' -collect

soak: ## Run the daemon for a month of compressed time, and kill the built program 200 times
	RECONCILER_SOAK_DAYS=30 RECONCILER_KILLS=200 $(GO) test -count=1 -v -timeout 60m -run '^(TestSoak|TestKills.*)$$' ./internal/daemon

chaos: ## Run SEEDS random worlds (default 50), DAYS simulated days each (default 2), from SEED on
	RECONCILER_CHAOS_SEEDS=$${SEEDS:-50} RECONCILER_CHAOS_DAYS=$${DAYS:-2} RECONCILER_SEED=$${SEED:-1} \
	$(GO) test -count=1 -v -timeout 0 -run '^TestChaos$$' ./internal/chaos

mutate: $(GREMLINS) ## Change the code of ROOMS (default plan, apply and status) in small ways, and list what no test notices
	@for room in $${ROOMS:-plan apply status}; do echo "internal/$$room"; scripts/mutate $(GREMLINS) $$room || exit 1; done

$(GREMLINS):
	GOBIN=$(GOBIN) $(GO) install github.com/go-gremlins/gremlins/cmd/gremlins@$(GREMLINS_VERSION)

# Everything is in one run, so that the ratios do not depend on the machine. It
# takes about ten minutes on two processors. BENCH_BASE is the commit of the
# earlier build.
bench: build $(CUE) $(KUBECONFORM) $(AJV) $(BENCH_DIR)/before ## Measure the program, its peers and an earlier build, into docs/performance.md
	$(GO) test -run '^$$' -bench PushToCall -benchtime 60x ./internal/daemon >$(BENCH_DIR)/push.txt
	$(GO) run ./internal/bench measure -program $(CURDIR)/bin/reconciler -before $(BENCH_DIR)/before -before-commit $(BENCH_BASE) \
	  -cue $(CUE) -kubeconform $(KUBECONFORM) -ajv $(AJV) -schema $(CURDIR)/schema -json $(CURDIR)/docs/schema/declaration.json \
	  -push $(BENCH_DIR)/push.txt -out $(CURDIR)/docs/performance.md

# It compares the ratio in one run, not times of different machines.
bench-hold: build $(CUE) ## Fail if cue vet takes less than five times the processor time of validate
	$(GO) run ./internal/bench hold -program $(CURDIR)/bin/reconciler -cue $(CUE) -schema $(CURDIR)/schema -files 4000 -count 3

bench-compare: $(BENCHSTAT) $(BENCH_DIR)/src ## Compare the benchmarks of BENCH (default: those of internal/manifest) with BENCH_BASE, by benchstat
	@for at in $(BENCH_DIR)/src $(CURDIR); do \
	  (cd $$at && $(GO) test -run '^$$' -bench "$${BENCH:-.}" -benchmem -count $${COUNT:-6} $${ROOMS:-./internal/manifest}) >$(BENCH_DIR)/$$(basename $$at).txt || exit 1; \
	done; $(BENCHSTAT) before=$(BENCH_DIR)/src.txt now=$(BENCH_DIR)/$$(basename $(CURDIR)).txt

$(BENCH_DIR)/src:
	mkdir -p $@ && git archive $(BENCH_BASE) | tar -x -C $@

$(BENCH_DIR)/before: $(BENCH_DIR)/src
	cd $< && CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o $@ ./cmd/reconciler

$(CUE):
	GOBIN=$(GOBIN) $(GO) install cuelang.org/go/cmd/cue@$(CUE_VERSION)

$(BENCHSTAT):
	GOBIN=$(GOBIN) $(GO) install golang.org/x/perf/cmd/benchstat@$(BENCHSTAT_VERSION)

$(AJV):
	npm install --no-audit --no-fund --prefix $(CACHE)/npm ajv-cli@$(AJV_VERSION)

fuzz: ## Fuzz every target for FUZZTIME (default 20s), and hold the quick check to CUE a million times
	RECONCILER_DECLARATIONS=$${DECLARATIONS:-1000000} $(GO) test -count=1 -v -timeout 0 -run '^TestTheQuickCheck' ./internal/manifest
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-20s} $$pkg || exit 1; \
	  done; \
	done

release: $(NFPM) ## Build archives, deb, rpm, chart, SBOMs and checksums into dist/
	NFPM=$(NFPM) TARGETS="$(TARGETS)" scripts/release

$(NFPM):
	GOBIN=$(GOBIN) $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)

chart: build $(HELM) $(KUBECONFORM) ## Check the Helm chart
	HELM=$(HELM) KUBECONFORM=$(KUBECONFORM) RECONCILER=bin/reconciler scripts/chart

$(HELM):
	GOBIN=$(GOBIN) $(GO) install helm.sh/helm/v3/cmd/helm@$(HELM_VERSION)

$(KUBECONFORM):
	GOBIN=$(GOBIN) $(GO) install github.com/yannh/kubeconform/cmd/kubeconform@$(KUBECONFORM_VERSION)

image: ## Build the container image with docker, podman or buildah, and start it; GO_IMAGE=local needs no registry
	scripts/image reconciler:$(VERSION)

clean: ## Remove what was built
	rm -rf bin dist
