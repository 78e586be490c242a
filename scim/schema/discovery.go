package schema

// Discovery returns the schemas of the discovery documents themselves, as
// /Schemas lists them next to those of the resources (RFC 7643 section 8.7.2;
// pagination is of RFC 9865 section 4). They describe what the server says and
// nobody writes: every attribute is read-only.
func Discovery() []*Schema {
	return []*Schema{serviceProviderConfigSchema, resourceTypeSchema, schemaSchema}
}

var serviceProviderConfigSchema = &Schema{
	ID:          ServiceProviderConfigURN,
	Name:        "ServiceProviderConfig",
	Description: "What the server supports",
	Attributes: []*Attribute{
		uri("documentationUri", "Address of the documentation for people."),
		required(nested("patch", "PATCH.", supported())),
		required(nested("bulk", "Several operations in one request.", supported(),
			required(number("maxOperations", "How many operations a request may have.")),
			required(number("maxPayloadSize", "How many bytes a request may have.")))),
		required(nested("filter", "Filters.", supported(),
			required(number("maxResults", "How many resources an answer has at most.")))),
		required(nested("changePassword", "Changing passwords.", supported())),
		required(nested("sort", "Sorted answers.", supported())),
		required(nested("etag", "Versions of resources.", supported())),
		nested("pagination", "Answers in pages.",
			required(flag("cursor", "Whether there are pages by cursor.")),
			required(flag("index", "Whether there are pages by index.")),
			text("defaultPaginationMethod", "Which of them a request without parameters gets.", "cursor", "index"),
			number("defaultPageSize", "How many resources a page has by default."),
			number("maxPageSize", "How many resources a page has at most."),
			number("cursorTimeout", "How many seconds a cursor is good for.")),
		required(list(nested("authenticationSchemes", "How clients authenticate.",
			required(text("type", "Kind of the scheme.", "oauth", "oauth2", "oauthbearertoken", "httpbasic", "httpdigest")),
			required(text("name", "Name of the scheme.")),
			required(text("description", "What the scheme is.")),
			uri("specUri", "Address of the specification."),
			uri("documentationUri", "Address of the documentation for people."),
			flag("primary", "Whether this is the preferred scheme.")))),
	},
}

var resourceTypeSchema = &Schema{
	ID:          ResourceTypeURN,
	Name:        "ResourceType",
	Description: "Kind of resource that the server has",
	Attributes: []*Attribute{
		text("id", "Identifier of the resource type."),
		required(text("name", "Name of the resource type.")),
		text("description", "What the resources are."),
		required(uri("endpoint", "Path of the resources, below the base URL.")),
		required(uri("schema", "URN of the resources' schema.")),
		list(nested("schemaExtensions", "Extensions of the schema.",
			required(uri("schema", "URN of the extension.")),
			required(flag("required", "Whether every resource has the extension.")))),
	},
}

var schemaSchema = &Schema{
	ID:          SchemaURN,
	Name:        "Schema",
	Description: "Definition of attributes",
	Attributes: []*Attribute{
		required(text("id", "URN of the schema.")),
		required(text("name", "Name of the schema.")),
		text("description", "What the schema is for."),
		required(list(nested("attributes", "Attributes of the schema.",
			append(definition(), list(nested("subAttributes", "Attributes of a complex attribute.", definition()...)))...))),
	},
}

// definition is what a schema says of one attribute (RFC 7643 section 7).
func definition() []*Attribute {
	return []*Attribute{
		required(text("name", "Name of the attribute.")),
		required(text("type", "Data type of the values.",
			"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex")),
		required(flag("multiValued", "Whether there may be several values.")),
		text("description", "What the attribute is for."),
		required(flag("required", "Whether there must be a value.")),
		list(text("canonicalValues", "Suggested values.")),
		flag("caseExact", "Whether case matters."),
		text("mutability", "Who may write the attribute.", "readOnly", "readWrite", "immutable", "writeOnly"),
		text("returned", "When the attribute is in an answer.", "always", "never", "default", "request"),
		text("uniqueness", "Where values are unique.", "none", "server", "global"),
		list(text("referenceTypes", "What a reference may point to.")),
	}
}

func text(name, description string, canonical ...string) *Attribute {
	return &Attribute{Name: name, Type: String, CaseExact: true, Mutability: ReadOnly, Canonical: canonical, Description: description}
}

func uri(name, description string) *Attribute {
	return &Attribute{Name: name, Type: Reference, CaseExact: true, Mutability: ReadOnly, References: []string{"uri"}, Description: description}
}

func flag(name, description string) *Attribute {
	return &Attribute{Name: name, Type: Boolean, Mutability: ReadOnly, Description: description}
}

func number(name, description string) *Attribute {
	return &Attribute{Name: name, Type: Integer, Mutability: ReadOnly, Description: description}
}

func nested(name, description string, sub ...*Attribute) *Attribute {
	return &Attribute{Name: name, Type: Complex, Mutability: ReadOnly, Sub: sub, Description: description}
}

func supported() *Attribute {
	return required(flag("supported", "Whether it is supported."))
}

func required(a *Attribute) *Attribute {
	a.Required = true
	return a
}

func list(a *Attribute) *Attribute {
	a.MultiValued = true
	return a
}
