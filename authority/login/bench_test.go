package login

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login/devicecode"
	"github.com/doorward/doorward/authority/poll"
	"github.com/doorward/doorward/authority/replica"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// BenchmarkPendingPoll polls pending logins in turn: it must cost the same whether a thousand wait or a hundred thousand. There
// is no store: whoever asked it would panic.
func BenchmarkPendingPoll(b *testing.B) {
	for _, waiting := range []int{1_000, 10_000, 100_000} {
		b.Run(strconv.Itoa(waiting), func(b *testing.B) {
			at := time.Now()
			now := func() time.Time { return at }
			master := keys.NewMaster()
			_, _, devices := New(Config{Master: master, Decided: replica.NewDecided(now), Marks: replica.NewMarks(now), Now: now})
			client := authority.Client{ID: "cli", Grants: []oauth.GrantType{oauth.GrantDeviceCode}}
			codes := make([]secret.String, waiting)
			for i := range codes { // sealed, and not stored: a poll does not look
				codes[i] = devicecode.Code{ID: fmt.Sprintf("request-%d", i), Client: client.ID, Expires: at.Add(24 * time.Hour)}.Seal(master)
			}
			b.ReportAllocs()
			turn := 0
			for b.Loop() {
				if turn++; turn%waiting == 0 { // the next round: nobody polls too fast
					at = at.Add(poll.Interval)
				}
				if _, _, err := devices.Poll(b.Context(), client, codes[turn%waiting], 0, "192.0.2.1"); err == nil {
					b.Fatal("a pending login was answered")
				}
			}
		})
	}
}
