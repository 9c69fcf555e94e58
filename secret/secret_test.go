package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/doorward/doorward/secret"
)

const canary = "hunter2-canary"

// TestNothingPrintsASecret_SEC274 tries every way in which a value usually escapes.
func TestNothingPrintsASecret_SEC274(t *testing.T) {
	t.Parallel()
	s := secret.New(canary)
	holder := struct {
		Name string
		Key  secret.String
		Ptr  *secret.String
	}{"n", s, &s}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		fmt.Fprintf(&out, verb+" "+verb+"\n", s, holder)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "s", s, "h", holder)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "s", s)
	fmt.Fprintln(&out, errors.Join(fmt.Errorf("wrapped %v", s)))
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
		if strings.Contains(out.String(), form) {
			t.Errorf("printed as %q:\n%s", form, out.String())
		}
	}
	if !strings.Contains(out.String(), secret.Mask) {
		t.Error("nothing shows that there is a secret")
	}
	if _, err := json.Marshal(holder); !errors.Is(err, secret.ErrMarshal) {
		t.Errorf("marshalled: %v", err)
	}
}

func TestReadingAndComparing(t *testing.T) {
	t.Parallel()
	var got struct{ Key secret.String }
	if err := json.Unmarshal([]byte(`{"Key":"`+canary+`"}`), &got); err != nil || got.Key.Reveal() != canary {
		t.Errorf("read %v, %v", got, err)
	}
	if !got.Key.Equal(secret.New(canary)) || got.Key.Equal(secret.New(canary+"x")) || got.Key.IsZero() || !(secret.String{}).IsZero() {
		t.Error("comparisons")
	}
}
