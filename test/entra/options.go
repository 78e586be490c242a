package entra

import (
	"context"
	"net/http"
	"time"
)

// Scope says whom the application is to know.
type Scope int

const (
	// AssignedOnly syncs assigned people and groups, and the direct members of
	// assigned groups. It is what the form offers first.
	AssignedOnly Scope = iota
	// SyncAll syncs everybody.
	SyncAll
)

// Dialect is how PATCH requests are written.
type Dialect int

const (
	// Default is what a job without a feature flag sends: operation names with a
	// capital, booleans as strings, removed members in a value list.
	Default Dialect = iota
	// AadOptscim062020 is what the feature flag of that name at the end of the
	// Tenant URL makes of it (fact 75).
	AadOptscim062020
)

// flag is the query parameter that asks for AadOptscim062020.
const flag = "aadOptscim062020"

// Options are the settings of a provisioning job. The zero value is what the form
// offers first.
type Options struct {
	Dialect Dialect
	Scope   Scope
	// Mapping of the users; MinimalMapping when nil.
	Mapping []Attribute
	// Matching is the target attribute that users are looked up by before they
	// are created; userName when empty. It must be mapped.
	Matching string
	// Managers also sends the manager of each user, as a reference.
	Managers bool
	// NestedGroups also sends groups as members of groups, as jobs did that were
	// set up years ago (fact 64).
	NestedGroups bool
	// SkipOutOfScopeDeletions leaves those alone who are unassigned.
	SkipOutOfScopeDeletions bool
	// MembersPerPatch is how many members a request may carry; 1 when 0.
	MembersPerPatch int
	// Parallel is how many requests are under way at once; 5 when 0.
	Parallel int
	// Now is the clock of the quarantine; time.Now when nil.
	Now func() time.Time
	// Wait is called to wait for a Retry-After; nil waits in real time.
	Wait func(context.Context, time.Duration) error
	// Record is called after each request, from several goroutines.
	Record func(Exchange)
	// HTTP sends the requests; nil makes a client of its own.
	HTTP *http.Client
}

func (o Options) withDefaults() Options {
	if o.Mapping == nil {
		o.Mapping = MinimalMapping()
	}
	if o.Matching == "" {
		o.Matching = "userName"
	}
	if o.MembersPerPatch == 0 {
		o.MembersPerPatch = 1
	}
	if o.Parallel == 0 {
		o.Parallel = 5
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{
			Timeout:   30 * time.Second,
			Transport: &http.Transport{MaxIdleConnsPerHost: o.Parallel, Proxy: http.ProxyFromEnvironment},
		}
	}
	return o
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
