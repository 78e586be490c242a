package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/test/entra"
)

func exchange(method, target, body string, status int) entra.Exchange {
	at := time.Unix(0, 0)
	x := entra.Exchange{Method: method, Target: target, Status: status, Sent: at, Answered: at.Add(7 * time.Millisecond)}
	if body != "" {
		x.Request = []byte(body)
	}
	return x
}

func TestRequestsAlikeAreShownOnce(t *testing.T) {
	var out strings.Builder
	patch := `{"schemas":["x"],"Operations":[{"op":"Add","path":"members","value":[{"value":"1"}]}]}`
	newPage(&out).requests([]entra.Exchange{
		exchange("GET", "/Users?filter=userName+eq+%22ann%40x.com%22", "", 200),
		exchange("GET", "/Users?filter=userName+eq+%22ben%40x.com%22", "", 200),
		exchange("PATCH", "/Groups/1", patch, 204),
		exchange("PATCH", "/Groups/2", patch, 204),
		exchange("PATCH", "/Groups/2", strings.Replace(patch, "Add", "Remove", 1), 204),
		exchange("PATCH", "/Groups/2", patch, 503),
	})
	want := `
   GET    /Users?filter=userName eq "ann@x.com"
          → 200 in 7 ms   and 1 more like it
   PATCH  /Groups/1
          {"Operations":[{"op":"Add","path":"members","value":[{"value":"1"}]}]}
          → 204 in 7 ms   and 1 more like it
   PATCH  /Groups/2
          {"Operations":[{"op":"Remove","path":"members","value":[{"value":"1"}]}]}
          → 204 in 7 ms
   PATCH  /Groups/2
          {"Operations":[{"op":"Add","path":"members","value":[{"value":"1"}]}]}
          → 503 in 7 ms
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestNoLineIsTooLong(t *testing.T) {
	var out strings.Builder
	newPage(&out).requests([]entra.Exchange{exchange("POST", "/Users", `{"userName":"`+strings.Repeat("é", 500)+`"}`, 201)})
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}

func TestSummary(t *testing.T) {
	ok := result{title: "One", slowest: 12 * time.Millisecond}
	for _, c := range []struct {
		name    string
		results []result
		fails   bool
		want    []string
	}{
		{"all hold", []result{ok, {title: "Two"}}, false, []string{"ok       1  One", "12 ms", "ok       2  Two"}},
		{"one doesn't", []result{ok, {title: "Two", err: errors.New("the sky fell")}}, true, []string{"NOT OK   2  Two", "the sky fell"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			if err := newPage(&out).summary(c.results, time.Minute); (err != nil) != c.fails {
				t.Errorf("returned %v", err)
			}
			for _, text := range c.want {
				if !strings.Contains(out.String(), text) {
					t.Errorf("%q isn't in\n%s", text, out.String())
				}
			}
		})
	}
}
