package server

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"
)

// bounds are the upper ends of the histogram, in seconds; the last ones are for held polls.
var bounds = [...]float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5, 30}

// counts are what is counted of one route. There is one per pattern of the list of routes, made before the first request:
// nothing that a client sends makes a series (SEC-279). Everything in it is atomic: a request that is counted waits for
// nobody.
type counts struct {
	classes [6]atomic.Uint64               // by the first digit of the status
	buckets [len(bounds) + 1]atomic.Uint64 // not cumulative: that is made when they are read
	nanos   atomic.Int64                   // the sum of all durations
}

func (c *counts) add(status int, took time.Duration) {
	if class := status / 100; class > 0 && class < len(c.classes) {
		c.classes[class].Add(1)
	}
	// The bucket whose upper end is the first that took does not exceed; the last one has no end.
	seconds, i := took.Seconds(), 0
	for i < len(bounds) && seconds > bounds[i] {
		i++
	}
	c.buckets[i].Add(1)
	c.nanos.Add(int64(took))
}

// serveMetrics writes Prometheus' text format, version 0.0.4. It is on an address of its own and asks nobody who he is:
// that address must not be public (SEC-219).
func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	family(w, "doorward_http_requests_total", "counter", "Requests answered, by route and class of status.")
	for _, route := range s.routes {
		for class := range route.counts.classes {
			if n := route.counts.classes[class].Load(); n > 0 {
				_, _ = fmt.Fprintf(w, "doorward_http_requests_total{route=%q,status=\"%dxx\"} %d\n", route.pattern, class, n)
			}
		}
	}
	family(w, "doorward_http_request_duration_seconds", "histogram", "Time to answer, held polls included.")
	for _, route := range s.routes {
		route.counts.write(w, route.pattern)
	}
	gauge(w, "doorward_ready", "1 where requests are served: the store answers and the news of other replicas is fresh.",
		float64(oneIf(s.ready(r.Context()) == nil)))
	gauge(w, "doorward_connections", "Open connections.", float64(s.connections.Load()))
	var memory runtime.MemStats // stops the world for some microseconds, once a scrape
	runtime.ReadMemStats(&memory)
	gauge(w, "go_goroutines", "Goroutines that exist.", float64(runtime.NumGoroutine()))
	gauge(w, "go_memstats_heap_alloc_bytes", "Bytes of live heap objects.", float64(memory.HeapAlloc))
	gauge(w, "go_memstats_sys_bytes", "Bytes obtained from the system.", float64(memory.Sys))
	gauge(w, "process_start_time_seconds", "When the server was started, in Unix time.", float64(s.started.Unix()))
}

// write reads the buckets one after the other while requests go on: a sum may be one request behind its parts.
func (c *counts) write(w io.Writer, pattern string) {
	var total uint64
	const name = "doorward_http_request_duration_seconds"
	for i := range c.buckets { // cumulative, as the format wants them
		end := "+Inf"
		if i < len(bounds) {
			end = strconv.FormatFloat(bounds[i], 'g', -1, 64)
		}
		total += c.buckets[i].Load()
		_, _ = fmt.Fprintf(w, "%s_bucket{route=%q,le=%q} %d\n", name, pattern, end, total)
	}
	_, _ = fmt.Fprintf(w, "%s_sum{route=%q} %g\n%s_count{route=%q} %d\n",
		name, pattern, time.Duration(c.nanos.Load()).Seconds(), name, pattern, total)
}

func family(w io.Writer, name, kind, help string) {
	_, _ = fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func gauge(w io.Writer, name, help string, value float64) {
	family(w, name, "gauge", help)
	_, _ = fmt.Fprintf(w, "%s %g\n", name, value)
}

func oneIf(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
