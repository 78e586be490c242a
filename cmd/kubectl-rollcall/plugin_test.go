package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

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
	} {
		if got := plain(test.err); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
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
