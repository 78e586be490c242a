package entra

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Job is a provisioning job: it remembers what the application was told, and
// tells it what has changed since.
type Job struct {
	tenant  *Tenant
	options Options
	client  *Client

	// cycle is held while one runs: the service never runs two of a job.
	cycle sync.Mutex

	mu     sync.Mutex
	users  map[string]*userLink
	groups map[string]*groupLink
	health health
}

// userLink is what the job knows of a user's counterpart.
type userLink struct {
	id string
	// synced is what the target was last told.
	synced values
	// manager is the id last sent.
	manager string
	// unassigned says that the user was suspended for being out of scope: a later
	// deletion is none of the job's business (fact 49).
	unassigned bool
}

// groupLink is what the job knows of a group's counterpart.
type groupLink struct {
	id          string
	displayName string
	// members are the ids sent, by ObjectID. The job never reads members back
	// (fact 31).
	members map[string]string
}

// NewJob makes a job for a Tenant URL and its secret token. A Tenant URL that
// ends in ?aadOptscim062020 chooses that dialect.
func NewJob(tenant *Tenant, tenantURL, token string, o Options) (*Job, error) {
	o = o.withDefaults()
	if strings.Contains(tenantURL, flag) {
		o.Dialect = AadOptscim062020
	}
	c, err := NewClient(tenantURL, token, o)
	if err != nil {
		return nil, err
	}
	mapped := slices.ContainsFunc(o.Mapping, func(a Attribute) bool { return a.Target == o.Matching && a.Source != nil })
	if !mapped {
		return nil, fmt.Errorf("entra: the matching attribute %q isn't mapped", o.Matching)
	}
	return &Job{
		tenant:  tenant,
		options: o,
		client:  c,
		users:   map[string]*userLink{},
		groups:  map[string]*groupLink{},
	}, nil
}

// TestConnection looks for a user that can't exist (facts 17 and 22).
func (j *Job) TestConnection(ctx context.Context) error {
	found, err := j.client.find(ctx, "/Users", "", j.options.Matching, strings.ToLower(rand.Text()))
	if err != nil {
		return err
	}
	if len(found) != 0 {
		return fmt.Errorf("entra: a search for nobody found %d users", len(found))
	}
	return nil
}

// Failure is an operation that will be tried again in the next cycle.
type Failure struct {
	// Object is a userPrincipalName or a group's displayName.
	Object string
	Err    error
}

// Report is what a cycle did.
type Report struct {
	UsersCreated, UsersUpdated, UsersDeleted    int
	GroupsCreated, GroupsUpdated, GroupsDeleted int
	Managers, MembersAdded, MembersRemoved      int
	Failures                                    []Failure
}

// Empty says that there was nothing to do.
func (r Report) Empty() bool { return r.Operations() == 0 && len(r.Failures) == 0 }

// Operations is how many changes were made.
func (r Report) Operations() int {
	return r.UsersCreated + r.UsersUpdated + r.UsersDeleted +
		r.GroupsCreated + r.GroupsUpdated + r.GroupsDeleted +
		r.Managers + r.MembersAdded + r.MembersRemoved
}

// Cycle sends what has changed: users, then groups, then references (fact 70).
// Operations that fail are in the report and come again in the next cycle. The
// error says that the cycle ended early: the job is in quarantine, or ctx is done.
func (j *Job) Cycle(ctx context.Context) (Report, error) {
	j.cycle.Lock()
	defer j.cycle.Unlock()
	if err := j.mayRun(); err != nil {
		return Report{}, err
	}
	r := &run{job: j, snapshot: j.tenant.Snapshot(j.options.Scope)}
	for _, phase := range []func(context.Context) []task{r.userTasks, r.groupTasks, r.managerTasks, r.memberTasks} {
		if err := r.do(ctx, phase(ctx)); err != nil {
			return r.report, err
		}
	}
	j.cycleEnded()
	return r.report, nil
}

// UserID returns the id that the application gave a person, as the job has it in
// mind; "" when it knows none.
func (j *Job) UserID(upn string) string {
	j.tenant.mu.Lock()
	p := j.tenant.person(upn)
	j.tenant.mu.Unlock()
	if p == nil {
		return ""
	}
	if link := j.user(p.ObjectID); link != nil {
		return link.id
	}
	return ""
}

// GroupID is UserID for a group.
func (j *Job) GroupID(displayName string) string {
	j.tenant.mu.Lock()
	g := j.tenant.group(displayName)
	j.tenant.mu.Unlock()
	if g == nil {
		return ""
	}
	if link := j.group(g.ObjectID); link != nil {
		return link.id
	}
	return ""
}

func (j *Job) user(objectID string) *userLink {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.users[objectID]
}

func (j *Job) group(objectID string) *groupLink {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.groups[objectID]
}

func (j *Job) forgetUser(objectID string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.users, objectID)
	for _, g := range j.groups {
		delete(g.members, objectID)
	}
}

func (j *Job) forgetGroup(objectID string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.groups, objectID)
	for _, g := range j.groups {
		delete(g.members, objectID)
	}
}

// task is one object's share of a phase.
type task struct {
	object string
	do     func(context.Context) error
}

// run is one cycle.
type run struct {
	job      *Job
	snapshot Snapshot

	mu     sync.Mutex
	report Report
}

// do runs a phase, a few tasks at a time. It ends early only where the service
// does too.
func (r *run) do(ctx context.Context, tasks []task) error {
	workers, phase := errgroup.WithContext(ctx)
	workers.SetLimit(r.job.options.Parallel)
	for _, t := range tasks {
		workers.Go(func() error {
			if err := phase.Err(); err != nil {
				return err
			}
			err := t.do(phase)
			if err == nil || phase.Err() != nil {
				return phase.Err()
			}
			r.count(func(report *Report) {
				report.Failures = append(report.Failures, Failure{Object: t.object, Err: err})
			})
			return r.job.failed(err)
		})
	}
	if err := workers.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// count adds to the report, and to the operations that the quarantine rates.
func (r *run) count(add func(*Report)) {
	r.mu.Lock()
	before := r.report.Operations() + len(r.report.Failures)
	add(&r.report)
	more := r.report.Operations() + len(r.report.Failures) - before
	r.mu.Unlock()

	r.job.mu.Lock()
	defer r.job.mu.Unlock()
	r.job.health.operations += more
}

// ordered returns the keys of both maps, each once, in an order that doesn't
// change from run to run.
func ordered[A, B any](a map[string]A, b map[string]B) []string {
	list := slices.Collect(maps.Keys(a))
	for key := range b {
		if _, both := a[key]; !both {
			list = append(list, key)
		}
	}
	slices.Sort(list)
	return list
}

// gone says that the application doesn't know the id any more.
func gone(err error) bool { return status(err) == http.StatusNotFound }
