package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/cli/explain"
)

// shownFar bounds the roles in text that would give something and that nobody gave
// the user; -o json has them all.
const shownFar = 5

func printAccount(w io.Writer, a explain.Account) error {
	var l lines
	manager := fmt.Sprintf("identity provider %q", a.Provider)
	if a.Provider == v1alpha1.LocalManager {
		manager = "administrators (local)"
	}
	l.addf("%s is %s, managed by %s.", a.Name, a.UserName, manager)
	if a.State != "" {
		l.addf("State:    %s (%s): %s", a.State, a.Reason, a.Message)
		l.addf("Level:    %s: %s", a.Level, a.LevelMessage)
		l.addf("Subject:  %s", orDash(a.Subject))
	}
	switch {
	case len(a.Roles) == 0:
		l.paragraphf("Holds no role.")
	case a.Bound:
		l.paragraphf("Holds:")
	default:
		l.paragraphf("Would hold, and nothing of it is bound:")
	}
	for _, r := range a.Roles {
		l.addf("  %s", r.Name)
		for _, s := range r.Sources {
			l.addf("    by %s", explain.HeldWords(s))
		}
	}
	if len(a.Withheld) > 0 {
		l.paragraphf("Does not count:")
	}
	for _, r := range a.Withheld {
		l.addf("  %s", r.Name)
		for _, s := range r.Sources {
			l.addf("    %s", explain.WithheldWords(s))
		}
	}
	l.notes(a.Notes)
	_, err := io.WriteString(w, l.String())
	return err
}

func (l *lines) notes(notes []string) {
	if len(notes) > 0 {
		fmt.Fprintln(l)
	}
	for _, n := range notes {
		l.addf("Note: %s", strings.TrimSpace(n))
	}
}

func printAnswer(w io.Writer, a *explain.Answer) error {
	var l lines
	writeVerdict(&l, a)
	for _, p := range a.Paths {
		writePath(&l, p)
	}
	if len(a.Partly) > 0 {
		l.paragraphf("Not in the whole cluster, but in single namespaces:")
		for _, p := range a.Partly {
			writePath(&l, p)
		}
	}
	writeGaps(&l, a)
	l.notes(a.Notes)
	_, err := io.WriteString(w, l.String())
	return err
}

// writeVerdict tells a name from the user: what the name is allowed can be another
// user's right.
func writeVerdict(l *lines, a *explain.Answer) {
	switch {
	case a.Allowed == nil:
		l.addf("%s: may they %s?", a.User, a.Question)
	case *a.Allowed && (a.Mine() || len(a.Paths) == 0):
		l.addf("Yes: %s may %s.", a.User, a.Question)
	case *a.Allowed:
		l.addf("No: %s may not %s, but the API server allows it to the name %q, for the reason below.", a.User, a.Question, a.Subject)
	default:
		l.addf("No: %s may not %s.", a.User, a.Question)
	}
	if a.State != v1alpha1.StateActive && a.State != "" {
		l.addf("The user is %s: %s.", a.State, a.Message)
	}
}

func writePath(l *lines, p explain.Path) {
	switch p.Origin {
	case explain.OriginRole:
		l.paragraphf("By role %s:", p.Role)
		for _, s := range p.Sources {
			l.addf("  held by    %s", explain.HeldWords(s))
		}
	case explain.OriginLevel:
		l.paragraphf("By permission level %s:", p.Level)
	case explain.OriginNamesake:
		l.paragraphf("Not theirs, but that of ProvisionedUser %s, who has the same name towards the API server in force:", p.Namesake)
	case explain.OriginStale:
		l.paragraphf("By a binding that the user holds no role or level for; it is about to be withdrawn if the manager runs:")
	default:
		l.paragraphf("Not by Rollcall, but by a binding that somebody else made:")
	}
	if p.AccessRule != "" {
		l.addf("  rule       AccessRule %s", p.AccessRule)
	}
	l.addf("  gives      %s %s: %s", p.RoleRef.Kind, p.RoleRef.Name, p.Rule)
	if p.Namespace != "" {
		l.addf("  bound by   RoleBinding %s/%s, to %s", p.Namespace, p.Binding, p.Subject)
	} else {
		l.addf("  bound by   ClusterRoleBinding %s, to %s", p.Binding, p.Subject)
	}
}

// writeGaps leaves out, of ways that the user is not on, all where there is another
// way, and all but a few where there is none.
func writeGaps(l *lines, a *explain.Answer) {
	if len(a.Gaps)+len(a.Paths)+len(a.Partly) == 0 {
		if a.Incomplete {
			l.paragraphf("Nothing that you may read says why.")
			return
		}
		l.paragraphf("No AccessRule gives it to any role.")
		return
	}
	far, shown := 0, 0
	for _, g := range a.Gaps {
		if g.Far() {
			if a.Mine() {
				continue
			}
			if far++; far > shownFar {
				continue
			}
		}
		if shown++; shown == 1 {
			l.paragraphf("Would give it, and does not:")
		}
		writeGap(l, g)
	}
	if more := far - shownFar; more > 0 {
		l.addf("  and %d more roles that the user does not hold (-o json has them all)", more)
	}
}

func writeGap(l *lines, g explain.Gap) {
	kind := g.RoleRef.Kind
	if kind == "" {
		kind = v1alpha1.ClusterRoleKind
	}
	if g.Level != "" {
		l.addf("  permission level %s, by %s %s: %s", g.Level, kind, g.RoleRef.Name, g.Message)
		return
	}
	l.addf("  role %s, by AccessRule %s to %s %s: %s", g.Role, g.AccessRule, kind, g.RoleRef.Name, g.Message)
	for _, s := range g.Withheld {
		if s.Reason == access.ReasonUserSuspended {
			// The state has been told already.
			l.addf("    %s: the user is suspended", explain.SourceWords(s.RoleSource))
			continue
		}
		l.addf("    %s", explain.WithheldWords(s))
	}
}
