package console

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
)

// Errors of this room.
var (
	errForm   = errors.New("console: the form could not be read")
	errForged = errors.New("console: the form belongs to another sign-in, or to none")
	errClient = errors.New("console: the application is gone or switched off")
)

// problem is what a person reads of an error.
type problem struct {
	Status  int
	Title   string
	Message string
	Retry   time.Duration // how long to wait; 0: nothing is said
	loud    bool          // a fault of ours, for the log's attention
}

// Words that more than one page says.
const (
	saidWrong  = "The name or the password is wrong. Nothing was changed; try again."
	saidLocked = "There were too many wrong attempts. Nothing was changed. Wait 15 minutes, then try again."
	saidBusy   = "Too many people are signing in at this moment. Nothing was changed; try again in a few seconds."
	saidCode   = "There is no login waiting for this code. Codes are valid for a few minutes and only once. " +
		"Check the letters, or start again in your terminal to get a new one."
	saidGuesses = "There were too many wrong codes. The login in your terminal was not touched. " +
		"Wait ten minutes, or start again in your terminal later."
)

// problemOf is the ONE map from an error to what a person reads: what happened, what was kept, what to do. Rows are tried in
// their order, since ErrTooLong is an ErrWrong too. What is not here is a fault of ours, and its words stay in the log.
func problemOf(err error) problem {
	for _, row := range []struct {
		err error
		problem
	}{
		{identity.ErrTooLong, problem{400, "That password is too long", "A password has at most 1,024 bytes. Nothing was changed; try again.", 0, false}},
		{identity.ErrWrong, problem{401, "That did not work", saidWrong, 0, false}},
		{identity.ErrLocked, problem{429, "Wait a little", saidLocked, 15 * time.Minute, false}},
		{identity.ErrBusy, problem{503, "One moment", saidBusy, 5 * time.Second, false}},
		{identity.ErrTaken, problem{409, "That is taken", "Somebody has this username or e-mail address already. Nothing was changed; choose another.", 0, false}},
		{authority.ErrTooMany, problem{429, "Wait a little", saidGuesses, 10 * time.Minute, false}},
		{errForm, problem{400, "This could not be read", "What the browser sent was too large or damaged. Nothing was changed; go back and try again.", 0, false}},
		{errForged, problem{403, "This page is out of date", "It was opened before you signed in or out, or in another browser. " +
			"Nothing was changed. Open the page again and repeat what you were doing.", 0, false}},
		{errClient, problem{400, "This application cannot sign in", "It is not registered here any more, or it was switched off. " +
			"Nothing was changed. Ask whoever runs this service.", 0, false}},
		{authority.ErrExpired, problem{400, "This took too long", "The login was not finished in time. Nothing was changed. " +
			"Start it again from the program you were using.", 0, false}},
		{authority.ErrUsed, problem{409, "This was decided before", "The login was approved or denied already; that was kept. " +
			"Nothing more was changed.", 0, false}},
		{authority.ErrUnknown, gone},
		{identity.ErrUnknown, gone},
		{authority.ErrUnavailable, problem{503, "One moment", "The service cannot reach its store just now. Nothing is lost; " +
			"try again in a few seconds.", 5 * time.Second, true}},
		{context.DeadlineExceeded, problem{503, "One moment", "This took longer than it should. Nothing more is known to have changed; " +
			"try again in a few seconds.", 5 * time.Second, true}},
		{context.Canceled, problem{499, "You left", "The page was left before it was ready.", 0, false}},
	} {
		if errors.Is(err, row.err) {
			return row.problem
		}
	}
	return problem{500, "Something went wrong here", "It is not your fault. Nothing more is known to have changed; try again. " +
		"If it stays, tell whoever runs this service the number below.", 0, true}
}

// gone is what unknown, used and expired links have in common, so that nobody learns which it is.
var gone = problem{404, "This is not here", "The link is wrong, was used before, or has ended. Nothing was changed. " +
	"Go back to where you came from and start again.", 0, false}

// fail shows the error page for err, with a short id that the log has too. Only what somebody has to repair is logged as an
// error; strangers can produce all the rest at will, and an alarm that they ring is worth nothing.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	id := problemID()
	level := slog.LevelInfo
	if p.loud {
		level = slog.LevelError
	}
	c.Log.LogAttrs(r.Context(), level, "a page answered with an error",
		slog.String("id", id), slog.Int("status", p.Status), slog.Any("error", err))
	c.showProblem(w, r, p, id)
}

// Problem shows an error page with a message for the person; `server` and `endpoint` say theirs with it.
func (c *Console) Problem(w http.ResponseWriter, r *http.Request, status int, message string) {
	c.prepare()
	id := problemID()
	c.Log.LogAttrs(r.Context(), slog.LevelInfo, "a page answered with an error",
		slog.String("id", id), slog.Int("status", status), slog.String("message", message))
	title := "This cannot go on"
	if status == http.StatusNotFound {
		title = gone.Title
	}
	c.showProblem(w, r, problem{Status: status, Title: title, Message: message}, id)
}

func (c *Console) showProblem(w http.ResponseWriter, r *http.Request, p problem, id string) {
	retryAfter(w, p)
	c.render(w, r, p.Status, "problem", view{Title: p.Title, Body: struct{ Message, ID string }{p.Message, id}})
}

func retryAfter(w http.ResponseWriter, p problem) {
	if p.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(p.Retry.Seconds())))
	}
}

// problemID is short enough to be read over the telephone.
func problemID() string {
	var raw [4]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	return hex.EncodeToString(raw[:])
}

// isUnknown reports what both rooms below call unknown.
func isUnknown(err error) bool {
	return errors.Is(err, identity.ErrUnknown) || errors.Is(err, authority.ErrUnknown)
}
