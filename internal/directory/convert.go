package directory

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// maxAttributes bounds, in bytes of JSON, what is kept of a resource beside the
// typed fields: an object must stay well below what etcd stores.
const maxAttributes = 256 << 10

// Names of attributes that have a typed field, or none because the directory
// computes them.
const (
	attrID         = "id"
	attrMeta       = "meta"
	attrSchemas    = "schemas"
	attrGroups     = "groups"
	attrMembers    = "members"
	attrUserName   = "userName"
	attrExternalID = "externalId"
	attrActive     = "active"
	attrName       = "name"
	attrDisplay    = "displayName"
	attrEmails     = "emails"
	attrRemote     = "defaultRemoteIdentity"
)

// setUser writes a resource's attributes into a spec: the typed ones into their
// fields, every other verbatim into spec.attributes. A resource without active
// says nothing about it, so that taking the attribute away gives nobody access.
// A user who is active has a provider again.
func setUser(spec *v1alpha1.ProvisionedUserSpec, user scim.Resource) error {
	rest := stored(user, attrGroups)
	spec.UserName = take(rest, attrUserName)
	spec.ExternalID = take(rest, attrExternalID)
	spec.DisplayName = take(rest, attrDisplay)
	if active, ok := rest[attrActive].(bool); ok {
		spec.Active = &active
		delete(rest, attrActive)
	}
	if isActive(spec) {
		spec.ProviderDeletedAt = nil
	}
	spec.Name = nil
	if name, ok := part(rest, attrName); ok {
		n := v1alpha1.UserPersonName{
			Formatted: take(name, "formatted"), GivenName: take(name, "givenName"), FamilyName: take(name, "familyName"),
		}
		if n != (v1alpha1.UserPersonName{}) {
			spec.Name = &n
		}
		put(rest, attrName, name)
	}
	spec.RemoteIdentity = ""
	if extension, ok := part(rest, schema.RollcallUserURN); ok {
		spec.RemoteIdentity = take(extension, attrRemote)
		put(rest, schema.RollcallUserURN, extension)
	}
	spec.Emails = takeEmails(rest)
	var err error
	spec.Attributes, err = encodeAttributes(rest)
	return err
}

// setRole is setUser for a group. Its members are not part of it.
func setRole(spec *v1alpha1.ProvisionedRoleSpec, group scim.Resource) error {
	rest := stored(group, attrMembers)
	spec.DisplayName = take(rest, attrDisplay)
	spec.ExternalID = take(rest, attrExternalID)
	var err error
	spec.Attributes, err = encodeAttributes(rest)
	return err
}

// userResource is the inverse of setUser, with id and meta.
func userResource(u *v1alpha1.ProvisionedUser) (scim.Resource, error) {
	user, err := decodeAttributes(u.Spec.Attributes)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Name, err)
	}
	give(user, attrUserName, u.Spec.UserName)
	give(user, attrExternalID, u.Spec.ExternalID)
	give(user, attrDisplay, u.Spec.DisplayName)
	if u.Spec.Active != nil {
		user[attrActive] = *u.Spec.Active
	}
	if n := u.Spec.Name; n != nil {
		name, _ := part(user, attrName)
		give(name, "formatted", n.Formatted)
		give(name, "givenName", n.GivenName)
		give(name, "familyName", n.FamilyName)
		put(user, attrName, name)
	}
	if u.Spec.RemoteIdentity != "" {
		extension, _ := part(user, schema.RollcallUserURN)
		extension[attrRemote] = u.Spec.RemoteIdentity
		user[schema.RollcallUserURN] = extension
	}
	giveEmails(user, u.Spec.Emails)
	identify(user, u.Spec.ID, u.CreationTimestamp, u.Spec.ModifiedAt)
	return user, nil
}

// roleResource is the inverse of setRole, with id and meta.
func roleResource(r *v1alpha1.ProvisionedRole) (scim.Resource, error) {
	group, err := decodeAttributes(r.Spec.Attributes)
	if err != nil {
		return nil, fmt.Errorf("role %s: %w", r.Name, err)
	}
	give(group, attrDisplay, r.Spec.DisplayName)
	give(group, attrExternalID, r.Spec.ExternalID)
	identify(group, r.Spec.ID, r.CreationTimestamp, r.Spec.ModifiedAt)
	return group, nil
}

// takeEmails moves the e-mail addresses to typed ones. Sub-attributes that have
// no field stay behind, in an array of the same order.
func takeEmails(rest map[string]any) []v1alpha1.Email {
	list, ok := rest[attrEmails].([]any)
	if !ok {
		return nil
	}
	emails := make([]v1alpha1.Email, 0, len(list))
	extras := make([]any, 0, len(list))
	more := false
	for _, e := range list {
		object, ok := e.(map[string]any)
		if !ok {
			return nil // not canonical: kept as it is
		}
		object = maps.Clone(object)
		email := v1alpha1.Email{Value: take(object, "value"), Type: take(object, "type"), Display: take(object, "display")}
		if primary, ok := object["primary"].(bool); ok {
			email.Primary = &primary
			delete(object, "primary")
		}
		more = more || len(object) > 0
		emails, extras = append(emails, email), append(extras, object)
	}
	delete(rest, attrEmails)
	if more {
		rest[attrEmails] = extras
	}
	return emails
}

func giveEmails(user map[string]any, emails []v1alpha1.Email) {
	if len(emails) == 0 {
		return
	}
	extras, _ := user[attrEmails].([]any)
	list := make([]any, 0, len(emails))
	for i, e := range emails {
		object := map[string]any{}
		if len(extras) == len(emails) {
			if extra, ok := extras[i].(map[string]any); ok {
				object = extra
			}
		}
		give(object, "value", e.Value)
		give(object, "type", e.Type)
		give(object, "display", e.Display)
		if e.Primary != nil {
			object["primary"] = *e.Primary
		}
		list = append(list, object)
	}
	user[attrEmails] = list
}

// stored returns the attributes of a resource that are stored, in a map of its
// own.
func stored(r scim.Resource, computed string) map[string]any {
	rest := maps.Clone(map[string]any(r))
	for _, name := range []string{attrID, attrMeta, attrSchemas, computed} {
		delete(rest, name)
	}
	return rest
}

// take removes a string that has a field, and returns it.
func take(m map[string]any, name string) string {
	s, _ := m[name].(string)
	if s != "" {
		delete(m, name)
	}
	return s
}

func give(m map[string]any, name, value string) {
	if value != "" {
		m[name] = value
	}
}

// part returns a copy of the object at that name; an empty one if there is none.
func part(m map[string]any, name string) (map[string]any, bool) {
	object, ok := m[name].(map[string]any)
	if !ok {
		return map[string]any{}, false
	}
	return maps.Clone(object), true
}

// put sets or, when nothing is left of it, removes the object at that name.
func put(m map[string]any, name string, object map[string]any) {
	if len(object) == 0 {
		delete(m, name)
		return
	}
	m[name] = object
}

func identify(r scim.Resource, id string, created metav1.Time, modified *metav1.Time) {
	if modified == nil {
		modified = &created
	}
	r[attrID] = id
	r[attrMeta] = map[string]any{
		"created":      created.UTC().Format(time.RFC3339),
		"lastModified": modified.UTC().Format(time.RFC3339),
	}
}

func encodeAttributes(rest map[string]any) (*apiextensionsv1.JSON, error) {
	if len(rest) == 0 {
		return nil, nil
	}
	raw, err := json.Marshal(plainNumbers(rest))
	if err != nil {
		return nil, scim.BadRequest(scim.InvalidValue, "the resource has a number that can't be stored")
	}
	if len(raw) > maxAttributes {
		return nil, &scim.Error{
			Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("the attributes of the resource take %d bytes, of which %d can be stored: map fewer attributes, or shorter ones", len(raw), maxAttributes),
		}
	}
	return &apiextensionsv1.JSON{Raw: raw}, nil
}

func decodeAttributes(attributes *apiextensionsv1.JSON) (scim.Resource, error) {
	if attributes == nil || len(attributes.Raw) == 0 {
		return scim.Resource{}, nil
	}
	object, err := decodeObject(attributes.Raw)
	if err != nil {
		return nil, fmt.Errorf("spec.attributes: %w", err)
	}
	if object == nil {
		object = map[string]any{}
	}
	return object, nil
}

// plainNumbers writes numbers as the API server does. Otherwise 1.50 would be
// another value than the 1.5 it comes back as, and be written again and again.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plainNumbers(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plainNumbers(e)
		}
		return out
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n
		}
		f, _ := v.Float64() // infinite if it is too large, which can't be encoded
		return f
	default:
		return v
	}
}
