package cred

import "testing"

// BenchmarkFileGet is the hot path of a `token` command, without the process around it.
func BenchmarkFileGet(b *testing.B) {
	f := &File{Path: b.TempDir() + "/login.json"}
	if _, err := f.Update(b.Context(), testKey, put(sample("a token of usual length, of which there are five hundred bytes or more"))); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Get(b.Context(), testKey); err != nil {
			b.Fatal(err)
		}
	}
}
