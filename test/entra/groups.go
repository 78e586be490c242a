package entra

import (
	"context"
	"fmt"
	"maps"
	"net/http"
)

// withoutMembers is on every read of a group (fact 30).
const withoutMembers = "excludedAttributes=members"

func (r *run) groupTasks(context.Context) []task {
	j := r.job
	j.mu.Lock()
	links := maps.Clone(j.groups)
	j.mu.Unlock()
	var tasks []task
	for _, id := range ordered(r.snapshot.Groups, links) {
		g, exists := r.snapshot.Groups[id]
		link := links[id]
		switch {
		case exists && r.snapshot.InScope[id] && link == nil:
			tasks = append(tasks, task{g.DisplayName, func(ctx context.Context) error { return r.matchGroup(ctx, g) }})
		case exists && r.snapshot.InScope[id]:
			tasks = append(tasks, task{g.DisplayName, func(ctx context.Context) error { return r.updateGroup(ctx, g, link) }})
		case link != nil:
			// A group can't be suspended: out of scope is deleted.
			tasks = append(tasks, task{link.displayName, func(ctx context.Context) error { return r.removeGroup(ctx, id, link) }})
		}
	}
	return tasks
}

func (r *run) matchGroup(ctx context.Context, g Group) error {
	j := r.job
	found, err := j.client.find(ctx, "/Groups", withoutMembers+"&", "displayName", g.DisplayName)
	if err != nil {
		return notFoundOnQuery(err)
	}
	var resource map[string]any
	switch len(found) {
	case 0:
		body := createGroup(g.DisplayName, g.ObjectID)
		if err := j.client.do(ctx, http.MethodPost, "/Groups", body, &resource); err != nil {
			return err
		}
		r.count(func(report *Report) { report.GroupsCreated++ })
	case 1:
		resource = found[0]
		if resource["externalId"] != g.ObjectID {
			id, _ := resource["id"].(string)
			body := j.options.Dialect.attributes([]change{{path: "externalId", value: g.ObjectID, add: resource["externalId"] == nil}})
			if err := j.client.do(ctx, http.MethodPatch, "/Groups/"+id, body, nil); err != nil {
				return err
			}
			r.count(func(report *Report) { report.GroupsUpdated++ })
		}
	default:
		return fmt.Errorf("entra: DuplicateTargetEntries: %d groups match %s", len(found), g.DisplayName)
	}
	id, _ := resource["id"].(string)
	if id == "" {
		return fmt.Errorf("entra: the answer for the group %s has no id", g.DisplayName)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.groups[g.ObjectID] = &groupLink{id: id, displayName: g.DisplayName, members: map[string]string{}}
	return nil
}

func (r *run) updateGroup(ctx context.Context, g Group, link *groupLink) error {
	if g.DisplayName == link.displayName {
		return nil
	}
	j := r.job
	var current map[string]any
	err := j.client.do(ctx, http.MethodGet, "/Groups/"+link.id+"?"+withoutMembers, nil, &current)
	if gone(err) {
		j.forgetGroup(g.ObjectID)
		return r.matchGroup(ctx, g)
	}
	if err != nil {
		return err
	}
	if current["displayName"] != g.DisplayName {
		body := j.options.Dialect.attributes([]change{{path: "displayName", value: g.DisplayName}})
		if err := j.client.do(ctx, http.MethodPatch, "/Groups/"+link.id, body, nil); err != nil {
			return err
		}
		r.count(func(report *Report) { report.GroupsUpdated++ })
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	link.displayName = g.DisplayName
	return nil
}

func (r *run) removeGroup(ctx context.Context, objectID string, link *groupLink) error {
	err := r.job.client.do(ctx, http.MethodDelete, "/Groups/"+link.id, nil, nil)
	if err != nil && !gone(err) {
		return err
	}
	r.job.forgetGroup(objectID)
	r.count(func(report *Report) { report.GroupsDeleted++ })
	return nil
}
