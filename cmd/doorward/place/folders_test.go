package place

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestFolders(t *testing.T) {
	t.Parallel()
	env := func(name string) string {
		return map[string]string{"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "relative"}[name]
	}
	if folder, err := ConfigFolder(env); err != nil || folder != filepath.Join("/c", "doorward") {
		t.Errorf("the credentials are in %q, %v", folder, err)
	}
	if folder, err := StateFolder(env); err != nil || strings.HasPrefix(folder, "relative") {
		t.Errorf("a relative XDG_STATE_HOME was taken: %q, %v", folder, err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	env := func(name string) string { return map[string]string{"XDG_STATE_HOME": "/s"}[name] }
	for _, test := range []struct {
		flags         Flags
		store, master string
	}{
		{Flags{}, "/s/doorward/doorward.db", "/s/doorward/doorward.db.key"},
		{Flags{Store: "sqlite:/x/y.db"}, "/x/y.db", "/x/y.db.key"},
		{Flags{Store: "sqlite:/x/y.db", Master: "/k"}, "/x/y.db", "/k"},
	} {
		found, err := test.flags.Find(env)
		if err != nil || found.Store != test.store || found.Master != test.master {
			t.Errorf("%+v is at %+v, %v", test.flags, found, err)
		}
	}
	for _, store := range []string{"x.db", "sqlite:", "postgres://db/x", "postgres://", "file:x"} {
		if found, err := (&Flags{Store: store}).Find(env); err == nil {
			t.Errorf("%s was found at %+v", store, found)
		}
	}
}

func TestADatabaseIsNamedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	found, err := (&Flags{Store: "postgres://doorward:hunter2@db.example:5432/doorward?sslmode=verify-full", Master: "/k"}).Find(nil)
	if err != nil || found.Database.IsZero() || found.Master != "/k" || found.Socket() != "" {
		t.Fatalf("it is at %v, %v", found, err)
	}
	if found.String() != "PostgreSQL at db.example:5432/doorward" {
		t.Errorf("it is named %q", found.String())
	}
}
