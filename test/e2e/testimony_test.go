//go:build integration

package e2e_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// grace is how long a name may stay bound whose last bearer was suspended, the time
// that no manager runs not counted.
const grace = time.Second

// occurrence is what the API server has stored in one write: a user, a binding, or a
// beat.
type occurrence struct {
	revision uint64
	// object is empty for a beat.
	object string
	// user is nil for a binding.
	user *bearer
	// subjects of a binding; none when it is gone.
	subjects []string
	// passed is how much time a beat counts for. restarted says that a manager has
	// just started.
	passed    time.Duration
	restarted bool
}

// bearer is one user: whether it may have anything, and what it is called.
type bearer struct {
	uid       string
	suspended bool
	names     []string
}

// bearerOf is a user as far as names are concerned. Whoever is gone is suspended.
func bearerOf(u *v1alpha1.ProvisionedUser, gone bool) *bearer {
	b := &bearer{uid: string(u.UID), suspended: gone || access.Suspended(u, nil)}
	for _, name := range []string{u.Spec.UserName, access.SubjectOf(u, nil).Name, u.Status.Subject} {
		if name != "" && !slices.Contains(b.names, name) {
			b.names = append(b.names, name)
		}
	}
	return b
}

// testimony is what came of a history.
type testimony struct {
	breaches []string
	// withdrawn is how many names were in a binding when their last bearer was
	// suspended, and then in none; longest is what that took at most, beats included
	// that had begun before.
	withdrawn int
	longest   time.Duration
	// elapsed is all the time that counted.
	elapsed time.Duration
}

// String implements fmt.Stringer.
func (t *testimony) String() string {
	return fmt.Sprintf("%d names withdrawn, within %s, in %s that counted", t.withdrawn, t.longest, t.elapsed)
}

// retell goes through a history and says who was late.
func retell(history []occurrence) testimony {
	s := newStory(nil)
	for _, o := range inOrder(history) {
		s.tell(o)
	}
	s.testimony.elapsed = s.now
	return s.testimony
}

func inOrder(history []occurrence) []occurrence {
	return slices.SortedStableFunc(slices.Values(history), func(a, b occurrence) int { return cmp.Compare(a.revision, b.revision) })
}

// story is how things stand at one point of a history.
type story struct {
	testimony
	now      time.Duration
	users    map[string]*bearer // by uid, with every name each has had
	bindings map[string][]string
	// lapsed is since when nobody bears a name who isn't suspended. A name can pass
	// to another user: what counts is its last bearer. Of a name a user used to have
	// one is still the bearer; a change of names has its own specs.
	lapsed map[string]time.Duration
	// due are lapsed names that were bound at that time.
	due map[string]bool
}

func newStory(history []occurrence) *story {
	s := &story{users: map[string]*bearer{}, bindings: map[string][]string{}, lapsed: map[string]time.Duration{}, due: map[string]bool{}}
	for _, o := range inOrder(history) {
		s.tell(o)
	}
	return s
}

func (s *story) bound() map[string]bool {
	bound := map[string]bool{}
	for _, subjects := range s.bindings {
		for _, name := range subjects {
			bound[name] = true
		}
	}
	return bound
}

func (s *story) tell(o occurrence) {
	switch {
	case o.object == "":
		s.now += o.passed
		if o.restarted {
			for name := range s.lapsed {
				s.lapsed[name] = s.now
			}
		}
	case o.user != nil:
		s.meet(o.user)
	default:
		s.bindings[o.object] = o.subjects
	}
	s.check()
}

// meet takes in the new state of a user.
func (s *story) meet(u *bearer) {
	current := *u
	if known := s.users[u.uid]; known != nil {
		for _, name := range known.names {
			if !slices.Contains(current.names, name) {
				current.names = append(slices.Clip(current.names), name)
			}
		}
	}
	s.users[u.uid] = &current
	bound := s.bound()
	for _, name := range current.names {
		_, lapsed := s.lapsed[name]
		switch borne := s.borne(name); {
		case borne:
			delete(s.lapsed, name)
			delete(s.due, name)
		case !lapsed:
			// The beat that this falls into counts as a whole: it comes to its end
			// within longestBeat.
			s.lapsed[name] = s.now + longestBeat
			if bound[name] {
				s.due[name] = true
			}
		}
	}
}

func (s *story) borne(name string) bool {
	for _, u := range s.users {
		if !u.suspended && slices.Contains(u.names, name) {
			return true
		}
	}
	return false
}

// check finds who is late, and who has just been withdrawn.
func (s *story) check() {
	bound := s.bound()
	for name, since := range s.lapsed {
		if bound[name] && s.now-since > grace {
			s.breach(name)
		}
		if !bound[name] && s.due[name] {
			delete(s.due, name)
			s.withdrawn++
			s.longest = max(s.longest, s.now-since+longestBeat)
		}
	}
}

func (s *story) breach(name string) {
	for key, subjects := range s.bindings {
		text := fmt.Sprintf("nobody is called %q who isn't suspended, and it is still in %s", name, key)
		if slices.Contains(subjects, name) && !slices.Contains(s.breaches, text) {
			s.breaches = append(s.breaches, text)
		}
	}
}

// TestRetell holds the witness itself to account: it has to notice what it is there for.
func TestRetell(t *testing.T) {
	user := func(uid string, suspended bool, names ...string) occurrence {
		return occurrence{object: "user " + uid, user: &bearer{uid, suspended, names}}
	}
	binding := func(subjects ...string) occurrence { return occurrence{object: "binding", subjects: subjects} }
	beats := func(n int, each time.Duration) []occurrence {
		return slices.Repeat([]occurrence{{passed: each}}, n)
	}
	short, long := beats(18, longestBeat), beats(25, longestBeat)
	restart := occurrence{restarted: true}
	for name, c := range map[string]struct {
		history   [][]occurrence
		breaches  int
		withdrawn int
	}{
		"withdrawn in time":        {[][]occurrence{{user("1", false, "ann"), binding("ann", "ben"), user("1", true, "ann")}, short, {binding("ben")}, long}, 0, 1},
		"too late":                 {[][]occurrence{{user("1", false, "ann"), binding("ann"), user("1", true, "ann")}, long, {binding()}}, 1, 1},
		"never":                    {[][]occurrence{{user("1", false, "ann"), binding("ann"), user("1", true, "ann")}, long}, 1, 0},
		"bound again, for a blink": {[][]occurrence{{user("1", true, "ann"), binding()}, long, {binding("ann"), binding()}}, 1, 0},
		"under a former name":      {[][]occurrence{{user("1", false, "ann"), user("1", false, "anna"), binding("ann"), user("1", true, "anna")}, long}, 1, 0},
		"restored in time":         {[][]occurrence{{user("1", false, "ann"), binding("ann"), user("1", true, "ann")}, short, {user("1", false, "ann")}, long}, 0, 0},
		"restarted in between":     {[][]occurrence{{user("1", false, "ann"), binding("ann"), user("1", true, "ann")}, short, {restart}, short, {binding()}}, 0, 1},
		"late after a restart":     {[][]occurrence{{user("1", false, "ann"), binding("ann"), user("1", true, "ann"), restart}, long}, 1, 0},
		"the name of a predecessor": {[][]occurrence{
			{user("1", true, "ann")}, long, {user("2", false, "ann"), binding("ann")}, long, {user("2", true, "ann")}, short, {binding()},
		}, 0, 1},
		"a machine that stalls": {[][]occurrence{{user("1", false, "ann"), binding("ann"), user("1", true, "ann")}, beats(50, time.Millisecond), {binding()}}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			history := slices.Concat(c.history...)
			for i := range history {
				history[i].revision = uint64(i)
			}
			slices.Reverse(history) // watches keep no order among them
			got := retell(history)
			if len(got.breaches) != c.breaches || got.withdrawn != c.withdrawn {
				t.Errorf("breaches %q and %d withdrawn, want %d and %d", got.breaches, got.withdrawn, c.breaches, c.withdrawn)
			}
		})
	}
}
