package main

import "fmt"

// section is a section of an RFC with something in it for a server. Sections of
// background, examples of other sections and registrations with IANA are left
// out.
type section struct {
	number, title, text string
	// none says that there is nothing to prove: the text says why.
	none bool
}

// sections returns the requirements of the RFCs.
func sections() []requirement {
	var all []requirement
	for _, rfc := range []struct {
		number   int
		sections []section
	}{{7643, rfc7643}, {7644, rfc7644}, {9865, rfc9865}} {
		for _, s := range rfc.sections {
			all = append(all, requirement{
				id: fmt.Sprintf("RFC %d %s", rfc.number, s.number), title: s.title, text: s.text, none: s.none,
			})
		}
	}
	return all
}

var rfc7643 = []section{
	{"2.1", "Attributes", "Names are matched without case and answered as the schema spells them. What no schema defines is dropped.", false},
	{"2.2", "Attribute Characteristics", "Each attribute in `/Schemas` states all of its characteristics, the defaults too, and behaves as they say.", false},
	{"2.3.1", "String", "Kept verbatim, and compared as caseExact says.", false},
	{"2.3.2", "Boolean", "`true` and `false`. Strings that read so are taken for them, since Entra ID sends those.", false},
	{"2.3.3", "Decimal", "No attribute of the schemas is one. In an extension without a definition a number stays a number of that value.", false},
	{"2.3.4", "Integer", "As decimal.", false},
	{"2.3.5", "DateTime", "RFC 3339 in UTC in answers; filters take any offset and compare instants.", false},
	{"2.3.6", "Binary", "The value of x509Certificates. It is kept as it is sent, without a check of the encoding, and compared with case.", false},
	{"2.3.7", "Reference", "`$ref` and meta.location are URLs of this server. profileUrl and photos are kept as sent: clients send what is no URI.", false},
	{"2.3.8", "Complex", "Sub-attributes of one level.", false},
	{"2.4", "Multi-Valued Attributes", "type, primary, display and value. A new primary clears the other; values with equal type and value are one.", false},
	{"2.5", "Unassigned and Null Values", "null, `[]`, `{}` and the empty string unassign. Unassigned attributes are left out of answers.", false},
	{"3", "SCIM Resources", "`schemas` in an answer lists the core schema and those extensions that the resource has values of.", false},
	{"3.1", "Common Attributes", "id is the server's and never changes, externalId the client's; meta has resourceType, created, lastModified, location and version.", false},
	{"3.2", "Defining New Resource Types", "There are users and groups, and no others.", true},
	{"3.3", "Attribute Extensions to Resources", "Enterprise users, Rollcall's own extension, and any other that a client sends: it is kept as it is.", false},
	{"4.1.1", "Singular Attributes", "All of them but password, which is accepted, never stored and never shown: nobody signs in with Rollcall. userName is unique without case.", false},
	{"4.1.2", "Multi-Valued Attributes", "All of them. groups is read-only and shows direct memberships.", false},
	{"4.2", "Group", "displayName is required and, beyond the RFC, unique without case. Members may be users, groups, or ids that nobody knows (yet).", false},
	{"4.3", "Enterprise User", "All attributes. The manager's id need not be known.", false},
	{"5", "Service Provider Configuration Schema", "Each ability that it advertises works, and no other does.", false},
	{"6", "ResourceType Schema", "User with its extensions, and Group.", false},
	{"7", "Schema Definition", "Every attribute with all characteristics, as they are honoured.", false},
	{"8.1", "Minimal User", "The RFC's example is accepted and read back.", false},
	{"8.2", "Full User", "The RFC's example is accepted and read back, without its password.", false},
	{"8.3", "Enterprise User", "The RFC's example is accepted and read back.", false},
	{"8.4", "Group", "The RFC's example is accepted and read back.", false},
	{"8.5", "Service Provider Configuration", "In the form of the RFC's example.", false},
	{"8.6", "Resource Type", "In the form of the RFC's example.", false},
	{"8.7", "Schema", "In the form of the RFC's example; without password, and with Rollcall's extension.", false},
	{"9.2", "Passwords and Other Sensitive Security Data", "No password is stored, filtered by or shown.", false},
	{"9.3", "Privacy", "Logs name resources by id; they have no attributes of people and no tokens.", false},
}

var rfc7644 = []section{
	{"2", "Authentication and Authorization", "Bearer tokens (RFC 6750) that Rollcall made for the identity provider. 401 has `WWW-Authenticate`.", false},
	{"2.1", "Use of Tokens as Authorizations", "A token stands for one identity provider and reaches nobody else's resources.", false},
	{"2.2", "Anonymous Requests", "None, not even for discovery.", false},
	{"3.1", "Background", "`application/scim+json` in every answer; requests may name any JSON type or none.", false},
	{"3.2", "SCIM Endpoints and HTTP Methods", "All of them but `/Me`; any other method is 405 with `Allow`.", false},
	{"3.3", "Creating Resources", "201 with `Location` and the whole resource; read-only attributes are ignored; a name in use is 409 uniqueness.", false},
	{"3.3.1", "Resource Types", "The endpoint decides the type; meta.resourceType says it.", false},
	{"3.4.1", "Retrieving a Known Resource", "200, or 404.", false},
	{"3.4.2", "Query Resources", "A ListResponse, with 200 also when nothing matches.", false},
	{"3.4.2.1", "Query Endpoints", "`/Users`, `/Groups`, and the root for both. What the search can't apply has no value in it.", false},
	{"3.4.2.2", "Filtering", "The whole grammar. Operators and names in any case; the type of the attribute decides how values compare. `$ref` has no value here: addresses are made when a resource is shown.", false},
	{"3.4.2.3", "Sorting", "By any attribute with a value; of several the primary one counts. What has none comes last, or first in descending order.", false},
	{"3.4.2.4", "Pagination", "By index, in an order that stays. What is out of range is put right as the RFC says.", false},
	{"3.4.2.5", "Attributes", "`attributes` and `excludedAttributes`, also of sub-attributes and URNs. id and schemas are always there.", false},
	{"3.4.3", "Querying Resources Using HTTP POST", "`/.search` on the root, `/Users` and `/Groups`.", false},
	{"3.5.1", "Replacing with PUT", "Replaces what the client owns. Beyond the RFC, a missing `active` or `members` changes nothing: losing access needs a word of the client.", false},
	{"3.5.2", "Modifying with PATCH", "All operations or none. 200 with the user; 204 for a group, whose members may be many.", false},
	{"3.5.2.1", "Add Operation", "Adds or merges; what is there already changes nothing, and lastModified stays.", false},
	{"3.5.2.2", "Remove Operation", "Without a path it is 400 noTarget. Beyond the RFC, a list of values removes those alone, as Entra ID means it.", false},
	{"3.5.2.3", "Replace Operation", "Beyond the RFC, a filter that selects nothing creates the value where it says what to create, as Entra ID means it; otherwise 400 noTarget.", false},
	{"3.6", "Deleting Resources", "204, and 404 ever after; a deleted user is in no group, and the name can be used again.", false},
	{"3.7", "Bulk Operations", "Each operation as if it were sent alone.", false},
	{"3.7.1", "Circular Reference Processing", "References are resolved whatever the order. Those in a circle are refused with 409, and the rest is done.", false},
	{"3.7.2", `"bulkId" Temporary Identifiers`, "In members, managers, values of PATCH, and paths.", false},
	{"3.7.3", "Response and Error Handling", "A status and a location each, errors with their body; `failOnErrors` is honoured.", false},
	{"3.7.4", "Maximum Operations", "Both limits are advertised; beyond them it is 413.", false},
	{"3.8", "Data Input/Output Formats", "JSON in UTF-8, one object. Anything else is 400 invalidSyntax.", false},
	{"3.9", "Additional Operation Response Parameters", "`attributes` and `excludedAttributes` on POST, PUT and PATCH too.", false},
	{"3.10", "Attribute Notation", "Names, sub-attributes and URN-qualified names, wherever attributes are named.", false},
	{"3.11", `"/Me" Authenticated Subject Alias`, "501: a token belongs to an identity provider, not to a user.", false},
	{"3.12", "HTTP Status and Error Response Handling", "Every error is a SCIM error with a detail that says what to do; what a client sends is never a 5xx.", false},
	{"3.13", "SCIM Protocol Versioning", "The base URL ends in `/v2`; other versions are 404.", false},
	{"3.14", "Versioning Resources", "Weak ETags; `If-Match` and `If-None-Match` are honoured and never required.", false},
	{"4", "Service Provider Configuration Endpoints", "Three endpoints, which need a token as all do; a filter is 403.", false},
	{"5", "Preparation and Comparison of Internationalized Strings", "Names that are unique without case are so without width, too.", false},
	{"6", "Multi-Tenancy", "One base URL for each identity provider.", false},
	{"6.1", "Associating Clients to Tenants", "By the base URL, for which the token must have been made.", false},
	{"6.2", "SCIM Identifiers with Multiple Tenants", "An id is found by its own identity provider and by no other; two may have equal externalIds and names.", false},
	{"7.1", "HTTP Considerations", "Nothing is cached, sniffed or redirected.", false},
	{"7.2", "TLS Support Considerations", "TLS 1.2 or newer.", false},
	{"7.3", "Authorization Token Considerations", "Tokens expire and can be revoked; several are valid at a time, for rotation.", false},
	{"7.4", "Bearer Token and Cookie Considerations", "No cookies; tokens have 256 random bits and are taken from the header alone.", false},
	{"7.5.1", "Personal Information", "See RFC 7643 9.3.", true},
	{"7.5.2", "Disclosure of Sensitive Information in URIs", "Searches can be sent in a body; queries are not logged.", false},
	{"7.6", "Anonymous Requests", "None.", true},
	{"7.7", "Secure Storage and Handling of Sensitive Data", "Of a token only a hash is stored; of a password nothing.", false},
	{"7.8", "Case-Insensitive Comparison and International Languages", "Width and case are folded as Unicode does it in full (RFC 8265), the same way wherever names are compared.", false},
	{"8.1", `Registration of the "application/scim+json" Media Type`, "Exactly this, without parameters, on every body.", false},
}

var rfc9865 = []section{
	{"2", "Query Parameters and Response Attributes", "`cursor` and `count`; nextCursor on every page but the last, previousCursor on every page but the first. A cursor is good for the same query only.", false},
	{"2.1", "Pagination Errors", "400 invalidCursor, expiredCursor and invalidCount.", false},
	{"2.2", "Sorting", "A walk by cursors is sorted as sortBy and sortOrder say.", false},
	{"2.3", "Implementing Cursors as the Only Pagination Method", "Not so: pages by index are what most clients ask for.", true},
	{"2.4", "Implementing Both Cursors and Index Pagination", "Index is the default, so clients that know no cursors see none.", false},
	{"3", "Querying Resources Using HTTP POST", "`cursor` and `count` in the body of `/.search`.", false},
	{"4", "Service Provider Configuration", "`pagination` with all of its attributes.", false},
	{"5", "Security Considerations", "A cursor is signed, expires, and is good for one identity provider and query; the server keeps nothing for it.", false},
}
