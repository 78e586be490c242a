package schema

import "slices"

// The URNs of the schemas (RFC 7643 sections 4 and 10.3).
const (
	UserURN           = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURN          = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseUserURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	// RollcallUserURN is Rollcall's own extension.
	RollcallUserURN = "urn:ietf:params:scim:schemas:extension:rollcall:2.0:User"
)

// User and Group are the resource types that are served.
var (
	User = &ResourceType{
		Name:        "User",
		Endpoint:    "/Users",
		Description: "User Account",
		Core:        newSchema(userSchema),
		Extensions:  []*Schema{newSchema(enterpriseSchema), newSchema(rollcallSchema)},
		common:      newSchema(commonSchema),
	}
	Group = &ResourceType{
		Name:        "Group",
		Endpoint:    "/Groups",
		Description: "Group",
		Core:        newSchema(groupSchema),
		common:      newSchema(commonSchema),
	}
)

// ResourceTypes are all of them, in the order of the discovery documents.
func ResourceTypes() []*ResourceType { return []*ResourceType{User, Group} }

// All returns every schema, in the order of the discovery documents.
func All() []*Schema {
	return slices.Concat(
		[]*Schema{User.Core}, []*Schema{Group.Core}, User.Extensions, Group.Extensions)
}

func newSchema(s Schema) *Schema {
	s.Attributes = slices.Clone(s.Attributes)
	s.byName = index(s.Attributes)
	return &s
}

var commonSchema = Schema{
	Attributes: []*Attribute{
		{Name: "schemas", Type: Reference, MultiValued: true, CaseExact: true, Mutability: ReadOnly, Returned: Always,
			References: []string{"uri"}, Description: "URNs of the schemas that the resource has attributes of."},
		{Name: "id", Type: String, CaseExact: true, Mutability: ReadOnly, Returned: Always, Uniqueness: Server,
			Description: "Identifier given by the server. It never changes."},
		{Name: "externalId", Type: String, CaseExact: true,
			Description: "Identifier given by the client."},
		{Name: "meta", Type: Complex, Mutability: ReadOnly,
			Description: "What the server knows about the resource.",
			Sub: []*Attribute{
				{Name: "resourceType", Type: String, CaseExact: true, Mutability: ReadOnly, Description: "Name of the resource type."},
				{Name: "created", Type: DateTime, Mutability: ReadOnly, Description: "When the resource was created."},
				{Name: "lastModified", Type: DateTime, Mutability: ReadOnly, Description: "When the resource was last changed."},
				{Name: "location", Type: Reference, CaseExact: true, Mutability: ReadOnly, References: []string{"uri"}, Description: "URI of the resource."},
				{Name: "version", Type: String, CaseExact: true, Mutability: ReadOnly, Description: "Version of the resource."},
			}},
	},
}

// userSchema has no password: Rollcall stores none, so it doesn't advertise
// one, and what a client sends under that name is dropped like any unknown
// attribute.
var userSchema = Schema{
	ID:          UserURN,
	Name:        "User",
	Description: "User Account",
	Aliases: []string{
		"urn:scim:schemas:core:1.0:User", "urn:scim:schemas:core:2.0:User",
		"urn:scim:schemas:core:1.0", "urn:scim:schemas:core:2.0",
	},
	Attributes: []*Attribute{
		{Name: "userName", Type: String, Required: true, Uniqueness: Server,
			Description: "Name that the user is known by to the identity provider, usually the user principal name."},
		{Name: "name", Type: Complex, Description: "Components of the user's name.", Sub: []*Attribute{
			str("formatted", "Full name, ready to be displayed."),
			str("familyName", "Family name."),
			str("givenName", "Given name."),
			str("middleName", "Middle names."),
			str("honorificPrefix", "Title before the name."),
			str("honorificSuffix", "Suffix behind the name."),
		}},
		str("displayName", "Name to show to people."),
		str("nickName", "Casual name."),
		{Name: "profileUrl", Type: Reference, CaseExact: true, References: []string{"external"},
			Description: "Address of a page about the user."},
		str("title", "Job title."),
		str("userType", "Relation of the user to the organization."),
		str("preferredLanguage", "Preferred written or spoken language."),
		str("locale", "Where the user is, for the formats of numbers and dates."),
		str("timezone", "Time zone of the user."),
		{Name: "active", Type: Boolean, Description: "Whether the user is enabled. A user that is not has no access."},
		plural("emails", "E-mail addresses.", String, "work", "home", "other"),
		plural("phoneNumbers", "Phone numbers.", String, "work", "home", "mobile", "fax", "pager", "other"),
		plural("ims", "Instant messaging addresses.", String, "aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"),
		plural("photos", "Addresses of photos.", Reference, "photo", "thumbnail"),
		{Name: "addresses", Type: Complex, MultiValued: true, Description: "Postal addresses.", Sub: []*Attribute{
			str("formatted", "Full address, ready to be displayed."),
			str("streetAddress", "Street, house number and the like."),
			str("locality", "City."),
			str("region", "State or region."),
			str("postalCode", "Postal code."),
			str("country", "Country."),
			kind("work", "home", "other"),
			primary(),
		}},
		{Name: "groups", Type: Complex, MultiValued: true, Mutability: ReadOnly, Unbounded: true,
			Description: "Groups that the user is in.", Sub: []*Attribute{
				{Name: "value", Type: String, CaseExact: true, Mutability: ReadOnly, Description: "Identifier of the group."},
				{Name: "$ref", Type: Reference, CaseExact: true, Mutability: ReadOnly, References: []string{"Group"}, Description: "URI of the group."},
				{Name: "display", Type: String, Mutability: ReadOnly, Description: "Name of the group."},
				{Name: "type", Type: String, Mutability: ReadOnly, Canonical: []string{"direct", "indirect"}, Description: "Whether the membership is direct."},
			}},
		plural("entitlements", "Things that the user is entitled to.", String),
		plural("roles", "Roles of the user in the organization.", String),
		plural("x509Certificates", "Certificates of the user.", Binary),
	},
}

var groupSchema = Schema{
	ID:          GroupURN,
	Name:        "Group",
	Description: "Group",
	Aliases: []string{
		"urn:scim:schemas:core:1.0:Group", "urn:scim:schemas:core:2.0:Group",
		"urn:scim:schemas:core:1.0", "urn:scim:schemas:core:2.0",
	},
	Attributes: []*Attribute{
		{Name: "displayName", Type: String, Required: true, Uniqueness: Server, Description: "Name of the group."},
		{Name: "members", Type: Complex, MultiValued: true, Unbounded: true, Description: "Members of the group.", Sub: []*Attribute{
			{Name: "value", Type: String, CaseExact: true, Mutability: Immutable, Description: "Identifier of the member."},
			{Name: "$ref", Type: Reference, CaseExact: true, Mutability: ReadOnly, References: []string{"User", "Group"}, Description: "URI of the member."},
			{Name: "type", Type: String, Mutability: Immutable, Canonical: []string{"User", "Group"}, Description: "What the member is."},
			{Name: "display", Type: String, Mutability: ReadOnly, Description: "Name of the member."},
		}},
	},
}

var enterpriseSchema = Schema{
	ID:          EnterpriseUserURN,
	Name:        "EnterpriseUser",
	Description: "Enterprise User",
	Aliases: []string{
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0User",
		"urn:scim:schemas:extension:enterprise:1.0", "urn:scim:schemas:extension:enterprise:2.0",
	},
	Attributes: []*Attribute{
		str("employeeNumber", "Number or code of the user in the organization."),
		str("costCenter", "Cost center."),
		str("organization", "Organization."),
		str("division", "Division."),
		str("department", "Department."),
		{Name: "manager", Type: Complex, Description: "The user's manager.", Sub: []*Attribute{
			{Name: "value", Type: String, CaseExact: true, Description: "Identifier of the manager. It need not be known."},
			{Name: "$ref", Type: Reference, CaseExact: true, Mutability: ReadOnly, References: []string{"User"}, Description: "URI of the manager."},
			{Name: "displayName", Type: String, Mutability: ReadOnly, Description: "Name of the manager."},
		}},
	},
}

var rollcallSchema = Schema{
	ID:          RollcallUserURN,
	Name:        "RollcallUser",
	Description: "Rollcall user",
	Attributes: []*Attribute{
		{Name: "defaultRemoteIdentity", Type: String, CaseExact: true,
			Description: "Name that the user has on the Kubernetes API server. Without it the identity provider's subject rule makes one."},
		{Name: "permissionLevel", Type: String, Returned: Never, Ignored: true,
			Description: "Permission level that the client would give the user, if it could."},
	},
}

func str(name, description string) *Attribute {
	return &Attribute{Name: name, Type: String, Description: description}
}

func kind(canonical ...string) *Attribute {
	return &Attribute{Name: "type", Type: String, Canonical: canonical, Description: "What the value is for."}
}

func primary() *Attribute {
	return &Attribute{Name: "primary", Type: Boolean, Description: "Whether this is the preferred value. At most one is."}
}

// plural is a multi-valued attribute with the default sub-attributes of RFC
// 7643 section 2.4.
func plural(name, description string, value Type, canonical ...string) *Attribute {
	v := &Attribute{Name: "value", Type: value, Description: "The value."}
	if value == Reference {
		v.References, v.CaseExact = []string{"external"}, true
	}
	if value == Binary {
		v.CaseExact = true
	}
	return &Attribute{Name: name, Type: Complex, MultiValued: true, Description: description, Sub: []*Attribute{
		v, str("display", "Name to show to people."), kind(canonical...), primary(),
	}}
}
