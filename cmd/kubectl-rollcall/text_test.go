package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/rollcall-dev/rollcall/internal/cli/explain"
	"github.com/rollcall-dev/rollcall/internal/cli/health"
)

// hostile has what moves a cursor, sets a title, reverses text and begins a line.
const hostile = "a\x1b[2Jb\x1b]0;t\x07c\u009b31md\u202ee\nf\rg\th\x7f"

func TestNoNameActsOnATerminal(t *testing.T) {
	for what, write := range map[string]func(b *bytes.Buffer, name string) error{
		"a table": func(b *bytes.Buffer, name string) error {
			return table(b, peopleRows([]person{{Name: "x", UserName: name, Roles: []string{name}}}))
		},
		"an account": func(b *bytes.Buffer, name string) error {
			return printAccount(b, explain.Account{Name: "x", UserName: name, State: "Active", Message: name, Notes: []string{name}})
		},
		"an answer": func(b *bytes.Buffer, name string) error {
			return printAnswer(b, &explain.Answer{User: name, Question: name, Gaps: []explain.Gap{{Role: name, Message: name}}})
		},
		"problems": func(b *bytes.Buffer, name string) error {
			return (&overview{Problems: []health.Problem{{Kind: "AccessRule", Message: name}}}).write(b)
		},
	} {
		var with, without bytes.Buffer
		if err := write(&with, hostile); err != nil {
			t.Fatal(err)
		}
		if err := write(&without, "harmless"); err != nil {
			t.Fatal(err)
		}
		for _, r := range with.String() {
			if r != '\n' && (r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0x202e) {
				t.Errorf("%s lets %U through: %q", what, r, with.String())
			}
		}
		if got, want := strings.Count(with.String(), "\n"), strings.Count(without.String(), "\n"); got != want {
			t.Errorf("%s has %d lines, want %d: %q", what, got, want, with.String())
		}
	}
}

func TestWhatIsWrittenInsteadIsTheSameJSON(t *testing.T) {
	var b bytes.Buffer
	if err := (&output{"json"}).print(guarded{&b}, map[string]string{"name": hostile}, nil); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u009b\x7f\r\t\a") {
		t.Errorf("a control character is through: %q", b.String())
	}
	var back map[string]string
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back["name"] != hostile {
		t.Errorf("got %q, %v", back["name"], err)
	}
}

func TestDurationsAreSaidInDaysToo(t *testing.T) {
	for _, test := range []struct {
		text, shown string
		want        time.Duration
	}{{"90d", "90d", 90 * 24 * time.Hour}, {"45m", "45m0s", 45 * time.Minute}, {"48h", "2d", 48 * time.Hour}, {"-1h", "-1h0m0s", -time.Hour}} {
		var d days
		if err := d.Set(test.text); err != nil || time.Duration(d) != test.want || d.String() != test.shown {
			t.Errorf("%s is %s, %v", test.text, &d, err)
		}
	}
	for _, text := range []string{"", "d", "1.5d", "-1d", "999999999d", "soon"} {
		if err := new(days).Set(text); err == nil || !strings.Contains(err.Error(), "such as") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestStatusShowsSomeOfEachKind(t *testing.T) {
	o := overview{Problems: []health.Problem{{Kind: "IdentityProvider", Name: "first"}}}
	for i := range 3 * shownProblems {
		o.Problems = append(o.Problems, health.Problem{Kind: "RoleAttachment", Name: fmt.Sprint(i)})
	}
	o.Problems = append(o.Problems, health.Problem{Kind: "AccessRule", Name: "last"})
	var b bytes.Buffer
	if err := o.write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"62 to look at:", "identityprovider/first", "accessrule/last", "and 40 more of kind RoleAttachment (-o json has them all)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in %s", want, b.String())
		}
	}
	if n := strings.Count(b.String(), "roleattachment/"); n != shownProblems {
		t.Errorf("%d attachments are shown", n)
	}
}

func TestAVerbThatIsRefusedSaysWhatItTakes(t *testing.T) {
	who, _, err := newCommand(genericiooptions.NewTestIOStreamsDiscard(), func() {}).Find([]string{"who"})
	if err != nil {
		t.Fatal(err)
	}
	users := schema.GroupResource{Group: "identity.rollcall.dev", Resource: "provisionedusers"}
	rbac := apierrors.NewForbidden(users, "", fmt.Errorf(`User "x" cannot list resource "provisionedusers" at the cluster scope`))
	if got := advice(who, fmt.Errorf("list: %w", rbac)); !strings.HasPrefix(got, "It takes the permission level TeamLeader, Auditor") {
		t.Errorf("got %q", got)
	}
	if got := advice(who, apierrors.NewForbidden(users, "x", fmt.Errorf("managed by identity provider: change it there"))); got != "" {
		t.Errorf("a policy has said it: %q", got)
	}
}
