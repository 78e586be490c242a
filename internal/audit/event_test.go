package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
	"github.com/rollcall-dev/rollcall/scim/server"
)

const (
	alice = "4a7c1f8e-1111-4222-8333-444455556666"
	team  = "0b9d2a6c-1111-4222-8333-444455556666"
)

// write is one of everything, with a text in each place that somebody else fills.
func write(text string) server.Write {
	_, trail := scim.WithTrail(context.Background())
	trail.Wrote(scim.Change{
		Action: scim.Updated, ID: alice,
		Object: scim.Object{Kind: "ProvisionedUser", UID: "uid-of-alice", Name: text},
		Before: scim.Resource{
			"id": alice, "meta": map[string]any{"lastModified": text}, "userName": "x" + text, "active": true,
			"name": map[string]any{"givenName": text}, "emails": []any{map[string]any{"value": text}},
		},
		After: scim.Resource{
			"id": alice, "meta": map[string]any{"lastModified": "y" + text}, "userName": text, "active": false,
			"name":                    map[string]any{"givenName": text, "familyName": text},
			schema.User.Core.ID + "x": map[string]any{"nick": text, "x " + text + "@": text},
			"x " + text + "@":         text,
		},
	})
	trail.Joined(scim.Member{ID: alice, Type: schema.User.Name})
	trail.Joined(scim.Member{ID: "x " + text})
	trail.Left(scim.Member{ID: team, Type: schema.User.Name})
	return server.Write{
		Time: time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC), Took: 1234567 * time.Nanosecond,
		RequestID: "REQUEST", Provider: "entra", TokenID: "4b1f0c9a7e", Client: netip.MustParseAddr("192.0.2.7"),
		Method: "PATCH", Resource: "User", ID: "x " + text,
		Bulk:   &server.BulkOperation{Index: 3, BulkID: text},
		Status: 409, Type: scim.Uniqueness, Detail: text, Trail: trail,
	}
}

func encoded(t interface{ Fatal(...any) }, w server.Write, values bool) (string, Event) {
	line, err := encode(eventOf(context.Background(), w, values))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	var e Event
	if err := d.Decode(&e); err != nil {
		t.Fatal(err, string(line))
	}
	return string(line), e
}

// The names are a promise: who reads the log reads them.
func TestEventInFull(t *testing.T) {
	t.Parallel()
	const head = `{"kind":"ProvisioningEvent","apiVersion":"audit.rollcall.dev/v1","time":"2026-03-01T12:00:00.123456Z",` +
		`"requestID":"REQUEST","provider":"entra","token":"4b1f0c9a7e","client":"192.0.2.7","method":"PATCH",`
	for _, tc := range []struct {
		values bool
		want   string
	}{
		{false, head + `"resource":{"type":"User"},"bulk":{"index":3},` +
			`"result":{"outcome":"Refused","status":409,"scimType":"uniqueness"},` +
			`"changes":[{"action":"updated","id":"` + alice + `","object":{"kind":"ProvisionedUser","uid":"uid-of-alice"},` +
			`"attributes":[{"path":"active","before":true,"after":false},{"path":"emails"},{"path":"name.familyName"},` +
			`{"path":"urn:ietf:params:scim:schemas:core:2.0:Userx:nick"},{"path":"urn:ietf:params:scim:schemas:core:2.0:Userx:?"},` +
			`{"path":"userName"},{"path":"?"}]}],` +
			`"members":{"added":{"users":1,"userIDs":["` + alice + `"],"others":1},"removed":{"users":1,"userIDs":["` + team + `"]}},` +
			`"durationMs":1.234}` + "\n"},
		{true, head + `"resource":{"type":"User","id":"x T"},"bulk":{"index":3,"bulkId":"T"},` +
			`"result":{"outcome":"Refused","status":409,"scimType":"uniqueness","detail":"T"},` +
			`"changes":[{"action":"updated","id":"` + alice + `","object":{"kind":"ProvisionedUser","uid":"uid-of-alice","name":"T"},` +
			`"attributes":[{"path":"active","before":true,"after":false},{"path":"emails","before":[{"value":"T"}]},` +
			`{"path":"name.familyName","after":"T"},{"path":"urn:ietf:params:scim:schemas:core:2.0:Userx:nick","after":"T"},` +
			`{"path":"urn:ietf:params:scim:schemas:core:2.0:Userx:?","after":"T"},{"path":"userName","before":"xT","after":"T"},` +
			`{"path":"?","after":"T"}]}],` +
			`"members":{"added":{"users":1,"userIDs":["` + alice + `"],"others":1,"otherIDs":["x T"]},` +
			`"removed":{"users":1,"userIDs":["` + team + `"]}},"durationMs":1.234}` + "\n"},
	} {
		if got, _ := encoded(t, write("T"), tc.values); got != tc.want {
			t.Errorf("values %v:\n%s\nwant\n%s", tc.values, got, tc.want)
		}
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*server.Write)
		want   func(Event) bool
	}{
		"what changes nothing says so": {
			func(w *server.Write) { _, w.Trail = scim.WithTrail(context.Background()); w.Status, w.Type = 200, "" },
			func(e Event) bool {
				return e.Changes != nil && len(e.Changes) == 0 && e.Members == nil && e.Result.Outcome == Done
			},
		},
		"a server's failure may be half done": {
			func(w *server.Write) { w.Status = 503 },
			func(e Event) bool { return e.Result.Outcome == Failed && len(e.Changes) == 1 },
		},
		"an id of ours is nobody's name": {
			func(w *server.Write) { w.ID = alice },
			func(e Event) bool { return e.Resource.ID == alice },
		},
		"without a valid token there is none": {
			func(w *server.Write) { w.TokenID, w.Client, w.Bulk = "", netip.Addr{}, nil },
			func(e Event) bool { return e.Token == "" && e.Client == "" && e.Bulk == nil },
		},
		"very many members are counted": {
			func(w *server.Write) {
				for i := range 3 * maxMembers {
					w.Trail.Joined(scim.Member{ID: fmt.Sprintf("%05d", i), Type: schema.User.Name})
				}
			},
			func(e Event) bool {
				return e.Members.Added.Users == 3*maxMembers+1 && len(e.Members.Added.UserIDs) == maxMembers && slices.IsSorted(e.Members.Added.UserIDs)
			},
		},
		"a new resource has nothing before": {
			func(w *server.Write) {
				_, w.Trail = scim.WithTrail(context.Background())
				w.Trail.Wrote(scim.Change{Action: scim.Created, ID: alice, After: scim.Resource{"id": alice, "active": true, "userName": "a"}})
			},
			func(e Event) bool {
				a := e.Changes[0].Attributes
				return len(a) == 2 && a[0].Path == "active" && a[0].Before == nil && a[0].After == true && a[1].Path == "userName"
			},
		},
		"a flag that is none isn't told": {
			func(w *server.Write) {
				_, w.Trail = scim.WithTrail(context.Background())
				w.Trail.Wrote(scim.Change{Action: scim.Created, After: scim.Resource{"active": "alice"}})
			},
			func(e Event) bool { return e.Changes[0].Attributes[0].After == nil },
		},
		"no more attributes are named than a reader reads": {
			func(w *server.Write) {
				_, w.Trail = scim.WithTrail(context.Background())
				after := scim.Resource{}
				for i := range maxAttributes + 5 {
					after[fmt.Sprintf("a%d", i)] = "x"
				}
				w.Trail.Wrote(scim.Change{Action: scim.Created, After: after})
			},
			func(e Event) bool {
				return len(e.Changes[0].Attributes) == maxAttributes && e.Changes[0].MoreAttributes == 5
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := write("T")
			tc.change(&w)
			if line, e := encoded(t, w, false); !tc.want(e) {
				t.Error(line)
			}
		})
	}
}

func TestValuesAreBounded(t *testing.T) {
	t.Parallel()
	line, e := encoded(t, write(strings.Repeat("ä", 100_000)), true)
	if len(line) > 64<<10 {
		t.Errorf("the event has %d bytes", len(line))
	}
	if a := e.Changes[0].Attributes[1]; !a.Omitted || a.Before != nil || a.After != nil {
		t.Errorf("%+v", a)
	}
}

func TestEventNamesItsTrace(t *testing.T) {
	t.Parallel()
	span := func(flags trace.TraceFlags) context.Context {
		return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: flags,
		}))
	}
	if e := eventOf(span(trace.FlagsSampled), write(""), false); e.TraceID != "01000000000000000000000000000000" {
		t.Errorf("trace %q", e.TraceID)
	}
	if e := eventOf(span(0), write(""), false); e.TraceID != "" {
		t.Errorf("trace %q, which nobody keeps", e.TraceID)
	}
}

// checkEvent holds an event against what every event promises.
func checkEvent(t interface {
	Fatal(...any)
	Errorf(string, ...any)
}, text string,
) {
	// What isn't in the text by chance.
	const canary = "cAnArY~"
	w := write(text + canary)
	for _, values := range []bool{false, true} {
		line, e := encoded(t, w, values)
		if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "}\n") || strings.ContainsRune(line, '\r') {
			t.Errorf("more or less than a line: %q", line)
		}
		if strings.Contains(line, canary) != values {
			t.Errorf("with values %v: %s", values, line)
		}
		if e.Result.Status != 409 || e.Bulk.Index != 3 || e.Changes[0].ID != alice || e.Members.Added.Users != 1 {
			t.Errorf("what is ours was changed: %s", line)
		}
	}
}

func TestNoPersonalDataUnlessAskedFor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { checkEvent(t, rapid.String().Draw(t, "text")) })
}

func FuzzEvent(f *testing.F) {
	for _, text := range []string{"", "alice@example.com", "\n{\"kind\":\"forged\"}\n", "\u2028\u202e", "\xff\x00", `"}`, "<script>"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < maxText/2 {
			checkEvent(t, text)
		}
	})
}
