# Four targets; everything else is `go`.
.PHONY: demo test lint bench

GO ?= go

# One login from start to finish, on a temporary store.
demo:
	$(GO) run ./cmd/doorward demo

# Everything: units, screens, a real browser, third-party clients. CI=true turns missing parts from skips into failures.
test:
	$(GO) test -race ./...

lint:
	@test -z "$$($(GO) tool -modfile=tools/go.mod gofumpt -l .)" || { echo "gofumpt would change:"; $(GO) tool -modfile=tools/go.mod gofumpt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) tool -modfile=tools/go.mod golangci-lint run ./...

# The benchmarks beside the code, then the tables of the whole program.
bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...
