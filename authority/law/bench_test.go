package law

import (
	"testing"

	"github.com/doorward/doorward/oauth"
)

// BenchmarkCheck looks at one access token again and again.
func BenchmarkCheck(b *testing.B) {
	bench := newDeviceBench(b)
	if err := bench.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	token, _, err := bench.Tokens.Service(bench.client, oauth.Scope{"openid"}, []string{"https://api.example"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bench.Tokens.Check(b.Context(), token.Reveal()); err != nil {
			b.Fatal(err)
		}
	}
}
