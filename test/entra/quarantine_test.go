package entra

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// refusing answers each request with the next of the given answers, and the last
// one for ever.
func refusing(t *testing.T, answers ...func(http.ResponseWriter)) (url string, requests *atomic.Int64) {
	t.Helper()
	requests = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := int(requests.Add(1)) - 1
		answers[min(n, len(answers)-1)](w)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/entra/scim/v2", requests
}

func code(status int, retryAfter string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
	}
}

func TestQuarantine(t *testing.T) {
	t.Run("fact 71: bad credentials, 6, 12, 24, 24 hours, and the end after 28 days", func(t *testing.T) {
		c := newClock()
		url, requests := refusing(t, code(http.StatusUnauthorized, ""))
		j, err := NewJob(team(t, c), url, token, Options{Now: c.Now, Parallel: 1})
		must(t, err)
		for _, pause := range []time.Duration{6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour} {
			before := requests.Load()
			_, err := j.Cycle(t.Context())
			refused, ok := errors.AsType[*ErrQuarantined](err)
			if !ok || refused.Next != c.now.Add(pause) {
				t.Fatalf("got %v, want a quarantine of %s", err, pause)
			}
			if sent := requests.Load() - before; sent != 1 {
				t.Errorf("%d requests before it gave up, want 1", sent)
			}
			if _, err := j.Cycle(t.Context()); err == nil || requests.Load() != before+1 {
				t.Error("a cycle ran in quarantine")
			}
			c.now = refused.Next
		}
		c.now = c.now.Add(28 * 24 * time.Hour)
		_, err = j.Cycle(t.Context())
		if refused, ok := errors.AsType[*ErrQuarantined](err); !ok || !refused.Next.IsZero() {
			t.Errorf("got %v, want a disabled job", err)
		}
	})
	t.Run("fact 71: a 404 to a search", func(t *testing.T) {
		url, _ := refusing(t, code(http.StatusNotFound, ""))
		j, err := NewJob(team(t, newClock()), url, token, Options{})
		must(t, err)
		_, err = j.Cycle(t.Context())
		if _, ok := errors.AsType[*ErrQuarantined](err); !ok {
			t.Errorf("got %v, want a quarantine", err)
		}
	})
	t.Run("fact 71: more than 40 percent of 5,000", func(t *testing.T) {
		url, _ := refusing(t, code(http.StatusInternalServerError, ""))
		j, err := NewJob(Generate(Size{People: 5200}, nil), url, token, Options{})
		must(t, err)
		report, err := j.Cycle(t.Context())
		if _, ok := errors.AsType[*ErrQuarantined](err); !ok || len(report.Failures) < ratedOperations {
			t.Errorf("after %d failures: %v", len(report.Failures), err)
		}
	})
	t.Run("lifted by a cycle that comes to its end", func(t *testing.T) {
		c := newClock()
		a := newApplication(t)
		j := a.job(team(t, c), Options{Now: c.Now})
		j.client.token = "wrong"
		if _, err := j.Cycle(t.Context()); err == nil {
			t.Fatal("a wrong token did no harm")
		}
		j.client.token = token
		j.Restart()
		a.cycle(j)
	})
}

func TestRetryAfter(t *testing.T) {
	var waited []time.Duration
	o := Options{Parallel: 1, Wait: func(_ context.Context, d time.Duration) error {
		waited = append(waited, d)
		return nil
	}}
	nobody := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/scim+json")
		if _, err := w.Write([]byte(`{"totalResults":0,"Resources":[]}`)); err != nil {
			t.Error(err)
		}
	}
	url, _ := refusing(t, code(429, "3"), code(503, "7"), nobody)
	j, err := NewJob(team(t, newClock()), url, token, o)
	must(t, err)
	must(t, j.TestConnection(t.Context()))
	t.Run("fact 68: it waits as long as Retry-After says", func(t *testing.T) {
		if len(waited) != 2 || waited[0] != 3*time.Second || waited[1] != 7*time.Second {
			t.Errorf("waited %v, want 3s and 7s", waited)
		}
	})
}

func TestFailuresComeAgain(t *testing.T) {
	a := newApplication(t)
	j := a.job(team(t, newClock()), Options{Parallel: 1})
	var broken atomic.Bool
	j.client.options.HTTP = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		if broken.Load() && r.Method == http.MethodPatch {
			return nil, errors.New("connection reset")
		}
		return http.DefaultTransport.RoundTrip(r)
	})}
	broken.Store(true)
	report, err := j.Cycle(t.Context())
	must(t, err)
	if len(report.Failures) != 2 || report.MembersAdded != 0 {
		t.Fatalf("did %+v, want two failures", report)
	}
	broken.Store(false)
	if report := a.cycle(j); report.MembersAdded != 2 || report.Operations() != 2 {
		t.Errorf("did %+v, want the two members", report)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
