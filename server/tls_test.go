package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/server"
)

// keyPair writes a certificate for localhost and returns the files and whoever trusts it.
func keyPair(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	roots = x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	roots.AddCert(cert)
	return certFile, keyFile, roots
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certFile, keyFile, roots := keyPair(t)
	r := start(t, func(c *server.Config) {
		c.TLSCert, c.TLSKey, c.Issuer, c.ReadTimeout = certFile, keyFile, "https://localhost", 300*time.Millisecond
	})
	client := func(config *tls.Config) *http.Client {
		config.RootCAs, config.ServerName = roots, "localhost"
		return &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}
	}
	target := "https://" + r.Addr().String() + "/jwks"
	t.Run("SEC-207 HTTP/2 and HSTS", func(t *testing.T) {
		response, err := client(&tls.Config{}).Get(target)
		must(t, err)
		_ = response.Body.Close()
		if response.ProtoMajor != 2 || response.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s %v", response.Proto, response.Header)
		}
	})
	t.Run("a held poll over HTTP/2 outlives the limits of a usual request", func(t *testing.T) {
		browser := client(&tls.Config{})
		post := func(path string, values url.Values, wait string) (map[string]any, http.Header) {
			request, err := http.NewRequest(http.MethodPost, "https://"+r.Addr().String()+path, strings.NewReader(values.Encode()))
			must(t, err)
			request.Header.Set("Content-Type", formType)
			request.Header.Set("Prefer", wait)
			response, err := browser.Do(request)
			must(t, err)
			defer func() { _ = response.Body.Close() }()
			var body map[string]any
			must(t, json.NewDecoder(response.Body).Decode(&body))
			return body, response.Header
		}
		begun, _ := post("/device_authorization", url.Values{"client_id": {"doorward"}}, "")
		got, header := post("/token", url.Values{
			"client_id": {"doorward"}, "grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {begun["device_code"].(string)},
		}, "wait=1")
		if got["error"] != "authorization_pending" || header.Get("Preference-Applied") != "wait=1" {
			t.Errorf("%v %v", got, header)
		}
	})
	t.Run("TLS 1.1 is refused", func(t *testing.T) {
		response, err := client(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Get(target)
		if err == nil {
			_ = response.Body.Close()
			t.Error("it was spoken")
		}
	})
	t.Run("SEC-218 plain http is refused, not redirected", func(t *testing.T) {
		if got := r.do(t, "POST", "/token", "client_id=doorward", "Content-Type", formType); got.status != 400 || got.header.Get("Location") != "" {
			t.Errorf("%d %v", got.status, got.header)
		}
	})
}
