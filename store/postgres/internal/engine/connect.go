package engine

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	usualConns = 10
	// dialing is how long a server may take to answer a new connection, unless the address says it (connect_timeout).
	dialing = 3 * time.Second
	// pinging is how long a connection that was idle may take to prove that it lives.
	pinging = time.Second
)

// connecting makes pgx's settings of the config. An address that cannot be read fails without showing its password.
func connecting(config Config) (*pgxpool.Config, error) {
	address := config.Address.Reveal()
	settings, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("postgres: the store's address cannot be read: %w", err)
	}
	switch {
	case config.Conns > 0:
		settings.MaxConns = int32(min(config.Conns, 10_000))
	case !strings.Contains(address, "pool_max_conns"):
		settings.MaxConns = usualConns
	}
	settings.PingTimeout = pinging
	conn := settings.ConnConfig
	if conn.ConnectTimeout <= 0 || !strings.Contains(address, "connect_timeout") {
		conn.ConnectTimeout = dialing
	}
	limit := strconv.FormatInt(Limit.Milliseconds(), 10)
	for name, value := range map[string]string{
		"statement_timeout":                   limit,
		"idle_in_transaction_session_timeout": limit,
		// What the changes are written for: a locked row is read as the one before left it.
		"default_transaction_isolation": "read committed",
	} {
		conn.RuntimeParams[name] = value
	}
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = "doorward"
	}
	// A standby would answer too, with what was true a moment ago: a token that was revoked would live on.
	if conn.ValidateConnect == nil {
		conn.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	return settings, nil
}
