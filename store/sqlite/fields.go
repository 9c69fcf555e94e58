package sqlite

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"
)

// A noun's fields are listed once, as pointers in the order of its columns: they are where Scan puts a row, and what
// values makes arguments of. These are the types that are not SQLite's own.
type (
	moment struct{ at *time.Time } // microseconds since 1970; NULL: the zero time
	digest struct{ sum *[32]byte }
	// compound is JSON of what to points to; NULL where it is nothing.
	compound struct {
		to      any
		nothing func() bool
	}
)

// list is a list as JSON. Every text in it comes back as it was as long as it is UTF-8, NUL included.
func list[T any, S ~[]T](to *S) compound {
	return compound{to: to, nothing: func() bool { return *to == nil }}
}

// cut brings a time to what the store keeps: microseconds, in UTC.
func cut(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// micros is what cut leaves, as a number for a statement.
func micros(t time.Time) int64 { return cut(t).UnixMicro() }

// Value also cuts the time that was given, so that whoever saved it holds what will be read back.
func (m moment) Value() (driver.Value, error) {
	if *m.at = cut(*m.at); m.at.IsZero() {
		return nil, nil
	}
	return m.at.UnixMicro(), nil
}

// Scan makes a time in UTC, so that times can be compared with ==.
func (m moment) Scan(value any) error {
	switch value := value.(type) {
	case nil:
		*m.at = time.Time{}
	case int64:
		*m.at = time.UnixMicro(value).UTC()
	default:
		return fmt.Errorf("sqlite: a time is %T", value)
	}
	return nil
}

// Value is a copy of the 32 bytes: what a row was before a change must not change with it.
func (d digest) Value() (driver.Value, error) {
	sum := *d.sum
	return sum[:], nil
}

// Scan refuses what is not 32 bytes: a hash cut short would match by its beginning.
func (d digest) Scan(value any) error {
	raw, ok := value.([]byte)
	if !ok || len(raw) != len(d.sum) {
		return fmt.Errorf("sqlite: a hash is %T", value)
	}
	copy(d.sum[:], raw)
	return nil
}

// Value is NULL where there is nothing, which spares the hot paths the JSON.
func (c compound) Value() (driver.Value, error) {
	if c.nothing() {
		return nil, nil
	}
	text, err := json.Marshal(c.to)
	return string(text), err
}

// Scan leaves what c points to alone where the column is NULL; it was zero before.
func (c compound) Scan(value any) error {
	switch value := value.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(value), c.to)
	}
	return fmt.Errorf("sqlite: JSON is %T", value)
}

// values makes arguments of fields. It spares database/sql the reflection on each of them.
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
		case driver.Valuer:
			made[i], err = field.Value()
		default:
			err = fmt.Errorf("sqlite: %T is no field", field)
		}
		if err != nil {
			return nil, err
		}
	}
	return made, nil
}
