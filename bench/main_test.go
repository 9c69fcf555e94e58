package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/bench/load"
)

func TestParse(t *testing.T) {
	t.Setenv("BENCH_SECONDS", "0.5")
	t.Setenv("BENCH_SERVICE_SECRET", "from the environment")
	s, err := parse([]string{"--url", "https://id.example", "--connections", "3", "--many-addresses", "userinfo", "refresh"})
	if err != nil {
		t.Fatal(err)
	}
	if s.length() != 500*time.Millisecond || s.connections != 3 || s.pending != 10_000 || len(s.workloads) != 2 || s.server.Address == nil {
		t.Errorf("settings %+v", s)
	}
	if s.server.ServiceSecret.Reveal() != "from the environment" {
		t.Error("the service's secret was not taken from the environment")
	}
	for _, bad := range [][]string{{"--connections", "0"}, {"--seconds", "-1"}, {"--pending", "0"}, {"--no-such-flag"}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	t.Setenv("BENCH_SECONDS", "a while")
	if _, err := parse(nil); err == nil {
		t.Error("BENCH_SECONDS=a while was taken")
	}
}

func TestRunNeedsBoth(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--url", "https://id.example"}, {"refresh"}} {
		if err := run(t.Context(), args, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "device_login") {
			t.Errorf("%v: %v, want an error that names the workloads", args, err)
		}
	}
}

func TestRowsNameWorkloads(t *testing.T) {
	t.Parallel()
	known := strings.Join(load.Names(), " ")
	for _, row := range rows() {
		if !strings.Contains(known, row.workload) || row.connections <= 0 || row.wanted() <= 0 {
			t.Errorf("row %+v", row)
		}
	}
}

func TestMet(t *testing.T) {
	t.Parallel()
	byRate := row{rate: 2000, cpu: 0.45}
	byRatio := row{ratio: 0.9}
	for name, test := range map[string]struct {
		row              row
		rate, ratio, cpu float64
		want             bool
	}{
		"by its rate":          {byRate, 2000, 0.01, 0.45, true},
		"by its ratio":         {byRate, 500, 0.15, 0.1, true},
		"neither":              {byRate, 1999, 0.14, 0.1, false},
		"too much work":        {byRate, 9999, 0.9, 0.46, false},
		"a ratio":              {byRatio, 1, 0.9, 9, true},
		"fast beside a faster": {byRatio, 100_000, 0.89, 0, false},
	} {
		if got := test.row.met(test.rate, test.ratio, test.cpu); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}

func TestReadTokens(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte("one\n\n  two \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tokens, err := readTokens(path)
	if err != nil || len(tokens) != 2 || tokens[1].Reveal() != "two" {
		t.Errorf("%d tokens, %v", len(tokens), err)
	}
	if _, err := readTokens(path + ".none"); err == nil {
		t.Error("a file that is not there was read")
	}
}
