package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// storing is an API server that stores Secrets and answers what the test says.
type storing struct {
	client.Client
	stored  map[string]bool
	answer  error
	removal error
}

func (s *storing) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	if !refused(s.answer) {
		s.stored[o.GetName()] = true
	}
	return s.answer
}

func (s *storing) Delete(ctx context.Context, o client.Object, _ ...client.DeleteOption) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.removal == nil {
		delete(s.stored, o.GetName())
	}
	return s.removal
}

// A token that nobody has seen is one that nobody would ever end, and that the manager
// would ask people to use.
func TestATokenThatTheServerDidNotAnswerForIsTakenBack(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	for _, tc := range []struct {
		name            string
		answer, removal error
		kept            int
		want            string
	}{
		{"the connection ends", io.ErrUnexpectedEOF, nil, 0, "unexpected EOF"},
		{"somebody has lost patience", context.Canceled, nil, 0, "context canceled"},
		{"the API server's store is slow", apierrors.NewTimeoutError("slow", 1), nil, 0, "slow"},
		{"it can't be taken back", io.ErrUnexpectedEOF, errors.New("away"), 1, "may be there, of a token that nobody has seen: delete it: away"},
		{"it was refused", apierrors.NewForbidden(secrets, "x", errors.New("no")), errors.New("nothing to delete"), 0, "forbidden"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			c := &storing{stored: map[string]bool{}, answer: tc.answer, removal: tc.removal}
			if errors.Is(tc.answer, context.Canceled) {
				cancel()
			}
			defer cancel()
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "x"}}
			err := (&tokenMaker{}).store(ctx, c, secret)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "nothing to delete") {
				t.Errorf("error %v, want %s", err, tc.want)
			}
			if len(c.stored) != tc.kept {
				t.Errorf("%d are left, want %d", len(c.stored), tc.kept)
			}
		})
	}
}
