package token

import (
	"errors"
	"testing"

	"github.com/doorward/doorward/authority"
)

func TestCheck_SEC284_AReplicaThatDoesNotHearSaysSo(t *testing.T) {
	t.Parallel()
	tokens := New(Config{Fresh: func() bool { return false }})
	if _, err := tokens.Check(t.Context(), "any token"); !errors.Is(err, authority.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
}
