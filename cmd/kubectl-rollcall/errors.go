package main

import (
	"errors"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/rollcall-dev/rollcall/internal/cli/doctor"
)

// takes is the annotation of a verb that says who may use it.
const takes = "takes"

var (
	webhookPrefix = regexp.MustCompile(`^admission webhook "[^"]+" denied the request: `)
	// unchecked is what the API server adds to the one field that is wrong.
	unchecked = regexp.MustCompile(`, <nil>: Invalid value: "?null"?: some validation rules were not checked [^\]]*`)
)

// plain is an error as somebody at a terminal wants to read it: what the server
// said, as it said it, without the words around it that are the same every time.
func plain(err error) string {
	if s := apierrors.APIStatus(nil); errors.As(err, &s) {
		message := webhookPrefix.ReplaceAllString(s.Status().Message, "")
		message = unchecked.ReplaceAllString(message, "")
		// A rule of a kind that is about no one field.
		return strings.ReplaceAll(message, "<nil>: Invalid value: ", "")
	}
	return err.Error()
}

// advice says what to do about an error of a verb; empty where the error itself
// says it, as those of webhooks and policies do.
func advice(cmd *cobra.Command, err error) string {
	switch {
	case lacksRight(err) && cmd.Annotations[takes] != "":
		return "It takes " + cmd.Annotations[takes] + "."
	case meta.IsNoMatchError(err), notServed(err):
		return "Is Rollcall installed in this cluster? See kubectl config current-context, and kubectl rollcall doctor."
	case apierrors.IsUnauthorized(err):
		return "Sign in again: the API server does not take what this kubeconfig has to say who you are."
	case doctor.Unreachable(err):
		return "Is the cluster reachable, and the kubeconfig that of the right one? See kubectl cluster-info."
	default:
		return ""
	}
}

// lacksRight tells RBAC's refusals from those of admission, which are Forbidden too.
func lacksRight(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), " cannot ")
}

// notServed tells a kind that the server has not from an object that is not there.
func notServed(err error) bool {
	s := apierrors.APIStatus(nil)
	return apierrors.IsNotFound(err) && errors.As(err, &s) && (s.Status().Details == nil || s.Status().Details.Name == "")
}
