package authority

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// BenchmarkPendingPoll polls pending logins in turn: it must cost the same whether a thousand wait or a hundred thousand.
func BenchmarkPendingPoll(b *testing.B) {
	for _, waiting := range []int{1_000, 10_000, 100_000} {
		b.Run(strconv.Itoa(waiting), func(b *testing.B) {
			bench := newDeviceBench(b)
			codes := make([]secret.String, waiting)
			for i := range codes { // sealed, and not stored: a poll does not look
				codes[i] = deviceCode{
					id: fmt.Sprintf("request-%d", i), client: bench.client.ID, expires: bench.clock.Now().Add(deviceLife),
				}.seal(bench.config.Master)
			}
			b.ReportAllocs()
			bench.store.asked() // what the start asked is not counted
			turn := 0
			for b.Loop() {
				if turn++; turn%waiting == 0 { // the next round: nobody polls too fast
					b.StopTimer()
					bench.clock.Advance(pollInterval)
					b.StartTimer()
				}
				if err := bench.poll(b, codes[turn%waiting]); err == nil {
					b.Fatal("a pending login was answered")
				}
			}
			if n := bench.store.asked(); n > 0 {
				b.Fatalf("the store was asked %d times", n)
			}
		})
	}
}

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
