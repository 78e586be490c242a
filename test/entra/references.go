package entra

import (
	"context"
	"maps"
	"net/http"
	"slices"
)

func (r *run) managerTasks(context.Context) []task {
	j := r.job
	if !j.options.Managers {
		return nil
	}
	var tasks []task
	for _, id := range ordered(r.snapshot.People, map[string]bool{}) {
		p := r.snapshot.People[id]
		link := j.user(id)
		if link == nil || !r.active(p) {
			continue
		}
		manager := ""
		if m := j.user(p.Manager); m != nil {
			manager = m.id
		}
		if manager == link.manager {
			continue
		}
		tasks = append(tasks, task{p.UserPrincipalName, func(ctx context.Context) error {
			err := j.client.do(ctx, http.MethodPatch, "/Users/"+link.id, j.options.Dialect.manager(manager), nil)
			if err != nil {
				return err
			}
			j.mu.Lock()
			link.manager = manager
			j.mu.Unlock()
			r.count(func(report *Report) { report.Managers++ })
			return nil
		}})
	}
	return tasks
}

// memberTasks are the requests for all groups, a batch each; several of one group
// run at a time (fact 62).
func (r *run) memberTasks(context.Context) []task {
	j := r.job
	var tasks []task
	for _, id := range ordered(r.snapshot.Groups, map[string]bool{}) {
		link := j.group(id)
		if link == nil || !r.snapshot.InScope[id] {
			continue
		}
		g := r.snapshot.Groups[id]
		add, remove := r.memberDiff(g, link)
		for batch := range slices.Chunk(add, j.options.MembersPerPatch) {
			tasks = append(tasks, task{g.DisplayName, func(ctx context.Context) error {
				return r.patchMembers(ctx, g, link, batch, true)
			}})
		}
		for batch := range slices.Chunk(remove, j.options.MembersPerPatch) {
			tasks = append(tasks, task{g.DisplayName, func(ctx context.Context) error {
				return r.patchMembers(ctx, g, link, batch, false)
			}})
		}
	}
	return tasks
}

// member is an element of a group by its id here and there.
type member struct{ objectID, id string }

func (r *run) memberDiff(g Group, link *groupLink) (add, remove []member) {
	j := r.job
	j.mu.Lock()
	have := maps.Clone(link.members)
	j.mu.Unlock()
	for _, objectID := range ordered(g.Members, have) {
		sent := have[objectID]
		// A user in the recycle bin stays a member: nothing is removed, and so
		// nothing is added again after a restore (fact 50).
		if g.Members[objectID] && sent != "" && !r.snapshot.People[objectID].DeletedAt.IsZero() {
			continue
		}
		id := ""
		if g.Members[objectID] {
			id = r.memberID(objectID)
		}
		if sent != "" && sent != id {
			remove = append(remove, member{objectID, sent})
		} else if sent == "" && id != "" {
			add = append(add, member{objectID, id})
		}
	}
	return add, remove
}

// memberID is the target's id of a member, or "" when it isn't sent.
func (r *run) memberID(objectID string) string {
	j := r.job
	if p, isPerson := r.snapshot.People[objectID]; isPerson {
		link := j.user(objectID)
		if link == nil || !r.snapshot.InScope[objectID] || !p.DeletedAt.IsZero() {
			return ""
		}
		return link.id
	}
	if link := j.group(objectID); link != nil && j.options.NestedGroups {
		return link.id
	}
	return ""
}

func (r *run) patchMembers(ctx context.Context, g Group, link *groupLink, batch []member, add bool) error {
	j := r.job
	ids := make([]string, len(batch))
	for i, m := range batch {
		ids[i] = m.id
	}
	body := j.options.Dialect.removeMembers(ids)
	if add {
		body = j.options.Dialect.addMembers(ids)
	}
	err := j.client.do(ctx, http.MethodPatch, "/Groups/"+link.id, body, nil)
	if gone(err) {
		j.forgetGroup(g.ObjectID)
	}
	if err != nil {
		return err
	}
	j.mu.Lock()
	for _, m := range batch {
		if add {
			link.members[m.objectID] = m.id
		} else {
			delete(link.members, m.objectID)
		}
	}
	j.mu.Unlock()
	r.count(func(report *Report) {
		if add {
			report.MembersAdded += len(batch)
		} else {
			report.MembersRemoved += len(batch)
		}
	})
	return nil
}
