package main

import (
	"cmp"
	"strings"

	"github.com/doorward/doorward/cmd/doorward/place"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/terminal"
)

// started is what serve prints once it listens.
type started struct {
	Address string `json:"address"`
	Issuer  string `json:"issuer"`
	Store   string `json:"store"`
	Metrics string `json:"metrics,omitempty"`
	Dev     bool   `json:"dev,omitempty"`
}

// announce says where the server listens and, with --dev, what is in it.
func (s *serve) announce(running *server.Server, where place.Place) error {
	facts := started{Address: running.Addr().String(), Issuer: running.Issuer(), Store: where.String(), Dev: s.dev}
	if where.Store != "" {
		facts.Store = "sqlite:" + where.Store // as --store takes it
	}
	lines := []string{"Doorward listens on " + facts.Address + " as " + facts.Issuer}
	if at := running.MetricsAddr(); at != nil {
		facts.Metrics = "http://" + at.String() + "/metrics"
		lines = append(lines, "Metrics at "+facts.Metrics)
	}
	kept := "Everything is kept in " + where.String()
	if where.Temporary != "" {
		kept = "Everything is kept in " + where.Temporary + " and removed at the end"
	}
	lines = append(lines, kept)
	if s.dev {
		lines = append(lines, devBanner(facts.Issuer, s.seeded))
	}
	return s.program.Print(strings.Join(lines, "\n")+"\n", facts)
}

// devBanner prints everything that is seeded: nobody has to look it up.
func devBanner(issuer string, seeded *server.Seed) string {
	rows := [][]string{}
	for _, p := range seeded.People {
		rows = append(rows, []string{"person", p.Username, p.Clear.Reveal(), p.Email + ", " + p.Name + ", " + p.ID})
	}
	for _, o := range seeded.Organisations {
		rows = append(rows, []string{"organisation", o.Name, o.ID, "short " + o.Short})
	}
	for _, p := range seeded.Projects {
		rows = append(rows, []string{"project", p.Name, p.ID, "in " + p.OrganisationID})
	}
	for _, t := range seeded.ReadyTokens {
		rows = append(rows, []string{"ready token", t.Token.Reveal(), "of " + t.PersonID, "client " + t.ClientID})
	}
	for _, k := range seeded.APIKeys {
		rows = append(rows, []string{"API key", k.Key.Reveal(), "of " + k.PersonID, k.Name})
	}
	for _, f := range seeded.Factors {
		rows = append(rows, []string{"authenticator", f.Secret.Reveal(), "of " + f.PersonID, "one-time codes"})
	}
	for _, b := range seeded.Bindings {
		rows = append(rows, []string{"domain", b.DomainID, "whose operators", "come through this:"},
			[]string{"binding", b.ID, "alias " + b.Alias, "the provider " + b.Issuer})
	}
	for _, c := range seeded.Clients {
		kind := "public"
		if !c.Public() {
			kind = "secret " + seed.ServiceSecret
		}
		rows = append(rows, []string{"client", c.ID, kind, cmp.Or(c.Name, c.ID)})
	}
	return "\nFor development on this machine only. In it are:\n\n" + indent(terminal.Columns(rows, 2)) +
		"\nThe clock moves with: curl -d advance=24h " + issuer + "/dev/clock\n" +
		"Log in with:          doorward auth login --issuer " + issuer
}

// indent moves a table to the right, off the sentences around it.
func indent(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString("  " + line)
	}
	return out.String()
}

// invite shows the link that makes the first administrator. It goes to the person at the terminal and not to the log.
func (s *serve) invite(link string) {
	s.program.Terminal.Say("Nobody is known here yet. The first administrator is made with this link, once:\n\n    %s\n", link)
}
