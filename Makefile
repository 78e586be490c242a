# Everything here works with Go and make alone: no C compiler, no git, no docker
# (but for `image`). `make` prints what there is.

# Static binaries; and no C compiler is needed. `make CGO_ENABLED=1 ...` for -race.
export CGO_ENABLED ?= 0
# A source archive has no git history to stamp into the binaries.
export GOFLAGS ?= -buildvcs=false
# What the environment knows of other clusters has no business here.
unexport KUBECONFIG

SHELL := /bin/sh
BIN := bin
DIST := dist
IMG ?= rollcall:latest
PLATFORMS ?= linux/amd64,linux/arm64
CONTAINER_TOOL ?= docker
# What binaries and images call themselves: a tag of git, or a commit.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null)
BUILD_ARGS = --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION)

CONTROLLER_GEN := go tool controller-gen
# The folders with markers. Tests and tools have none.
MARKED := paths=./api/... paths=./controllers/... paths=./internal/... paths=./webhook/... paths=./cmd/...
# Packages with tests that start a control plane.
INTEGRATION = $$(grep -rlE --include='*_test.go' '^//go:build .*integration' . | xargs -n1 dirname | sort -u)
TEST_TIMEOUT ?= 14m
# How long `make fuzz` spends on each target.
FUZZTIME ?= 1m
# Arguments for all `go test`, such as TESTFLAGS='-run TestNames -v'.
TESTFLAGS ?=

.DEFAULT_GOAL := help

.PHONY: help
help: ## Print this.
	@echo 'Rollcall: SCIM provisioning for Kubernetes.'
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z][a-z-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Try it

.PHONY: demo
demo: ## Run an Entra provisioning cycle against a local control plane, stage by stage; exit 0 only if each holds.
	@go build -o $(BIN)/demo ./test/demo
	@exec $(BIN)/demo

.PHONY: run
run: ## Start a control plane and the manager in the foreground; Ctrl-C stops everything.
	@go build -o $(BIN)/run ./hack/run
	@exec $(BIN)/run

.PHONY: bench
bench: ## Measure SCIM against the raw API server, and the latency of grants and revocations.
	@go build -o $(BIN)/bench ./test/bench
	@exec $(BIN)/bench

.PHONY: bench-scim
bench-scim: ## Measure the protocol alone: parsing, matching, merging, and a request without storage, with its event.
	go test -run '^$$' -bench . -benchmem ./scim/... ./internal/audit

##@ Test

.PHONY: test
test: test-alerts controlplane ## Run all tests, those against a real control plane one package at a time.
	@go test $(TESTFLAGS) $$(go list ./... | grep -vxF "$$(go list -tags integration $(INTEGRATION))")
	@assets=$$(go run ./hack/controlplane --with kube-controller-manager,kubectl --print-path) && \
		KUBEBUILDER_ASSETS=$$assets go test -tags integration -p 1 -timeout $(TEST_TIMEOUT) $(TESTFLAGS) $(INTEGRATION)

.PHONY: test-unit
test-unit: ## Run the tests that need no control plane.
	go test $(TESTFLAGS) ./...

.PHONY: test-alerts
test-alerts: ## Run the alerts and the dashboard's queries in Prometheus' engine, which has a module of its own.
	cd hack/tools/prometheus && go test $(TESTFLAGS) ./...

.PHONY: test-image
test-image: ## Build the image without a container engine, run it, and say how large it is.
	go test -tags integration -count 1 -v $(TESTFLAGS) ./test/image

.PHONY: fuzz
fuzz: ## Fuzz each parser and merge for FUZZTIME (1m), one after the other.
	@for package in $$(grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9]+' $$package/*_test.go | cut -d' ' -f2); do \
			echo "=== $$package $$target" && \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

.PHONY: lint
lint: $(BIN)/golangci-lint ## Run the linters, which also keep the walls between the packages.
	$(BIN)/golangci-lint run

.PHONY: vet
vet: ## Run go vet on everything, integration tests included.
	go vet -tags integration ./...

.PHONY: verify
verify: vet ## Fail if generated files, formatting or go.mod are not what they should be, or a requirement has no test.
	@go mod tidy -diff
	@go run ./hack/conformance --check
	@go run ./hack/chart --check
	@go run ./hack/metrics --check
	@unformatted=$$(gofmt -l api cmd controllers hack internal scim test webhook) && \
		if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && \
		$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt paths=./api/... output:object:dir=$$fresh && \
		$(CONTROLLER_GEN) crd rbac:roleName=rollcall-manager $(MARKED) output:crd:dir=$$fresh/crd output:rbac:dir=$$fresh && \
		diff api/v1alpha1/zz_generated.deepcopy.go $$fresh/zz_generated.deepcopy.go && \
		diff -r config/crd/bases $$fresh/crd && \
		diff config/rbac/role.yaml $$fresh/role.yaml || \
		{ echo 'generated files are outdated: make generate manifests'; exit 1; }

##@ Change it

.PHONY: generate
generate: ## Write the deep copies of the API types.
	$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt paths=./api/...

.PHONY: manifests
manifests: ## Write the CRDs and the manager's rights from the markers in the code, and the chart's copies.
	$(CONTROLLER_GEN) crd rbac:roleName=rollcall-manager $(MARKED) output:crd:dir=config/crd/bases output:rbac:dir=config/rbac
	@go run ./hack/chart

.PHONY: conformance
conformance: ## Write the page of what the tests prove of the RFCs and of the client facts.
	@go run ./hack/conformance

.PHONY: metrics
metrics: ## Write the page of the metrics that the manager serves.
	@go run ./hack/metrics

.PHONY: fmt
fmt: ## Format the code.
	gofmt -w api cmd controllers hack internal scim test webhook

##@ Build

.PHONY: build
build: ## Build the commands into bin/.
	go build -ldflags '-X github.com/rollcall-dev/rollcall/internal/version.stamped=$(VERSION)' -o $(BIN)/ ./cmd/...

.PHONY: image
image: ## Build the container image (IMG=rollcall:latest) with docker, or CONTAINER_TOOL=podman.
	$(CONTAINER_TOOL) build $(BUILD_ARGS) -t $(IMG) .

.PHONY: images
images: ## Build and push the image for PLATFORMS with docker buildx.
	docker buildx build --platform $(PLATFORMS) $(BUILD_ARGS) --push -t $(IMG) .

.PHONY: sbom
sbom: build $(BIN)/cyclonedx-gomod ## Write the manager's bill of materials, as CycloneDX, into dist/.
	@mkdir -p $(DIST)
	$(BIN)/cyclonedx-gomod bin -json -std -version $(VERSION) -output $(DIST)/manager.cdx.json $(BIN)/manager

.PHONY: chart
chart: $(BIN)/helm ## Lint the Helm chart and package it into dist/.
	$(BIN)/helm lint --strict charts/rollcall
	$(BIN)/helm package --destination $(DIST) charts/rollcall

.PHONY: krew
krew: ## Build the kubectl plugin for every platform, and its manifest for Krew, into dist/ (VERSION=v0.1.0).
	@go run ./hack/krew --version $(VERSION) --dist $(DIST)

.PHONY: controlplane
controlplane: ## Provide kube-apiserver, etcd, kube-controller-manager and kubectl: minutes, once.
	@go run ./hack/controlplane --with kube-controller-manager,kubectl

.PHONY: clean
clean: ## Remove what was built here. The cached control plane stays.
	rm -rf $(BIN) .run $(DIST)

# The linters build from their own module, once for each version.
$(BIN)/golangci-lint: hack/tools/golangci/go.mod
	@echo 'building golangci-lint from its Go module, once, a few minutes on two cores'
	@cd hack/tools/golangci && go build -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

$(BIN)/helm: hack/tools/helm/go.mod
	@echo 'building helm from its Go module, once, a few minutes on two cores'
	@cd hack/tools/helm && go build -o $(CURDIR)/$@ helm.sh/helm/v4/cmd/helm
	@touch $@

$(BIN)/cyclonedx-gomod: hack/tools/cyclonedx-gomod/go.mod
	@cd hack/tools/cyclonedx-gomod && go build -o $(abspath $@) github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	@touch $@
