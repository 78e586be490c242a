package server

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/order"
)

func drawCursor(t *rapid.T) cursor {
	c := cursor{
		issued: time.Unix(rapid.Int64Range(1, 1<<32).Draw(t, "issued"), 0),
		before: rapid.Bool().Draw(t, "before"),
		part:   rapid.IntRange(0, 1).Draw(t, "part"),
		key: order.Key{
			Missing: rapid.Bool().Draw(t, "missing"),
			Created: rapid.Int64().Draw(t, "created"),
			ID:      rapid.StringN(0, 36, 100).Draw(t, "id"),
		},
	}
	if !c.key.Missing {
		c.key.Value = rapid.StringN(0, 64, order.MaxValue).Draw(t, "value")
	}
	return c
}

func TestCursorIsOpenedByWhoSealedIt(t *testing.T) {
	k := newCursorKey(nil)
	rapid.Check(t, func(t *rapid.T) {
		c, query := drawCursor(t), rapid.String().Draw(t, "query")
		text, err := k.seal(c, query)
		if err != nil {
			t.Fatal(err)
		}
		const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
		if strings.Trim(text, unreserved) != "" || len(text) > maxCursor {
			t.Fatalf("%s is none for a URL", text)
		}
		if got, err := k.open(text, query, c.issued.Add(time.Hour), time.Hour); err != nil || got != c {
			t.Fatalf("opened %+v, %v: want %+v", got, err, c)
		}
		for want, open := range map[scim.Type]func() (cursor, error){
			scim.ExpiredCursor: func() (cursor, error) { return k.open(text, query, c.issued.Add(time.Hour+1), time.Hour) },
			scim.InvalidCursor: func() (cursor, error) { return k.open(text, query+"x", c.issued, time.Hour) },
		} {
			if _, err := open(); err == nil || scim.AsError(err).Type != want {
				t.Fatalf("%v: want %s", err, want)
			}
		}
		if _, err := newCursorKey(nil).open(text, query, c.issued, time.Hour); scim.AsError(err).Type != scim.ExpiredCursor {
			t.Fatalf("%v: want that of another key to be expired", err)
		}
		// One character less, more or other.
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		other := string(unreserved[rapid.IntRange(0, 63).Draw(t, "other")])
		for _, forged := range []string{text[:at] + text[at+1:], text[:at] + other + text[at:], text[:at] + other + text[at+1:], text[:at] + "\n" + text[at:]} {
			if forged == text {
				continue
			}
			if got, err := k.open(forged, query, c.issued, time.Hour); err == nil {
				t.Fatalf("%s instead of %s opens as %+v", forged, text, got)
			}
		}
	})
}

// FuzzCursor opens anything, and anything with a good signature.
func FuzzCursor(f *testing.F) {
	k := newCursorKey([]byte("a key of thirty-two bytes or so."))
	text, err := k.seal(cursor{issued: time.Unix(1, 0), key: order.Key{Value: "v", ID: "x"}}, "q")
	if err != nil {
		f.Fatal(err)
	}
	b, err := cursorEncoding.DecodeString(text)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, b[:len(b)-cursorMAC])
	f.Add("", []byte{cursorVersion})
	f.Add("!", append([]byte{cursorVersion}, k.id...))
	f.Add(strings.Repeat("A", maxCursor), b[:cursorHeader])
	f.Fuzz(func(t *testing.T, text string, content []byte) {
		signed := cursorEncoding.EncodeToString(append(content[:len(content):len(content)], k.mac(content, "q")[:cursorMAC]...))
		for _, text := range []string{text, signed} {
			c, err := k.open(text, "q", time.Unix(1, 0), time.Hour)
			if err == nil {
				again, err := k.seal(c, "q")
				if err != nil {
					t.Fatal(err)
				}
				if same, err := k.open(again, "q", time.Unix(1, 0), time.Hour); err != nil || same != c {
					t.Fatalf("%+v becomes %+v, %v", c, same, err)
				}
				continue
			}
			if e := scim.AsError(err); e == nil || e.Status != 400 || e.Type != scim.InvalidCursor && e.Type != scim.ExpiredCursor {
				t.Fatalf("%q is refused with %v", text, err)
			}
		}
	})
}

func BenchmarkCursor(b *testing.B) {
	k := newCursorKey(nil)
	now := time.Now()
	c := cursor{issued: now, key: order.Key{Value: "alice@example.com", Created: 1, ID: "10000000-0000-4000-8000-000000000000"}}
	b.ReportAllocs()
	for b.Loop() {
		text, err := k.seal(c, "query")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := k.open(text, "query", now, time.Hour); err != nil {
			b.Fatal(err)
		}
	}
}
