package clients

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Session is one run of a script against one server. It isn't safe for concurrent
// use.
type Session struct {
	script *Script
	server Server
	known  variables
}

// Start begins a run. Runs on one server don't get into each other's way.
func (s *Script) Start(server Server) *Session {
	return &Session{script: s, server: server, known: variables{
		"base":  server.BaseURL,
		"token": server.Token,
		"run":   strings.ToLower(rand.Text()[:10]),
		"guid":  uuid.NewString(),
	}}
}

// Do runs one step of the script. It is an error that says where in the script
// it was, what was expected, and what came.
func (s *Session) Do(ctx context.Context, step Step) error {
	for _, x := range step.exchanges {
		if err := s.exchange(ctx, x); err != nil {
			return fmt.Errorf("%s: %w", x.at, err)
		}
	}
	return nil
}

func (s *Session) exchange(ctx context.Context, x exchange) error {
	target, err := s.known.expand(x.target)
	if err != nil {
		return err
	}
	body, err := s.known.expand(x.body)
	if err != nil {
		return err
	}
	var header []field
	for _, list := range [][]field{s.script.header, x.header} {
		for _, f := range list {
			if f.value, err = s.known.expand(f.value); err != nil {
				return err
			}
			header = append(header, f)
		}
	}
	a, err := s.server.send(ctx, x.method, target, body, header)
	if err != nil {
		return err
	}
	if err := s.compare(a, x.want); err != nil {
		return fmt.Errorf("%w\n%s\nto the body %q", err, a, shorten(body))
	}
	return nil
}

func (s *Session) compare(a *answer, want expectation) error {
	if a.status != want.status {
		return fmt.Errorf("want status %d, got %d", want.status, a.status)
	}
	for _, f := range want.header {
		values := a.header.Values(f.name)
		switch {
		case f.value == absent && len(values) > 0:
			return fmt.Errorf("want no header %s, got %q", f.name, values)
		case f.value == absent:
		case len(values) == 0:
			return fmt.Errorf("want the header %s, and there is none", f.name)
		default:
			if err := s.known.matchText(f.value, values[0]); err != nil {
				return fmt.Errorf("header %s: %w", f.name, err)
			}
		}
	}
	if want.body == nil {
		return nil
	}
	if a.body == nil {
		return fmt.Errorf("want a body, and there is none")
	}
	return s.known.match("", want.body, a.body)
}
