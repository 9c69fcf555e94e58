package terminal

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/clipperhouse/displaywidth"
)

// Waiting is a line that shows that something is awaited, and for how long still.
type Waiting struct {
	// Line is the text while it lasts; left is what remains, in whole seconds, or negative where Until is zero.
	Line func(left time.Duration) string
	// Still is the one sentence that is printed where nothing may be redrawn; "": nothing is.
	Still string
	// Until is when the wait ends by itself; zero: it is not known.
	Until time.Time
}

// frames turn once a second: movement that says "alive", slow enough not to flicker over a slow link.
const frames = "⠋⠙⠸⠴⠦⠇"

// Wait shows w until ctx ends or stop is called. On a terminal it is one line with a turning mark that is drawn again and
// cleared at the end; elsewhere it is the sentence Still, once. stop may be called more than once, and returns when the
// line is gone.
func (t *Terminal) Wait(ctx context.Context, w Waiting) (stop func()) {
	if !t.Redraws() {
		if w.Still != "" {
			t.Say("%s", w.Still)
		}
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { t.turn(ctx, w) })
	return func() {
		cancel()
		done.Wait()
	}
}

// turn draws until ctx ends. The line never reaches the last column: a line that wraps cannot be cleared.
func (t *Terminal) turn(ctx context.Context, w Waiting) {
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	marks := []rune(frames)
	for i := 0; ; i++ {
		width, _ := t.Dimensions()
		line := displaywidth.TruncateString(string(marks[i%len(marks)])+" "+w.Line(t.Left(w.Until)), max(width-1, 1), "…")
		_, _ = io.WriteString(t.screen(), "\r"+line+"\x1b[K")
		select {
		case <-ctx.Done():
			_, _ = io.WriteString(t.screen(), "\r\x1b[K")
			return
		case <-ticker.C:
		}
	}
}

// Left is what remains until a moment, in whole seconds and not below zero; -1 s where the moment is the zero time.
func (t *Terminal) Left(until time.Time) time.Duration {
	if until.IsZero() {
		return -time.Second
	}
	return max(until.Sub(t.now()).Round(time.Second), 0)
}

// Clock writes a duration as minutes and seconds, 9:41, and with hours from one hour on, 1:00:05.
func Clock(d time.Duration) string {
	s := int(max(d, 0) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// Words writes a duration for reading aloud, in its one or two greatest units: "9 minutes 41 seconds", "14 days".
func Words(d time.Duration) string {
	units := []struct {
		name string
		size time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}}
	text := ""
	for _, u := range units {
		n := d / u.size
		if n <= 0 {
			if text != "" {
				return text // only neighbours: "1 day 3 seconds" helps nobody
			}
			continue
		}
		d -= n * u.size
		part := fmt.Sprintf("%d %ss", n, u.name)
		if n == 1 {
			part = "1 " + u.name
		}
		if text != "" {
			return text + " " + part
		}
		text = part
	}
	if text == "" {
		return "0 seconds"
	}
	return text
}
