// Package process starts programs and reads what they cost: processor time and memory of a server, the time of a short run.
package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of /proc/PID/stat: Linux tells every program 100 a second.
const tick = 10 * time.Millisecond

// startLimit is how long a server may take until it says where it listens.
const startLimit = 20 * time.Second

// Server is a server that runs beside us.
type Server struct {
	URL     string // where it listens
	command *exec.Cmd
	errors  bytes.Buffer
}

// Start starts a server and waits for the line in which it says its URL, the first word of its output with :// in it.
// The server's environment is env.
func Start(ctx context.Context, env []string, path string, args ...string) (*Server, error) {
	s := &Server{command: exec.CommandContext(ctx, path, args...)}
	s.command.Env = env
	s.command.Stderr = &s.errors
	s.command.Cancel = func() error { return s.command.Process.Signal(syscall.SIGTERM) }
	s.command.WaitDelay = startLimit
	out, err := s.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	said := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() { // to the end: a server must not block on what it prints
			if address := firstURL(lines.Text()); address != "" {
				select {
				case said <- address:
				default:
				}
			}
		}
		close(said)
	}()
	select {
	case s.URL = <-said:
	case <-time.After(startLimit):
	}
	if s.URL == "" {
		err := s.Stop()
		return nil, errors.Join(fmt.Errorf("%s did not say where it listens: %s", path, s.errors.String()), err)
	}
	return s, nil
}

func firstURL(line string) string {
	for word := range strings.FieldsSeq(line) {
		if strings.Contains(word, "://") {
			return word
		}
	}
	return ""
}

// Stop ends the server and waits for its end.
func (s *Server) Stop() error {
	_ = s.command.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	return s.command.Wait()
}

// CPU is the processor time that the server has used so far, in ticks of 10 ms. It works on Linux only.
func (s *Server) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseCPU(string(text))
}

// parseCPU reads utime and stime, the fields 14 and 15 of proc_pid_stat(5). The second field is the program's name in
// parentheses and may hold anything, so counting begins behind the last one.
func parseCPU(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("process: that is no line of /proc/PID/stat")
	}
	user, err := strconv.ParseUint(fields[11], 10, 63)
	system, other := strconv.ParseUint(fields[12], 10, 63)
	if err := errors.Join(err, other); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * tick, nil
}

// Memory is what the server has in memory and the most that it ever had, in bytes (VmRSS and VmHWM). It works on Linux only.
func (s *Server) Memory() (now, most int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	return parseMemory(string(text))
}

// ForgetPeak makes Memory's most begin anew (proc_pid_clear_refs(5)).
func (s *Server) ForgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.command.Process.Pid), []byte("5"), 0o600)
}

func parseMemory(status string) (now, most int64, err error) {
	if now, err = kilobytes(status, "VmRSS:"); err == nil {
		most, err = kilobytes(status, "VmHWM:")
	}
	return now, most, err
}

func kilobytes(status, name string) (int64, error) {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 53)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("process: %s is not in /proc/PID/status", name)
}
