package authority

import (
	"context"
	"log/slog"
	"time"
)

// Recorder writes the audit: to the store, and to the log for those who read that.
type Recorder struct {
	store Events
	log   *slog.Logger
	now   func() time.Time
}

// NewRecorder makes a recorder.
func NewRecorder(store Events, log *slog.Logger, now func() time.Time) *Recorder {
	return &Recorder{store: store, log: log, now: now}
}

// Record fills in the id and the time and writes the event. Where the store fails, the log has it and the person's
// business goes on: an audit that can stop a logout would be worse.
func (r *Recorder) Record(ctx context.Context, event Event) {
	event = r.Prepare(event)
	r.Log(event)
	// A caller who has left does not take the event with him.
	if err := r.store.AddEvents(context.WithoutCancel(ctx), event); err != nil {
		r.log.Error("audit event not stored", "error", err)
	}
}

// List returns events, the newest first.
func (r *Recorder) List(ctx context.Context, filter EventFilter) ([]Event, error) {
	return r.store.ListEvents(ctx, filter)
}

// Prepare fills in what every event has. Who asks for it stores it together with the change that it tells of, and then logs it.
func (r *Recorder) Prepare(event Event) Event {
	event.At = r.now()
	event.ID = NewID(event.At)
	return event
}

// Log writes events to the log: those of a change when it has been committed, since a transaction may be tried again, or undone.
func (r *Recorder) Log(events ...Event) {
	for _, event := range events {
		r.log.Info("audit", "kind", event.Kind, "person", event.PersonID, "actor", event.Actor, "client", event.ClientID,
			"session", event.FamilyID, "address", event.Address, "machine", event.Machine, "detail", event.Detail, "event", event.ID)
	}
}
