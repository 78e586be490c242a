package main

import (
	"cmp"
	"context"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/cli/health"
)

// shownProblems bounds what is shown to people of each kind: one cause can have
// thousands, and must not hide what else there is.
const shownProblems = 20

// overview is what status prints.
type overview struct {
	Providers []providerRow `json:"providers"`
	// Problems are what somebody should look at, of whatever kind.
	Problems []health.Problem `json:"problems"`
}

// providerRow is one identity provider, or what is managed locally.
type providerRow struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
	// LastContactAt is to the minute; absent for never.
	LastContactAt string `json:"lastContactAt,omitempty"`
	TenantURL     string `json:"tenantURL,omitempty"`
	Active        int    `json:"active"`
	Suspended     int    `json:"suspended"`
	Deprovisioned int    `json:"deprovisioned"`
	Roles         int    `json:"roles"`
	// Tokens are those that are good now.
	Tokens int `json:"tokens"`
}

type status struct {
	*plugin
	output
}

func newStatusCommand(p *plugin) *cobra.Command {
	s := status{plugin: p}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show identity providers, how many users and roles there are, and what is wrong",
		Long: "Show each identity provider with its last contact and its users and roles, and everything that its status says\n" +
			"is wrong. What statuses can't know, doctor finds out.",
		Example: "  kubectl rollcall status\n  kubectl rollcall status -o json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context()) },
	}
	s.addFlag(cmd)
	return cmd
}

func (s *status) run(ctx context.Context) error {
	if err := s.validate(); err != nil {
		return err
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	o, err := overviewOf(ctx, c, time.Now())
	if err != nil {
		return err
	}
	return s.print(s.Out, o, o.write)
}

// write writes it for people.
func (o *overview) write(out io.Writer) error {
	if err := table(out, o.rows()); err != nil {
		return err
	}
	var l lines
	if len(o.Problems) == 0 {
		l.paragraphf("Nothing is wrong.")
	} else {
		l.paragraphf("%d to look at:", len(o.Problems))
	}
	shown := map[string]int{}
	for _, p := range o.Problems {
		if shown[p.Kind]++; shown[p.Kind] <= shownProblems {
			l.addf("  %s", p)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(shown)) {
		if more := shown[kind] - shownProblems; more > 0 {
			l.addf("  and %d more of kind %s (-o json has them all)", more, kind)
		}
	}
	_, err := io.WriteString(out, l.String())
	return err
}

func overviewOf(ctx context.Context, c client.Client, now time.Time) (*overview, error) {
	o := &overview{Problems: []health.Problem{}}
	rows := map[string]*providerRow{v1alpha1.LocalManager: {Name: v1alpha1.LocalManager}}
	row := func(name string) *providerRow {
		if rows[name] == nil {
			// Its users outlive a provider.
			rows[name] = &providerRow{Name: name, Type: "(gone)"}
		}
		return rows[name]
	}
	var providers v1alpha1.IdentityProviderList
	var users v1alpha1.ProvisionedUserList
	var roles v1alpha1.ProvisionedRoleList
	var rules v1alpha1.AccessRuleList
	var attachments v1alpha1.RoleAttachmentList
	for _, read := range []struct {
		list  client.ObjectList
		visit func()
	}{
		{&providers, func() {
			for i := range providers.Items {
				p := &providers.Items[i]
				*row(p.Name) = providerRowOf(p, now)
				o.Problems = append(o.Problems, health.OfProvider(p)...)
			}
		}},
		{&users, func() {
			for i := range users.Items {
				u := &users.Items[i]
				row(access.ManagerOf(u.Spec.Provider)).count(u)
				o.Problems = append(o.Problems, health.OfUser(u)...)
			}
		}},
		{&roles, func() {
			for i := range roles.Items {
				r := &roles.Items[i]
				row(access.ManagerOf(r.Spec.Provider)).Roles++
				o.Problems = append(o.Problems, health.OfRole(r)...)
			}
		}},
		{&rules, func() {
			for i := range rules.Items {
				o.Problems = append(o.Problems, health.OfRule(&rules.Items[i])...)
			}
		}},
		{&attachments, func() {
			for i := range attachments.Items {
				o.Problems = append(o.Problems, health.OfAttachment(&attachments.Items[i])...)
			}
		}},
	} {
		if err := eachPage(ctx, c, read.list, read.visit); err != nil {
			return nil, err
		}
	}
	for _, r := range rows {
		o.Providers = append(o.Providers, *r)
	}
	slices.SortFunc(o.Providers, func(a, b providerRow) int {
		// Local ones last: they are no provider.
		return cmp.Or(compareBool(a.Name == v1alpha1.LocalManager, b.Name == v1alpha1.LocalManager), cmp.Compare(a.Name, b.Name))
	})
	return o, nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

func providerRowOf(p *v1alpha1.IdentityProvider, now time.Time) providerRow {
	r := providerRow{Name: p.Name, Type: string(p.Spec.Type), TenantURL: p.Status.TenantURL, Tokens: len(health.LiveTokens(p, now))}
	if t := p.Status.LastContactAt; t != nil {
		r.LastContactAt = t.UTC().Format(time.RFC3339)
	}
	return r
}

// count counts a user by their state, or by what it will be where no manager has seen
// them yet.
func (r *providerRow) count(u *v1alpha1.ProvisionedUser) {
	switch cmp.Or(u.Status.State, access.State(u, nil).State) {
	case v1alpha1.StateActive:
		r.Active++
	case v1alpha1.StateDeprovisioned:
		r.Deprovisioned++
	default:
		r.Suspended++
	}
}

func (o *overview) rows() [][]string {
	rows := [][]string{{"PROVIDER", "TYPE", "LAST CONTACT", "ACTIVE", "SUSPENDED", "DEPROVISIONED", "ROLES", "TOKENS"}}
	for _, p := range o.Providers {
		contact, tokens := p.LastContactAt, strconv.Itoa(p.Tokens)
		switch {
		case p.Name == v1alpha1.LocalManager:
			contact, tokens = "-", "-"
		case contact == "":
			contact = "never"
		}
		rows = append(rows, []string{
			p.Name, orDash(p.Type), contact, strconv.Itoa(p.Active), strconv.Itoa(p.Suspended), strconv.Itoa(p.Deprovisioned),
			strconv.Itoa(p.Roles), tokens,
		})
	}
	return rows
}
