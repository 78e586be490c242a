package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// person is one row of who.
type person struct {
	Name     string                   `json:"name"`
	UserName string                   `json:"userName"`
	Provider string                   `json:"provider"`
	State    v1alpha1.UserState       `json:"state"`
	Reason   string                   `json:"reason"`
	Level    v1alpha1.PermissionLevel `json:"level"`
	Subject  string                   `json:"subject"`
	Roles    []string                 `json:"roles"`
}

type who struct {
	*plugin
	output
	provider, state, role string
}

func newWhoCommand(p *plugin) *cobra.Command {
	w := who{plugin: p}
	cmd := &cobra.Command{
		Use:   "who",
		Short: "List users with their state, level and roles in force",
		Long: "List users with their state, level and roles, as they are in force. Suspended and deprovisioned users hold\n" +
			"nothing. Filters go together.",
		Example: "  kubectl rollcall who --role platform-engineers\n  kubectl rollcall who --provider local --state Suspended -o json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return w.run(cmd.Context()) },
	}
	w.addFlag(cmd)
	cmd.Flags().StringVar(&w.provider, "provider", "", "only users of this identity provider, or local")
	cmd.Flags().StringVar(&w.state, "state", "", "only users in this state: "+strings.Join(states, ", "))
	cmd.Flags().StringVar(&w.role, "role", "", "only users who hold this role, by object name or displayName")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(states, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("role", p.completeFlag(roleNames))
	_ = cmd.RegisterFlagCompletionFunc("provider", p.completeFlag(providerNames, fixed(v1alpha1.LocalManager)))
	return cmd
}

var states = []string{string(v1alpha1.StateActive), string(v1alpha1.StateSuspended), string(v1alpha1.StateDeprovisioned)}

func (w *who) run(ctx context.Context) error {
	if err := w.validate(); err != nil {
		return err
	}
	if w.state != "" {
		i := slices.IndexFunc(states, func(s string) bool { return strings.EqualFold(s, w.state) })
		if i < 0 {
			return fmt.Errorf("unknown state %q: want %s", w.state, strings.Join(states, ", "))
		}
		w.state = states[i]
	}
	c, err := w.client()
	if err != nil {
		return err
	}
	if w.role != "" {
		// A mistyped name must not look like a role that nobody holds.
		r, err := findRole(ctx, c, w.role)
		if err != nil {
			return err
		}
		w.role = r.Name
	}
	people, err := w.people(ctx, c)
	if err != nil {
		return err
	}
	if len(people) == 0 && w.provider != "" && w.provider != v1alpha1.LocalManager {
		// Nor must a mistyped provider look like one without users. Users outlive theirs.
		err := c.Get(ctx, client.ObjectKey{Name: w.provider}, &v1alpha1.IdentityProvider{})
		if apierrors.IsNotFound(err) {
			return fmt.Errorf("there is no IdentityProvider %q, nor a user of one", w.provider)
		}
	}
	return w.print(w.Out, people, func(out io.Writer) error {
		if len(people) == 0 {
			_, err := fmt.Fprintln(w.ErrOut, "No users found.")
			return err
		}
		return table(out, peopleRows(people))
	})
}

func (w *who) people(ctx context.Context, c client.Client) ([]person, error) {
	var options []client.ListOption
	if w.provider != "" && w.provider != v1alpha1.LocalManager {
		options = append(options, client.MatchingFields{"spec.provider": w.provider})
	}
	people := []person{}
	var list v1alpha1.ProvisionedUserList
	err := eachPage(ctx, c, &list, func() {
		for i := range list.Items {
			if p := personOf(&list.Items[i]); w.wants(p) {
				people = append(people, p)
			}
		}
	}, options...)
	slices.SortFunc(people, func(a, b person) int { return cmp.Compare(a.Name, b.Name) })
	return people, err
}

func (w *who) wants(p person) bool {
	return (w.provider == "" || p.Provider == w.provider) &&
		(w.state == "" || string(p.State) == w.state) &&
		(w.role == "" || slices.Contains(p.Roles, w.role))
}

func personOf(u *v1alpha1.ProvisionedUser) person {
	p := person{
		Name: u.Name, UserName: u.Spec.UserName, Provider: access.ManagerOf(u.Spec.Provider),
		State: u.Status.State, Reason: u.Status.Reason, Level: u.Status.PermissionLevel, Subject: u.Status.Subject,
		Roles: make([]string, len(u.Status.Roles)),
	}
	for i, r := range u.Status.Roles {
		p.Roles[i] = r.Name
	}
	return p
}

// peopleRows shows the reason where the state alone would say too little.
func peopleRows(people []person) [][]string {
	rows := [][]string{{"NAME", "USERNAME", "PROVIDER", "STATE", "LEVEL", "ROLES"}}
	for _, p := range people {
		state := string(p.State)
		if p.Reason != "" && p.Reason != access.ReasonActive {
			state += " (" + p.Reason + ")"
		}
		rows = append(rows, []string{
			p.Name, p.UserName, p.Provider, orDash(state), orDash(string(p.Level)), orDash(strings.Join(p.Roles, ",")),
		})
	}
	return rows
}

// orDash keeps a column from being empty.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
