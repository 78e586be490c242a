package controllers

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/roster"
)

// subjects remembers the RBAC subject of each user as long as neither the user
// nor anybody with a similar name nor a provider changes. To find it out takes
// several lookups; a reconcile of a role with 10,000 members asks 10,000 times.
type subjects struct {
	mu      sync.RWMutex
	entries map[string]subjectEntry
	// changes counts what was forgotten, and clears how often everything was:
	// what was found out before a change must not be remembered after it.
	changes, clears uint64
}

type subjectEntry struct {
	uid        types.UID
	generation int64
	subject    access.Subject
}

func newSubjects() *subjects { return &subjects{entries: make(map[string]subjectEntry)} }

// begin returns a mark for of. Call it before reading the providers.
func (s *subjects) begin() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.clears
}

// of is look.subject, remembered.
func (s *subjects) of(ctx context.Context, l look, u *v1alpha1.ProvisionedUser, all roster.Providers, mark uint64) (access.Subject, error) {
	s.mu.RLock()
	e, ok := s.entries[u.Name]
	changes := s.changes
	s.mu.RUnlock()
	if ok && e.uid == u.UID && e.generation == u.Generation {
		return e.subject, nil
	}
	subject, err := l.Subject(ctx, u, all)
	if err != nil || (u.Spec.Provider != "" && all.Of(u) == nil) {
		// Without its provider a user's subject depends on the status too.
		return subject, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes == changes && s.clears == mark {
		s.entries[u.Name] = subjectEntry{u.UID, u.Generation, subject}
	}
	return subject, nil
}

// forget is called when users change in a way that can decide about a subject,
// before anything is queued because of it.
func (s *subjects) forget(users ...*v1alpha1.ProvisionedUser) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	for _, u := range users {
		delete(s.entries, u.Name)
	}
}

// clear is called when a provider changes how it names users.
func (s *subjects) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clears++
	clear(s.entries)
}
