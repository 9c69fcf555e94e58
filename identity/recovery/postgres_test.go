package recovery

import (
	"testing"

	"github.com/doorward/doorward/authtest/stores"
)

func TestOnPostgreSQL(t *testing.T) { stores.OnPostgreSQL(t) }
