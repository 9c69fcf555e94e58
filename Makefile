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

# The benchmarks beside the code, briefly, then the tables of the whole program, each value beside its aim. BENCH_SECONDS (2)
# is how long each workload runs; some two minutes in all.
bench:
	$(GO) test -run '^$$' -bench . -benchtime 100ms -benchmem $$(grep -rl --include='*_test.go' '^func Benchmark' . | xargs -n1 dirname | sort -u)
	$(GO) run ./bench
