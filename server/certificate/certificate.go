// Package certificate keeps the key pair that a server shows, and reads it again when its files change.
//
// What comes in are two names of PEM files; what goes out is a tls.Config. The law it keeps: a server that has begun never loses
// its certificate to a file that is missing, half written or wrong; it goes on with the pair that it has, and looks again.
package certificate

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// recheck is how often a handshake looks whether the certificate's file has changed.
const recheck = time.Minute

// Pair is a key pair on disk that is read again when it changes: certificates are renewed under running servers.
type Pair struct {
	certFile, keyFile string

	mu      sync.Mutex
	pair    *tls.Certificate
	changed time.Time // of the file that pair was read from
	looked  time.Time
}

// Load reads the pair. It fails, unlike what happens later, where the files cannot be used: a server that never had a
// certificate must not come up.
func Load(certFile, keyFile string) (*Pair, error) {
	c := &Pair{certFile: certFile, keyFile: keyFile}
	if err := c.read(); err != nil {
		return nil, fmt.Errorf("server: the certificate cannot be used: %w", err)
	}
	return c, nil
}

func (c *Pair) read() error {
	info, err := os.Stat(c.certFile) // before reading: a file that changes meanwhile is read again
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.pair, c.changed, c.looked = &pair, info.ModTime(), time.Now()
	return nil
}

// get is tls.Config's GetCertificate. A new file that cannot be read, or is half written, leaves the old pair in use.
func (c *Pair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) > recheck {
		c.looked = time.Now()
		if info, err := os.Stat(c.certFile); err == nil && !info.ModTime().Equal(c.changed) {
			_ = c.read() // a failure leaves changed as it was, so that the next minute tries again
		}
	}
	// Under the lock, which is held while the files are read, once a minute.
	return c.pair, nil
}

// Config asks for the pair at every handshake, so that a renewed one is in use within a minute and without a restart.
func (c *Pair) Config() *tls.Config {
	// 1.2 is for what runs on old enterprise machines; its ciphers are Go's list, without the weak ones.
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}
