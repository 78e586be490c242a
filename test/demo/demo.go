package main

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

const (
	provider = "entra"
	// patience is how long a stage waits for what it promises.
	patience = 15 * time.Second
)

//go:embed world.yaml
var world string

// demo is the cluster on one side, Contoso's Entra on the other.
type demo struct {
	page    *page
	cluster *cluster.Cluster
	judge   *verdict.Judge
	tenant  *entra.Tenant
	job     *entra.Job

	mu sync.Mutex
	// days is how far the tenant's calendar is ahead.
	days int
	sent []entra.Exchange
	// slowest is the latest change of a verdict in the stage.
	slowest time.Duration
}

func newDemo(ctx context.Context, c *cluster.Cluster, p *page, mo cluster.ManagerOptions, o entra.Options) (*demo, error) {
	m, err := c.StartManager(ctx, mo)
	if err != nil {
		return nil, err
	}
	token, err := c.NewToken(ctx, provider)
	if err != nil {
		return nil, err
	}
	if err := c.Apply(ctx, world); err != nil {
		return nil, err
	}
	d := &demo{page: p, cluster: c}
	if d.judge, err = verdict.New(c.Admin()); err != nil {
		return nil, err
	}
	if d.tenant, err = entra.Contoso(d.now); err != nil {
		return nil, err
	}
	// The story begins before the administrator has assigned anybody.
	if err := d.tenant.Unassign(d.tenant.GroupNames()...); err != nil {
		return nil, err
	}
	o.Now, o.Record, o.NestedGroups = d.now, d.record, true
	if d.job, err = entra.NewJob(d.tenant, m.TenantURL(provider), token, o); err != nil {
		return nil, err
	}
	p.text("Tenant URL  " + m.TenantURL(provider) + "\nThe secret token is known to the job; the cluster has its digest.")
	return d, nil
}

// now is the tenant's calendar: the demo doesn't wait thirty days.
func (d *demo) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().AddDate(0, 0, d.days)
}

func (d *demo) pass(days int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.days += days
}

func (d *demo) record(x entra.Exchange) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent = append(d.sent, x)
}

// result is a stage's line in the summary.
type result struct {
	title   string
	err     error
	slowest time.Duration
}

func (d *demo) run(ctx context.Context, s stage) result {
	d.slowest = 0
	inTime, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err := s.play(inTime, d)
	// Who presses Ctrl-C knows why the stage failed.
	if err != nil && ctx.Err() == nil {
		d.page.failure(err)
	}
	return result{title: s.title, err: err, slowest: d.slowest}
}

// change is a verdict that a step is to bring about.
type change struct {
	question verdict.Question
	// to is the verdict afterwards; before, it must be the opposite.
	to bool
	// cause are ids that are in the request whose answer the time is measured
	// from; nil for the last request.
	cause func() []string
}

// step does something in the world and shows what it made of the given verdicts.
// They are watched from before, so that the times are true even where many
// requests follow the one that matters.
func (d *demo) step(ctx context.Context, do func(context.Context) (time.Time, error), changes ...change) error {
	for _, c := range changes {
		if allowed, err := d.judge.May(ctx, c.question); err != nil {
			return err
		} else if allowed == c.to {
			return fmt.Errorf("%s says %s before anything has happened", c.question, yes(allowed))
		}
	}
	watching, stop := context.WithTimeout(ctx, patience+30*time.Second)
	defer stop()
	times, errs := make([]time.Time, len(changes)), make([]error, len(changes))
	var watchers sync.WaitGroup
	for i, c := range changes {
		watchers.Go(func() { times[i], errs[i] = d.judge.Await(watching, c.question, c.to) })
	}
	answered, err := do(ctx)
	if err != nil {
		return err
	}
	expire := time.AfterFunc(patience, stop)
	watchers.Wait()
	expire.Stop()
	for i, c := range changes {
		if errs[i] != nil {
			return errs[i]
		}
		since := answered
		if c.cause != nil {
			since = d.answer(c.cause(), answered)
		}
		// The watcher may see the new verdict before the client has read the answer.
		took := max(times[i].Sub(since), 0)
		d.slowest = max(d.slowest, took)
		if err := d.ask(ctx, c.question, c.to, after(took)); err != nil {
			return err
		}
	}
	return nil
}

// answer is when the last request that has all ids was answered.
func (d *demo) answer(ids []string, otherwise time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range slices.Backward(d.sent) {
		text := x.Target + string(x.Request)
		if x.Method != http.MethodGet && !slices.ContainsFunc(ids, func(id string) bool { return !strings.Contains(text, id) }) {
			return x.Answered
		}
	}
	return otherwise
}

// membership is the request that makes or ends a membership.
func (d *demo) membership(group, upn string) func() []string {
	return func() []string { return []string{d.job.GroupID(group), d.job.UserID(upn)} }
}

// ask lets the real kubectl ask, and compares.
func (d *demo) ask(ctx context.Context, q verdict.Question, want bool, note string) error {
	out, err := d.cluster.Kubectl(ctx, q.Kubectl()...)
	got := strings.TrimSpace(out)
	// kubectl exits with an error for a no.
	if got != yes(true) && got != yes(false) {
		return fmt.Errorf("%s: %q: %w", q, got, err)
	}
	d.page.verdict(q, got, note)
	if got != yes(want) {
		return fmt.Errorf("%s says %s, want %s", q, got, yes(want))
	}
	return nil
}

// cycle is one cycle of the provisioning job, shown.
func (d *demo) cycle(ctx context.Context) (time.Time, error) {
	d.mu.Lock()
	d.sent = nil
	d.mu.Unlock()
	report, err := d.job.Cycle(ctx)
	d.mu.Lock()
	sent := slices.Clone(d.sent)
	d.mu.Unlock()
	d.page.requests(sent)
	if err != nil {
		return time.Time{}, err
	}
	if len(report.Failures) > 0 {
		f := report.Failures[0]
		return time.Time{}, fmt.Errorf("%d operations failed; the first: %s: %w", len(report.Failures), f.Object, f.Err)
	}
	for _, x := range slices.Backward(sent) {
		if x.Method != http.MethodGet {
			return x.Answered, nil
		}
	}
	return time.Now(), nil
}

// table waits until the objects are as promised, and shows what kubectl prints of
// them.
func (d *demo) table(ctx context.Context, promise func(context.Context) error, commands ...string) error {
	if err := d.until(ctx, promise); err != nil {
		return err
	}
	for _, command := range commands {
		out, err := d.cluster.Kubectl(ctx, strings.Fields(command)...)
		if err != nil {
			return err
		}
		d.page.command("kubectl "+command, out)
	}
	return nil
}

// until asks again until what is promised holds.
func (d *demo) until(ctx context.Context, promise func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := promise(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}

// user finds the object of a person by the userName.
func (d *demo) user(ctx context.Context, upn string) (*v1alpha1.ProvisionedUser, error) {
	var list v1alpha1.ProvisionedUserList
	if err := d.cluster.Client().List(ctx, &list, client.MatchingFields{"spec.userName": upn}); err != nil {
		return nil, err
	}
	if len(list.Items) != 1 {
		return nil, fmt.Errorf("%d ProvisionedUsers have the userName %s", len(list.Items), upn)
	}
	return &list.Items[0], nil
}

// is promises a user's state, level and roles.
func (d *demo) is(upn string, state v1alpha1.UserState, level v1alpha1.PermissionLevel, roles ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		u, err := d.user(ctx, upn)
		if err != nil {
			return err
		}
		var have []string
		for _, r := range u.Status.Roles {
			have = append(have, r.Name)
		}
		if u.Status.State != state || u.Status.PermissionLevel != level || !slices.Equal(have, roles) {
			return fmt.Errorf("%s is %s at level %s with the roles %q, want %s, %s, %q",
				upn, u.Status.State, u.Status.PermissionLevel, have, state, level, roles)
		}
		return nil
	}
}

// all promises several things.
func all(promises ...func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, p := range promises {
			if err := p(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// count promises how many users and roles Entra has made, and that each has been
// looked at.
func (d *demo) count(users, roles int) func(context.Context) error {
	return func(ctx context.Context) error {
		var u v1alpha1.ProvisionedUserList
		var r v1alpha1.ProvisionedRoleList
		if err := d.cluster.Client().List(ctx, &u); err != nil {
			return err
		}
		if err := d.cluster.Client().List(ctx, &r); err != nil {
			return err
		}
		if len(u.Items) != users || len(r.Items) != roles {
			return fmt.Errorf("there are %d users and %d roles, want %d and %d", len(u.Items), len(r.Items), users, roles)
		}
		for _, item := range u.Items {
			if item.Status.State == "" {
				return fmt.Errorf("%s has no state yet", item.Name)
			}
		}
		return nil
	}
}

// members promises a role's counts.
func (d *demo) members(role string, members, active, bindings int32) func(context.Context) error {
	return func(ctx context.Context) error {
		var r v1alpha1.ProvisionedRole
		if err := d.cluster.Client().Get(ctx, client.ObjectKey{Name: role}, &r); err != nil {
			return err
		}
		have := [...]int32{r.Status.Members, r.Status.ActiveMembers, r.Status.Bindings}
		if want := [...]int32{members, active, bindings}; have != want {
			return fmt.Errorf("%s has members, active ones and bindings %v, want %v", role, have, want)
		}
		return nil
	}
}

// rules promises that AccessRules are in force.
func (d *demo) rules(names ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, name := range names {
			var r v1alpha1.AccessRule
			if err := d.cluster.Client().Get(ctx, client.ObjectKey{Name: name}, &r); err != nil {
				return err
			}
			if !meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionReady) {
				return fmt.Errorf("the rule %s isn't ready", name)
			}
		}
		return nil
	}
}

// attachment promises the state of a RoleAttachment.
func (d *demo) attachment(name string, state v1alpha1.AttachmentState) func(context.Context) error {
	return func(ctx context.Context) error {
		var a v1alpha1.RoleAttachment
		if err := d.cluster.Client().Get(ctx, client.ObjectKey{Name: name}, &a); err != nil {
			return err
		}
		if a.Status.State != state {
			return fmt.Errorf("the attachment %s is %q, want %s", name, a.Status.State, state)
		}
		return nil
	}
}

// condition promises that a role has a condition.
func (d *demo) condition(role, kind string) func(context.Context) error {
	return func(ctx context.Context) error {
		var r v1alpha1.ProvisionedRole
		if err := d.cluster.Client().Get(ctx, client.ObjectKey{Name: role}, &r); err != nil {
			return err
		}
		if !meta.IsStatusConditionTrue(r.Status.Conditions, kind) {
			return fmt.Errorf("the role %s has no condition %s", role, kind)
		}
		return nil
	}
}

func yes(allowed bool) string {
	if allowed {
		return "yes"
	}
	return "no"
}
