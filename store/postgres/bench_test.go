package postgres

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/store/postgres/internal/engine"
	"github.com/doorward/doorward/store/storetest"
)

// BenchmarkRotateFamily is what a refresh asks of the store: a family read and rotated, by 64 at once over 10,000 families.
func BenchmarkRotateFamily(b *testing.B) {
	s := open(b, Config{URL: secret.New(durable.Database(b))})
	const machines = 10_000
	fill(b, s, machines)
	var turn atomic.Int64
	b.SetParallelism(32) // times two processors
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := turn.Add(1)
			id := fmt.Sprintf("family-%08d", n*7919%machines)
			if _, err := s.Family(b.Context(), id); err != nil {
				b.Error(err)
			}
			if _, err := s.ChangeFamily(b.Context(), id, func(f *authority.Family) (authority.After, error) {
				rotate(f, n)
				return authority.After{}, nil
			}); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rotations/s")
}

// BenchmarkAddDeviceRequest begins device logins, by 64 at once.
func BenchmarkAddDeviceRequest(b *testing.B) {
	s := open(b, Config{URL: secret.New(durable.Database(b))})
	var turn atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.AddDeviceRequest(b.Context(), request(turn.Add(1))); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// fill adds families, a part in each transaction: one must not take longer than a transaction may.
func fill(tb testing.TB, s *Store, machines int) {
	tb.Helper()
	const part = 500
	for begin := 0; begin < machines; begin += part {
		good(tb, s.engine.Change(tb.Context(), func(tx *engine.Tx) error {
			for n := begin; n < min(begin+part, machines); n++ {
				f := machine(fmt.Sprintf("family-%08d", n))
				if err := s.nouns.families.add(tx, &f); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

func machine(id string) authority.Family {
	return authority.Family{
		ID: id, Kind: authority.FamilySession, ClientID: "doorward", PersonID: "usr_" + id, Scope: []string{"openid", "profile"},
		Audience: []string{"https://auth.example.org"}, How: "device", Methods: []string{"pwd", "otp"}, Created: storetest.Now(),
		Origin: authority.Origin{Address: "192.0.2.1", Agent: "doorward/1.0 (linux; amd64)", Machine: "a machine"},
		Ends:   storetest.Now().Add(30 * 24 * time.Hour), KeyID: "k1", Salt: make([]byte, 16),
	}
}

func rotate(f *authority.Family, n int64) {
	f.Generation++
	f.Previous, f.Current[0], f.Current[1], f.Current[2] = f.Current, byte(n), byte(n>>8), byte(n>>16)
	f.Rotated, f.LastUsed, f.LastAddress = storetest.Now(), storetest.Now(), "192.0.2.1"
}

func request(n int64) authority.DeviceRequest {
	return authority.DeviceRequest{
		ID: fmt.Sprintf("request-%010d", n), UserCode: fmt.Sprintf("%08X", uint32(n)*2654435761), ClientID: "doorward",
		Scope: []string{"openid"}, Challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", State: authority.DevicePending,
		Origin:  authority.Origin{Address: fmt.Sprintf("192.0.2.%d", n%200), Agent: "doorward/1.0 (linux; amd64)", Machine: "a machine"},
		Created: storetest.Now(), Expires: storetest.Now().Add(10 * time.Minute),
	}
}
