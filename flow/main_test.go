package flow

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain proves SEC-259's last word for every login of these tests: nothing is left running.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}
