package keys

import (
	"maps"
	"sync"
	"sync/atomic"
)

// cacheLimit bounds a cache: names are constants of the program and few. Should a caller pass a stranger's text, it
// pays with time and not with memory.
const cacheLimit = 64

// cache keeps what is made once per name. Reading is a map look-up behind one atomic load: no lock and no allocation.
// The zero value is ready.
type cache[V any] struct {
	made atomic.Pointer[map[string]V]
	mu   sync.Mutex // one writer at a time copies the map
}

// get returns the value for name, and makes it where there is none.
func (c *cache[V]) get(name string, produce func(string) V) V {
	if made := c.made.Load(); made != nil {
		if v, ok := (*made)[name]; ok {
			return v
		}
	}
	return c.add(name, produce(name))
}

// add keeps v for name, unless another goroutine was first: then that one's value holds for both.
func (c *cache[V]) add(name string, v V) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := map[string]V{}
	if made := c.made.Load(); made != nil {
		if first, ok := (*made)[name]; ok {
			return first
		}
		if len(*made) >= cacheLimit {
			return v
		}
		next = maps.Clone(*made)
	}
	next[name] = v
	c.made.Store(&next)
	return v
}
