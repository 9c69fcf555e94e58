package process

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestParseCPU(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		stat string
		want time.Duration
		bad  bool
	}{
		"plain":            {"12 (doorward) S 1 12 12 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 1 2 3", 3 * time.Second, false},
		"a name of tricks": {"12 (a) R 9 (b) S 1 12 12 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 9", 30 * time.Millisecond, false},
		"short":            {"12 (doorward) S 1", 0, true},
		"no numbers":       {"12 (doorward) S 1 12 12 0 -1 4194560 100 0 0 0 x y 0 0 20", 0, true},
		"empty":            {"", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := parseCPU(test.stat); got != test.want || (err != nil) != test.bad {
				t.Errorf("%v, %v, want %v and an error: %t", got, err, test.want, test.bad)
			}
		})
	}
}

func TestParseMemory(t *testing.T) {
	t.Parallel()
	now, most, err := parseMemory("Name:\tdoorward\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n")
	if now != 1<<20 || most != 2<<20 || err != nil {
		t.Errorf("%d, %d, %v, want 1 and 2 MiB", now, most, err)
	}
	for _, bad := range []string{"", "VmRSS: 1 kB\n", "VmHWM: x kB\nVmRSS: 1 kB\n"} {
		if _, _, err := parseMemory(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// FuzzParse: what the kernel writes is not ours to promise.
func FuzzParse(f *testing.F) {
	f.Add("12 (doorward) S 1 12 12 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9")
	f.Add("VmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = parseCPU(text)
		if now, most, err := parseMemory(text); err != nil && now != 0 && most != 0 {
			t.Errorf("%d and %d come with the error %v", now, most, err)
		}
	})
}

// TestMain makes this test a server, too: one that says where it listens and waits for its end.
func TestMain(m *testing.M) {
	switch os.Getenv("PROCESS_TEST_IS") {
	case "server":
		os.Stdout.WriteString("a line before\nlistens on http://127.0.0.1:1 now\n")
		time.Sleep(time.Minute)
	case "mute":
		os.Stderr.WriteString("cannot listen\n")
		os.Exit(3)
	case "":
		os.Exit(m.Run())
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	server, err := Start(t.Context(), append(os.Environ(), "PROCESS_TEST_IS=server"), os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if server.URL != "http://127.0.0.1:1" {
		t.Errorf("the server listens on %q", server.URL)
	}
	if runtime.GOOS == "linux" {
		if _, err := server.CPU(); err != nil {
			t.Error(err)
		}
		if now, most, err := server.Memory(); err != nil || now <= 0 || most < now {
			t.Errorf("memory %d, at most %d: %v", now, most, err)
		}
	}
	_ = server.Stop() // it ends by the signal, which is an exit code of its own
	if server.command.ProcessState == nil {
		t.Error("the server still runs")
	}
}

func TestStartOfWhatFails(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), append(os.Environ(), "PROCESS_TEST_IS=mute"), os.Args[0])
	if err == nil || !strings.Contains(err.Error(), "cannot listen") {
		t.Errorf("error %v, want one with the program's own words", err)
	}
}

func TestRace(t *testing.T) {
	t.Parallel()
	echo, err := exec.LookPath("echo")
	if err != nil {
		t.Skip("there is no echo here")
	}
	laps, err := Race(t.Context(), 3, Program{Name: "one", Path: echo}, Program{Name: "two", Path: echo, Args: []string{"hi"}, Want: "hi"})
	if err != nil {
		t.Fatal(err)
	}
	if len(laps) != 2 || laps[0].Ratio != 1 || laps[1].Name != "two" || laps[1].Wall <= 0 || laps[1].Ratio <= 0 {
		t.Errorf("laps %+v", laps)
	}
	if _, err := Race(t.Context(), 1, Program{Name: "liar", Path: echo, Args: []string{"ho"}, Want: "hi"}); err == nil {
		t.Error("a program that prints something else was timed")
	}
	if _, err := Race(context.Background(), 1, Program{Name: "none", Path: echo + "-is-not-there"}); err == nil {
		t.Error("a program that is not there was timed")
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	if got := median([]float64{9, 1, 5}); got != 5 {
		t.Errorf("median %v, want 5", got)
	}
	if got := median([]int64(nil)); got != 0 {
		t.Errorf("median of nothing %v", got)
	}
}
