package access

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/scim/fold"
)

// serviceAccountPrefix starts the user name of a ServiceAccount.
const serviceAccountPrefix = "system:serviceaccount:"

// Subject is who a user is towards the API server.
type Subject struct {
	// Name is the RBAC user name; for a ServiceAccount the name that it has as a
	// user, system:serviceaccount:NAMESPACE:NAME. It is set for a refused
	// subject too, where there is any.
	Name string
	// Value is the name without the provider's prefix, and behind a space the remote
	// identity of a provider's user, which takes none: no two names have one value.
	Value string
	// ServiceAccount is set when the subject is one.
	ServiceAccount *v1alpha1.ServiceAccountReference
	// Refused says that the name must not be bound; Reason and Message say why.
	Refused bool
	Reason  string
	Message string
}

// Key is what two subjects must not have in common: the name without case and
// width.
func (s Subject) Key() string {
	if s.ServiceAccount != nil {
		return s.Name
	}
	return fold.String(s.Name)
}

// SubjectOf decides the RBAC subject of a user by the rule of its provider p,
// which is nil for a local user and when it does not exist. Without a provider
// there is no rule and no prefix, and a name without its prefix can be somebody
// else's: then the subject in force stays, as far as the user's own attributes
// still bear it out, and a new one is refused.
func SubjectOf(u *v1alpha1.ProvisionedUser, p *v1alpha1.IdentityProvider) Subject {
	if u.Spec.Type == v1alpha1.ServiceAccount && u.Spec.Provider == "" && u.Spec.ServiceAccountRef != nil {
		ref := *u.Spec.ServiceAccountRef
		name := serviceAccountPrefix + ref.Namespace + ":" + ref.Name
		return Subject{
			Name:           name,
			Value:          name,
			ServiceAccount: &ref,
			Reason:         ReasonAccepted,
			Message:        fmt.Sprintf("ServiceAccount %s/%s", ref.Namespace, ref.Name),
		}
	}
	if u.Spec.RemoteIdentity != "" {
		return remote(u)
	}
	var rule v1alpha1.SubjectRule
	switch {
	case p != nil:
		rule = p.Spec.Subject
	case u.Spec.Provider != "":
		return orphaned(u)
	}
	value, field := attribute(u, rule.From)
	if value == "" {
		return refused("", ReasonSubjectEmpty, field+" is empty, and the subject is made of it")
	}
	return checked(rule.Prefix, value, field)
}

// remote makes the subject of a remote identity, which takes no prefix. Where an
// identity provider sets it, its value must not be that of a name with the prefix:
// whoever sets the remote identity would be taken for the user whom a level was
// given to. No name that is accepted starts with a space. That holds without the
// provider too, whose deletion must neither void a level nor bring one back.
func remote(u *v1alpha1.ProvisionedUser) Subject {
	s := checked("", u.Spec.RemoteIdentity, "spec.remoteIdentity")
	if u.Spec.Provider != "" {
		s.Value = " " + u.Spec.RemoteIdentity
	}
	return s
}

// attribute returns the value that a rule makes subjects of, and its field.
func attribute(u *v1alpha1.ProvisionedUser, from v1alpha1.SubjectSource) (value, field string) {
	switch from {
	case v1alpha1.SubjectFromEmail:
		return email(u), "spec.emails"
	case v1alpha1.SubjectFromExternalID:
		return u.Spec.ExternalID, "spec.externalId"
	default:
		return u.Spec.UserName, "spec.userName"
	}
}

// email is the primary address, or else the first.
func email(u *v1alpha1.ProvisionedUser) string {
	var first string
	for _, e := range u.Spec.Emails {
		switch {
		case e.Value == "":
		case e.Primary != nil && *e.Primary:
			return e.Value
		case first == "":
			first = e.Value
		}
	}
	return first
}

func orphaned(u *v1alpha1.ProvisionedUser) Subject {
	inForce := u.Status.Subject
	var borneOut string
	for _, c := range []string{u.Spec.UserName, u.Spec.ExternalID, email(u)} {
		// One attribute can be the end of another: the longest says the most.
		if strings.HasSuffix(inForce, c) && len(c) > len(borneOut) {
			borneOut = c
		}
	}
	if borneOut != "" {
		s := checked("", inForce, "status.subject")
		s.Value = borneOut
		s.Message = fmt.Sprintf("%s does not exist: the subject stays as it was", provider(u))
		return s
	}
	return refused("", ReasonProviderNotFound,
		fmt.Sprintf("%s does not exist, so that there is no rule for the subject", provider(u)))
}

// checked puts the prefix in front of value. Where the two meet must not hide
// what would be refused at the start of a name.
func checked(prefix, value, field string) Subject {
	name := prefix + value
	reason, message := CheckSubject(name)
	if reason == "" {
		reason, message = checkEdges(value)
	}
	if reason != "" {
		s := refused(name, reason, fmt.Sprintf("the subject made of %s %s", field, message))
		s.Value = value
		return s
	}
	return Subject{Name: name, Value: value, Reason: ReasonAccepted, Message: "the subject is made of " + field}
}

func refused(name, reason, message string) Subject {
	return Subject{Name: name, Refused: true, Reason: reason, Message: message}
}

// CheckSubject says what is wrong with an RBAC user name that comes from
// outside; reason is empty when nothing is. The message continues a sentence
// that names the value, such as "the user name …".
func CheckSubject(name string) (reason, message string) {
	switch {
	case name == "":
		return ReasonSubjectEmpty, "is empty"
	case !utf8.ValidString(name):
		return ReasonSubjectMalformed, "is no valid UTF-8"
	case reserved(name):
		return ReasonSubjectReserved, `starts with "system:", which Kubernetes keeps for itself`
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return ReasonSubjectMalformed, fmt.Sprintf("holds the unprintable character %U", r)
		}
	}
	if prefix, _, ok := strings.Cut(colons.Replace(name), ":"); ok && strings.ContainsFunc(prefix, notASCII) {
		return ReasonSubjectMalformed, "has letters beyond ASCII before a colon, where a reader could take them for a reserved name"
	}
	return checkEdges(name)
}

func checkEdges(value string) (reason, message string) {
	if strings.TrimSpace(value) != value {
		return ReasonSubjectMalformed, "starts or ends with a space"
	}
	// A combining character joins whatever it is written behind.
	if r, _ := utf8.DecodeRuneInString(value); unicode.IsMark(r) {
		return ReasonSubjectMalformed, fmt.Sprintf("starts with the combining character %U", r)
	}
	return "", ""
}

func notASCII(r rune) bool { return r > unicode.MaxASCII }

// colons look like the one that ends a reserved prefix.
var colons = strings.NewReplacer(
	"\u02d0", ":", "\u0589", ":", "\u05c3", ":", "\u2236", ":", "\u2982", ":", "\ua789", ":", "\ufe13", ":", "\ufe55", ":", "\uff1a", ":",
)

// reserved looks through spaces, invisible characters, case and width, so that
// no reader takes the name for a reserved one either.
func reserved(name string) bool {
	visible := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, name)
	return strings.HasPrefix(fold.String(colons.Replace(visible)), "system:")
}
