package schema

import (
	"strings"
	"testing"
)

// TestAttributesOfTheRFC holds the definitions against the RFC's tables. Each line
// is an attribute: its name, its type, and what differs from a single-valued,
// optional readWrite attribute that compares without case. password is missing on
// purpose: it is never stored, so it isn't advertised.
func TestAttributesOfTheRFC(t *testing.T) {
	for _, c := range []struct {
		name       string
		schema     *Schema
		attributes string
	}{
		{"RFC 7643 4.1.1, singular attributes of users", User.Core, `
			userName string required unique
			name complex
			name.formatted string
			name.familyName string
			name.givenName string
			name.middleName string
			name.honorificPrefix string
			name.honorificSuffix string
			displayName string
			nickName string
			profileUrl reference exact
			title string
			userType string
			preferredLanguage string
			locale string
			timezone string
			active boolean`},
		{"RFC 7643 4.1.2, multi-valued attributes of users", User.Core, `
			emails complex many
			emails.value string
			emails.display string
			emails.type string
			emails.primary boolean
			phoneNumbers complex many
			phoneNumbers.value string
			phoneNumbers.type string
			phoneNumbers.primary boolean
			ims complex many
			ims.value string
			ims.type string
			photos complex many
			photos.value reference exact
			photos.type string
			addresses complex many
			addresses.formatted string
			addresses.streetAddress string
			addresses.locality string
			addresses.region string
			addresses.postalCode string
			addresses.country string
			addresses.type string
			addresses.primary boolean
			groups complex many readOnly
			groups.value string readOnly exact
			groups.$ref reference readOnly exact
			groups.display string readOnly
			groups.type string readOnly
			entitlements complex many
			entitlements.value string
			roles complex many
			roles.value string
			x509Certificates complex many
			x509Certificates.value binary exact`},
		{"RFC 7643 4.2, groups", Group.Core, `
			displayName string required unique
			members complex many
			members.value string immutable exact
			members.type string immutable`},
		{"RFC 7643 4.3, the enterprise user", User.Extension(EnterpriseUserURN), `
			employeeNumber string
			costCenter string
			organization string
			division string
			department string
			manager complex
			manager.value string exact
			manager.displayName string readOnly`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for line := range strings.SplitSeq(strings.TrimSpace(c.attributes), "\n") {
				words := strings.Fields(line)
				name, sub, _ := strings.Cut(words[0], ".")
				a := c.schema.Find(name)
				if a != nil && sub != "" {
					a = a.Find(sub)
				}
				if a == nil {
					t.Errorf("%s is missing", words[0])
					continue
				}
				want := Attribute{Type: Type(words[1]), Mutability: ReadWrite, Returned: Default, Uniqueness: None}
				for _, word := range words[2:] {
					switch word {
					case "many":
						want.MultiValued = true
					case "required":
						want.Required = true
					case "unique":
						want.Uniqueness = Server
					case "exact":
						want.CaseExact = true
					default:
						want.Mutability = Mutability(word)
					}
				}
				if a.Type != want.Type || a.MultiValued != want.MultiValued || a.Required != want.Required || a.CaseExact != want.CaseExact ||
					orDefault(a.Mutability, ReadWrite) != want.Mutability || orDefault(a.Returned, Default) != want.Returned ||
					orDefault(a.Uniqueness, None) != want.Uniqueness {
					t.Errorf("%s is %+v: want %+v", words[0], a, want)
				}
			}
		})
	}
	t.Run("RFC 7643 4.1.1, no password, whatever a client sends", func(t *testing.T) {
		if _, ok := User.Find(Name{Attr: "password"}); ok {
			t.Error("there is a password")
		}
	})
}
