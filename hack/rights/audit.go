package rights

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// Event is what a line of the audit log (audit.k8s.io/v1, level Metadata) says of
// an answered request, as far as it is used here.
type Event struct {
	Verb      string
	User      struct{ Username string }
	ObjectRef struct {
		APIGroup    string
		Resource    string
		Subresource string
		Namespace   string
		Name        string
	}
	ResponseStatus struct {
		Code    int
		Message string
	}
	Annotations map[string]string
}

// Forbidden says that RBAC has refused the request. A refusal by admission has the
// same code, and is something else.
func (e *Event) Forbidden() bool { return e.Annotations["authorization.k8s.io/decision"] == "forbid" }

func (e *Event) resource() string {
	if e.ObjectRef.Subresource == "" {
		return e.ObjectRef.Resource
	}
	return e.ObjectRef.Resource + "/" + e.ObjectRef.Subresource
}

func (e *Event) String() string {
	r := Right{Verb: e.Verb, Group: e.ObjectRef.APIGroup, Resource: e.resource(), Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name}
	return r.String()
}

// ParseAudit reads whole lines of an audit log. What follows the last one may be
// half written: rest is where it begins.
func ParseAudit(text []byte) (events []Event, rest int, err error) {
	rest = bytes.LastIndexByte(text, '\n') + 1
	for line := range bytes.Lines(text[:rest]) {
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, 0, fmt.Errorf("reading a line of the audit log: %w", err)
		}
		events = append(events, e)
	}
	return events, rest, nil
}

// ReadAudit returns what an account, or everybody if it is empty, has asked for
// according to an audit log.
func ReadAudit(path, account string) ([]Event, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	all, _, err := ParseAudit(text)
	if err != nil {
		return nil, err
	}
	var events []Event
	for _, e := range all {
		if account == "" || e.User.Username == account {
			events = append(events, e)
		}
	}
	return events, nil
}
