package keys

import "testing"

func BenchmarkSignES256(b *testing.B) {
	r := ring(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Sign(ES256, typ, claims); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyES256(b *testing.B) {
	r := ring(b)
	token := sign(b, r, ES256, typ)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.Verify(token, typ); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealOpen(b *testing.B) {
	m := NewMaster()
	plaintext := make([]byte, 96)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.OpenText("p", m.SealText("p", plaintext, nil), nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDerive(b *testing.B) {
	m := NewMaster()
	part := make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Derive(m.Current(), "p", part, part); err != nil {
			b.Fatal(err)
		}
	}
}
