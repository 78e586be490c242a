package entra

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
)

func (r *run) userTasks(context.Context) []task {
	j := r.job
	j.mu.Lock()
	links := maps.Clone(j.users)
	j.mu.Unlock()
	var tasks []task
	for _, id := range ordered(r.snapshot.People, links) {
		p, exists := r.snapshot.People[id]
		link := links[id]
		switch {
		case !exists:
			tasks = append(tasks, task{id, func(ctx context.Context) error { return r.purged(ctx, id, link) }})
		case link != nil:
			tasks = append(tasks, task{p.UserPrincipalName, func(ctx context.Context) error { return r.update(ctx, p, link) }})
		case r.active(p):
			// Who is disabled or deleted is never created (fact 49).
			tasks = append(tasks, task{p.UserPrincipalName, func(ctx context.Context) error { return r.match(ctx, p) }})
		}
	}
	return tasks
}

// active is what the service maps to SCIM's active.
func (r *run) active(p Person) bool {
	return r.snapshot.InScope[p.ObjectID] && !p.Disabled && p.DeletedAt.IsZero()
}

// match looks for a user who is there already, and creates one if there is none.
func (r *run) match(ctx context.Context, p Person) error {
	j := r.job
	want := j.options.desired(p, true)
	matching, _ := want[j.options.Matching].(string)
	if matching == "" {
		return fmt.Errorf("entra: %s has no value for the matching attribute %s", p.UserPrincipalName, j.options.Matching)
	}
	found, err := j.client.find(ctx, "/Users", "", j.options.Matching, matching)
	if err != nil {
		return notFoundOnQuery(err)
	}
	switch len(found) {
	case 0:
		return r.create(ctx, p, want)
	case 1:
		id, _ := found[0]["id"].(string)
		if id == "" {
			return fmt.Errorf("entra: the user found for %s has no id", p.UserPrincipalName)
		}
		return r.send(ctx, p, &userLink{id: id}, want, found[0])
	default:
		return fmt.Errorf("entra: DuplicateTargetEntries: %d users match %s", len(found), p.UserPrincipalName)
	}
}

func (r *run) create(ctx context.Context, p Person, want values) error {
	j := r.job
	var created map[string]any
	if err := j.client.do(ctx, http.MethodPost, "/Users", createUser(want), &created); err != nil {
		return err
	}
	id, _ := created["id"].(string)
	if id == "" {
		return fmt.Errorf("entra: the answer to the creation of %s has no id", p.UserPrincipalName)
	}
	r.linked(p, &userLink{id: id}, want)
	r.count(func(report *Report) { report.UsersCreated++ })
	return nil
}

// update brings a known user up to date.
func (r *run) update(ctx context.Context, p Person, link *userLink) error {
	j := r.job
	inScope := r.snapshot.InScope[p.ObjectID]
	if !inScope && j.options.SkipOutOfScopeDeletions {
		return nil
	}
	if !r.active(p) && !j.options.mapsActive() {
		return r.remove(ctx, p.ObjectID, link)
	}
	want := j.options.desired(p, r.active(p))
	if !inScope {
		// Nothing but the deactivation is sent of somebody out of scope.
		want = maps.Clone(link.synced)
		for _, a := range j.options.Mapping {
			if a.Source == nil {
				want[a.Target] = false
			}
		}
	}
	if maps.Equal(want, link.synced) {
		return nil
	}
	var current map[string]any
	err := j.client.do(ctx, http.MethodGet, "/Users/"+link.id, nil, &current)
	if gone(err) {
		// The application lost the user: begin again with the search (fact 48).
		j.forgetUser(p.ObjectID)
		if !r.active(p) {
			return nil
		}
		return r.match(ctx, p)
	}
	if err != nil {
		return err
	}
	return r.send(ctx, p, link, want, current)
}

// send writes the attributes in which the target differs.
func (r *run) send(ctx context.Context, p Person, link *userLink, want values, current map[string]any) error {
	j := r.job
	if list := j.options.changes(want, j.options.actual(current)); len(list) > 0 {
		err := j.client.do(ctx, http.MethodPatch, "/Users/"+link.id, j.options.Dialect.attributes(list), nil)
		if err != nil {
			return err
		}
		r.count(func(report *Report) { report.UsersUpdated++ })
	}
	r.linked(p, link, want)
	return nil
}

func (r *run) linked(p Person, link *userLink, synced values) {
	r.job.mu.Lock()
	defer r.job.mu.Unlock()
	link.synced = synced
	link.unassigned = !r.snapshot.InScope[p.ObjectID]
	r.job.users[p.ObjectID] = link
}

// purged handles a person who has left the recycle bin for good.
func (r *run) purged(ctx context.Context, objectID string, link *userLink) error {
	if link.unassigned {
		r.job.forgetUser(objectID)
		return nil
	}
	return r.remove(ctx, objectID, link)
}

func (r *run) remove(ctx context.Context, objectID string, link *userLink) error {
	err := r.job.client.do(ctx, http.MethodDelete, "/Users/"+link.id, nil, nil)
	if err != nil && !gone(err) {
		return err
	}
	r.job.forgetUser(objectID)
	r.count(func(report *Report) { report.UsersDeleted++ })
	return nil
}

// notFoundOnQuery marks the 404 that a wrong Tenant URL gives: the job goes to
// quarantine for it (fact 71).
func notFoundOnQuery(err error) error {
	if gone(err) {
		return errors.Join(errIncompatible, err)
	}
	return err
}
