package poll

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authtest/clock"
)

// nothingPending is a store in which no address has a pending request.
type nothingPending struct{ authority.DeviceRequests }

func (nothingPending) PendingDeviceRequests(context.Context, string, time.Time) (int, error) {
	return 0, nil
}

func TestPendingTableIsBounded(t *testing.T) {
	t.Parallel()
	turned := clock.New()
	p := NewPendings(nothingPending{}, 0)
	for i := range 2 * maxHosts {
		if err := p.Enter(t.Context(), fmt.Sprint(i), turned.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if hosts := len(p.hosts); hosts > maxHosts {
		t.Errorf("%d hosts are remembered", hosts)
	}
}
