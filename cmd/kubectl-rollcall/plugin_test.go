package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

func TestPlainLeavesTheServersWords(t *testing.T) {
	refusal := &apierrors.StatusError{ErrStatus: metav1.Status{Message: `admission webhook "users.identity.rollcall.dev" denied the request: spec.permissionLevel: Forbidden: no`}}
	for _, test := range []struct {
		err  error
		want string
	}{
		{refusal, "spec.permissionLevel: Forbidden: no"},
		{fmt.Errorf("while doing it: %w", refusal), "spec.permissionLevel: Forbidden: no"},
		{errors.New("no such thing"), "no such thing"},
		{&apierrors.StatusError{ErrStatus: metav1.Status{Message: `IdentityProvider "foo" is invalid: [spec.type: Unsupported value: "Bogus": supported values: "Entra", "Okta", ` +
			`<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]`}},
			`IdentityProvider "foo" is invalid: [spec.type: Unsupported value: "Bogus": supported values: "Entra", "Okta"]`},
	} {
		if got := plain(test.err); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestWhoCannotBeAskedIsAdvisedOn(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{apierrors.NewUnauthorized("no"), "Sign in again"},
		{fmt.Errorf("list: %w", &tls.CertificateVerificationError{Err: errors.New("unknown authority")}), "kubeconfig that of the right one"},
		{errors.New("no such thing"), ""},
	} {
		if got := advice(&cobra.Command{}, test.err); !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
			t.Errorf("%v: got %q, want %q", test.err, got, test.want)
		}
	}
}

// What listens where kubectl looks by default may be anything, such as the SCIM
// endpoint of make run, and is no cluster that lacks Rollcall.
func TestNobodyIsAskedWithoutAKubeconfig(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	for _, verb := range []string{"who", "doctor"} {
		var errOut bytes.Buffer
		streams := genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &bytes.Buffer{}, ErrOut: &errOut}
		if code := execute(t.Context(), streams, []string{verb}); code != 1 || errOut.String() != "Error: "+errNoCluster.Error()+"\n" {
			t.Errorf("%s: exit %d, %q", verb, code, errOut.String())
		}
	}
}

func TestAFlagThatHasToBeGivenShowsNoDefault(t *testing.T) {
	var out bytes.Buffer
	streams := genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &bytes.Buffer{}}
	if code := execute(t.Context(), streams, []string{"grant", "--help"}); code != 0 || !strings.Contains(out.String(), "how long, such as 45m, 8h or 2d\n") {
		t.Errorf("exit %d: %s", code, out.String())
	}
}

// Of a token of some hours the day alone would say that it ends at midnight.
func TestTheEndOfATokenIsSaidToWhatMatters(t *testing.T) {
	now := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	for lifetime, want := range map[time.Duration]string{
		12 * time.Hour:       "2026-11-26T20:00:00Z",
		365 * 24 * time.Hour: "2027-11-26",
	} {
		if got := end(now.Add(lifetime), now); got != want {
			t.Errorf("%s: got %s, want %s", lifetime, got, want)
		}
	}
}

func TestGeneratedNamesLeaveRoomForTheServer(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"alice-dev", "alice-dev-"},
		{strings.Repeat("a", 400), strings.Repeat("a", 247) + "-"},
		{strings.Repeat("a", 246) + ".b", strings.Repeat("a", 246) + "-"},
	} {
		if got := generated(test.name); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestTablesAlignAndEndCleanly(t *testing.T) {
	var b bytes.Buffer
	if err := table(&b, [][]string{{"NAME", "ROLES"}, {"a-long-name", "-"}, {"b", "dev"}}); err != nil {
		t.Fatal(err)
	}
	if want := "NAME          ROLES\na-long-name   -\nb             dev\n"; b.String() != want {
		t.Errorf("got %q", b.String())
	}
}

func TestEveryVerbSaysWhatItIsFor(t *testing.T) {
	for _, cmd := range newCommand(genericiooptions.NewTestIOStreamsDiscard(), func() {}).Commands() {
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" || cmd.GroupID == "" {
			t.Errorf("%s lacks a text", cmd.Name())
		}
	}
}

func TestWhatIsNotUnderstoodFailsBeforeAnythingIsAsked(t *testing.T) {
	for _, test := range []struct {
		args  []string
		want  string
		usage bool
	}{
		{[]string{"why"}, "want USER, or USER VERB RESOURCE: got 0 arguments", true},
		{[]string{"why", "alice", "get"}, "got 2 arguments", true},
		{[]string{"why", "alice", "-o", "wide"}, `unknown output format "wide": want json or yaml`, false},
		{[]string{"grant", "alice", "dev"}, `required flag(s) "for" not set`, true},
		{[]string{"adopt", "user", "alice"}, "at least one of the flags in the group [provider cancel] is required", true},
		{[]string{"level", "alice", "Boss"}, "want User, TeamLeader, Auditor, Administrator", false},
		{[]string{"whom"}, `unknown command "whom"`, true},
		{[]string{"attach", "alice"}, "accepts 2 arg(s), received 1", true},
		{[]string{"grant", "alice", "dev", "--for", "soon"}, "such as 45m, 8h or 90d", true},
	} {
		var out, errOut bytes.Buffer
		streams := genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &errOut}
		if code := execute(t.Context(), streams, append([]string{"--kubeconfig", "/dev/null"}, test.args...)); code != 1 {
			t.Errorf("%v: exit %d", test.args, code)
		}
		if !strings.Contains(errOut.String(), test.want) {
			t.Errorf("%v: got %q", test.args, errOut.String())
		}
		if usage := "\nSee kubectl rollcall"; strings.Contains(errOut.String(), usage) != test.usage {
			t.Errorf("%v: got %q", test.args, errOut.String())
		}
	}
}
