package audit

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// The limits of an event.
const (
	// maxText is how many bytes of a text from the client are kept.
	maxText = 1 << 10
	// maxValue is how large the values of one attribute may be together, in bytes.
	maxValue = 4 << 10
	// maxAttributes is how many attributes of a change are named, and maxDepth how
	// deep they may lie.
	maxAttributes = 256
	maxDepth      = 4
	// maxMembers is how many members are listed. All are counted.
	maxMembers = 1000
)

// id is what a SCIM id looks like: we make them, and the kinds demand it.
var id = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// eventOf says what a write was; with personal data if values.
func eventOf(ctx context.Context, w server.Write, values bool) Event {
	e := Event{
		Kind: Kind, APIVersion: APIVersion,
		Time:      w.Time.UTC().Format("2006-01-02T15:04:05.000000Z"),
		RequestID: w.RequestID,
		Provider:  w.Provider,
		Token:     w.TokenID,
		Method:    w.Method,
		Resource:  Resource{Type: w.Resource},
		Result:    Result{Outcome: outcome(w.Status), Status: w.Status, ScimType: string(w.Type)},
		Changes:   []Change{},
		Members:   membersOf(w.Trail, values),
		// Whole microseconds.
		DurationMs: float64(w.Took.Microseconds()) / float64(time.Millisecond/time.Microsecond),
	}
	if w.Client.IsValid() {
		e.Client = w.Client.String()
	}
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		e.TraceID = span.TraceID().String()
	}
	if values || id.MatchString(w.ID) {
		e.Resource.ID = bounded(w.ID)
	}
	if w.Bulk != nil {
		e.Bulk = &Bulk{Index: w.Bulk.Index}
	}
	if values {
		e.Result.Detail = bounded(w.Detail)
		if w.Bulk != nil {
			e.Bulk.BulkID = bounded(w.Bulk.BulkID)
		}
	}
	for _, c := range w.Trail.Changes() {
		e.Changes = append(e.Changes, changeOf(c, values))
	}
	return e
}

func outcome(status int) string {
	switch {
	case status < http.StatusBadRequest:
		return Done
	case status < http.StatusInternalServerError:
		return Refused
	default:
		return Failed
	}
}

func changeOf(c scim.Change, values bool) Change {
	change := Change{Action: string(c.Action), ID: c.ID, Object: Object{Kind: c.Object.Kind, UID: c.Object.UID}}
	if values {
		change.Object.Name = bounded(c.Object.Name)
	}
	d := diff(c.Before, c.After, values)
	change.Attributes, change.MoreAttributes = d.attributes, d.more
	return change
}

// membersOf returns nil where no member has changed.
func membersOf(t *scim.Trail, values bool) *Members {
	joined, left := t.Members()
	if len(joined)+len(left) == 0 {
		return nil
	}
	return &Members{Added: memberList(joined, values), Removed: memberList(left, values)}
}

func memberList(members []scim.Member, values bool) MemberList {
	var l MemberList
	var others []string
	for _, m := range members {
		if m.Type == schema.User.Name {
			l.UserIDs = append(l.UserIDs, m.ID)
		} else {
			others = append(others, bounded(m.ID))
		}
	}
	l.Users, l.Others = len(l.UserIDs), len(others)
	l.UserIDs = first(l.UserIDs)
	if values {
		l.OtherIDs = first(others)
	}
	return l
}

// first are the first of a list in order, as many as are listed.
func first(list []string) []string {
	slices.Sort(list)
	return list[:min(len(list), maxMembers)]
}

// bounded cuts a text that somebody else wrote.
func bounded(text string) string {
	if len(text) > maxText {
		return strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// encode makes a line of an event. JSON escapes what would end the line, and what
// isn't UTF-8.
func encode(e Event) ([]byte, error) {
	line, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return append(line, '\n'), nil
}
