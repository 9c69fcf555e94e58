package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/place"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
	"github.com/doorward/doorward/terminal"
	"github.com/doorward/doorward/visitor"
)

// demo is the command that shows one login from start to finish: a real authority, the real client, real HTTP between them.
type demo struct {
	program *authcmd.Program
	auto    bool

	terminal *terminal.Terminal
	person   server.SeedPerson
	issuer   string
	folder   string // of the client's credential file
	step     int
}

// command is `doorward demo`.
func (d *demo) command() *cobra.Command {
	cmd := &cobra.Command{
		Use: "demo", Short: "Show one login, from start to finish", Args: arguments(0, ""),
		Long: "Start an authority on a temporary store, with a made-up person in it, and lead through one login at it. Nothing\n" +
			"outside of a temporary folder is touched, and that is gone at the end.",
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&d.auto, "auto", false, "do without a person: a visitor walks the pages")
	return cmd
}

// run starts the authority, leads through the login, and takes everything away again, however that went.
func (d *demo) run(ctx context.Context) (err error) {
	defer patiently(ctx)()
	where, err := place.NewTemporary("doorward-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, where.Remove()) }()
	d.folder = filepath.Join(where.Temporary, "client")
	// Nothing of it is for a script: what is told and what commands answer stay in one stream, in their order.
	d.terminal = like(d.program.Terminal)
	d.terminal.Screen = d.terminal.Output()
	ctx, end := context.WithCancel(ctx)
	defer end()
	stopped, err := d.start(ctx, where)
	if err != nil {
		return err
	}
	d.say("An authority was started at %s.", d.issuer)
	d.tell("A made-up person may sign in there:\n\n     Email or username   %s\n     Password            %s\n", d.person.Username, d.person.Clear.Reveal())
	if d.auto {
		err = d.alone(ctx)
	} else {
		err = d.lead(ctx)
	}
	end()
	if err = errors.Join(err, <-stopped); err != nil {
		return err
	}
	d.tell("\nThat was it. The authority has ended, and everything that it kept is gone.\nTo go on: 'doorward serve --dev', and in another terminal 'doorward auth login'.")
	return nil
}

// start starts the authority; what is returned tells how it ended.
func (d *demo) start(ctx context.Context, where place.Place) (<-chan error, error) {
	log := slog.New(slog.DiscardHandler)
	store, master, err := where.Open(ctx, nil, log)
	if err != nil {
		return nil, err
	}
	d.person = madeUp()
	seeds := seed.Base()
	seeds.People = append(seeds.People, d.person)
	running, err := server.New(ctx, server.Config{Listen: "127.0.0.1:0", Store: store, Master: master, Seed: seeds, Log: log})
	if err != nil {
		return nil, err
	}
	d.issuer = running.Issuer()
	stopped := make(chan error, 1)
	go func() { stopped <- running.Run(ctx) }()
	<-running.Ready()
	return stopped, nil
}

// madeUp is somebody with a password that nobody has used before.
func madeUp() server.SeedPerson {
	var raw [10]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	text := strings.ToLower(base32.StdEncoding.EncodeToString(raw[:]))
	return server.SeedPerson{
		Person: identity.Person{
			ID: identity.NewPersonID(), Username: "robin", Email: "robin@example.com", EmailVerified: true, Name: "Robin Example",
		},
		Clear: secret.New(text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]),
	}
}

// lead is the demo with a person.
func (d *demo) lead(ctx context.Context) error {
	if !d.program.Terminal.Interactive() {
		d.tell("Nobody seems to be at this terminal; 'doorward demo --auto' needs nobody.")
	}
	d.say("Now log in with that name and password, as you would to any service.")
	err := d.do(ctx, "login")
	if err == nil {
		d.say("The login is good: the server says so.")
		err = d.do(ctx, "status")
	}
	if pause := d.pause(ctx, err == nil); err == nil {
		err = pause
	}
	if err != nil {
		return err
	}
	return d.finish(ctx)
}

// linger is how long the authority stays up for a browser that has yet to load the last page: the terminal knows of the
// decision before the browser has shown it.
const linger = time.Second

// pause lets the person's browser come to its end, and the person look around where there is one.
func (d *demo) pause(ctx context.Context, good bool) error {
	if good && d.program.Terminal.Interactive() {
		d.tell("\nYour browser shows this login too, at %s%s", d.issuer, visitor.PathApplications)
		_, err := d.program.Terminal.Ask(ctx, terminal.Question{Text: "Press Enter to go on. ", Flag: "--auto"})
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return err
	}
	wait := time.NewTimer(linger)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// alone is the demo without one.
func (d *demo) alone(ctx context.Context) error {
	for _, part := range []struct {
		words string
		args  []string
	}{
		{"A login with a code, as on a machine without a browser. A visitor opens the page and approves.", []string{"login", "--device"}},
		{"The login is good: the server says so.", []string{"status"}},
		{"A login with the browser of this machine replaces it. The visitor is the browser.", []string{"login", "--browser"}},
		{"Whose login it is now:", []string{"me"}},
	} {
		d.say("%s", part.words)
		if err := d.do(ctx, part.args...); err != nil {
			return err
		}
	}
	return d.finish(ctx)
}

// finish shows what a script does with a login, and ends it.
func (d *demo) finish(ctx context.Context) error {
	d.say("A script asks for a token whenever it needs one; it comes from the cache.")
	token, err := d.capture(ctx, "token")
	if err != nil {
		return err
	}
	token = strings.TrimSpace(token)
	if strings.Count(token, ".") != 2 {
		return d.stopped("what 'doorward auth token' printed is no token")
	}
	d.tell("%s (%d characters)", terminal.Shorten(token, 24), len(token))
	d.say("And logging out ends it, here and at the server.")
	return d.do(ctx, "logout")
}

// do runs the real client: the same command, in a folder of its own.
func (d *demo) do(ctx context.Context, args ...string) error {
	return d.client(ctx, d.terminal, args)
}

// capture is do with the result kept from the screen.
func (d *demo) capture(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	term := like(d.terminal)
	term.Out = &out
	err := d.client(ctx, term, args)
	return out.String(), err
}

// client runs the real client on a terminal. Its variables say where its file is, and hide the person's own settings from it.
func (d *demo) client(ctx context.Context, term *terminal.Terminal, args []string) error {
	d.tell("$ doorward auth %s\n", strings.Join(args, " "))
	own := like(term)
	lookup := environment(term.Env)
	own.Env = func(name string) string {
		switch {
		case name == "XDG_CONFIG_HOME":
			return d.folder
		case strings.HasPrefix(name, "DOORWARD_"):
			return "" // they are for the person's own logins
		}
		return lookup(name)
	}
	client := newLogin(own)
	if d.auto {
		client.program.NoBrowser = true
		client.lead = d.visit
	}
	args = append([]string{"auth", "--issuer", d.issuer}, args...)
	if code := client.program.Main(ctx, client.root(), args); code != authcmd.ExitDone {
		if ctx.Err() != nil || code == authcmd.ExitInterrupted {
			return context.Canceled
		}
		return d.stopped(fmt.Sprintf("'doorward auth %s' failed, with code %d", args[3], code))
	}
	return nil
}

// like is a terminal on the same streams.
func like(t *terminal.Terminal) *terminal.Terminal {
	return &terminal.Terminal{
		In: t.In, Out: t.Out, Err: t.Err, Screen: t.Screen, Env: t.Env, Plain: t.Plain, Private: t.Private, Now: t.Now, Size: t.Size,
	}
}

// stopped says where the demo ended before its end.
func (d *demo) stopped(why string) error {
	return &authcmd.Failure{
		Exit: authcmd.ExitFailed, Code: "demo_failed", Message: fmt.Sprintf("The demo stopped at step %d: %s.", d.step, why),
		Hint: "Nothing outside of its temporary folder was touched.",
	}
}

// say begins a step.
func (d *demo) say(format string, args ...any) {
	d.step++
	d.tell("\n%d. "+format, append([]any{d.step}, args...)...)
}

// tell says something in between.
func (d *demo) tell(format string, args ...any) { d.terminal.Say(format, args...) }

// visit puts a visitor between a flow and the screen.
func (d *demo) visit(f flow.Flow) flow.Flow {
	return &visited{flow: f, tell: d.tell, visitor: &visitor.Visitor{Base: d.issuer, Name: d.person.Username, Password: d.person.Clear}}
}
