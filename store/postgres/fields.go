package postgres

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// A noun's fields are listed once, as pointers in the order of its columns: they are where a row goes, and what values makes
// arguments of. These are the types that are not PostgreSQL's own.
type (
	moment struct{ at *time.Time } // NULL: the zero time
	digest struct{ sum *[32]byte }
	// compound is JSON of what to points to; NULL where it is nothing.
	compound struct {
		to      any
		nothing func() bool
	}
	// A field that makes its argument itself, and one that makes it as JSON, which may fail.
	valuer    interface{ value() any }
	marshaler interface{ text() (any, error) }
)

// list is a list as JSON. Every text in it comes back as it was as long as it is UTF-8, NUL included.
func list[T any, S ~[]T](to *S) compound {
	return compound{to: to, nothing: func() bool { return *to == nil }}
}

// cut brings a time to what the store keeps: microseconds, in UTC.
func cut(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// value also cuts the time that was given, so that whoever saved it holds what will be read back.
func (m moment) value() any {
	if *m.at = cut(*m.at); m.at.IsZero() {
		return nil
	}
	return *m.at
}

// ScanTimestamptz makes a time in UTC, so that times can be compared with ==.
func (m moment) ScanTimestamptz(value pgtype.Timestamptz) error {
	if *m.at = value.Time.UTC(); !value.Valid {
		*m.at = time.Time{}
	}
	return nil
}

func (d digest) value() any { return bytes.Clone(d.sum[:]) }

// ScanBytes refuses what is not 32 bytes: a hash cut short would match by its beginning.
func (d digest) ScanBytes(raw []byte) error {
	if len(raw) != len(d.sum) {
		return fmt.Errorf("postgres: a hash has %d bytes", len(raw))
	}
	copy(d.sum[:], raw)
	return nil
}

// text is NULL where there is nothing, which spares the hot paths the JSON.
func (c compound) text() (any, error) {
	if c.nothing() {
		return nil, nil
	}
	text, err := json.Marshal(c.to)
	return string(text), err
}

// ScanText leaves what c points to alone where the column is NULL; it was zero before.
func (c compound) ScanText(text pgtype.Text) error {
	if !text.Valid {
		return nil
	}
	return json.Unmarshal([]byte(text.String), c.to)
}

// values makes arguments of fields, each a copy of what the field holds now.
func values(fields []any) ([]any, error) {
	made := make([]any, len(fields))
	for i, field := range fields {
		var err error
		switch field := field.(type) {
		case *string:
			made[i] = *field
		case *bool:
			made[i] = *field
		case *int:
			made[i] = int64(*field)
		case *int64:
			made[i] = *field
		case *[]byte:
			if *field != nil {
				made[i] = bytes.Clone(*field)
			}
		case valuer:
			made[i] = field.value()
		case marshaler:
			made[i], err = field.text()
		default:
			err = fmt.Errorf("postgres: %T is no field", field)
		}
		if err != nil {
			return nil, err
		}
	}
	return made, nil
}
