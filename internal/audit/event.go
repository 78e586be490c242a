package audit

// The kind of an event, and the version of its fields: a later version may have more
// fields, and the meaning of these stays.
const (
	Kind       = "ProvisioningEvent"
	APIVersion = "audit.rollcall.dev/v1"
)

// Event is one line of the provisioning log. Fields that hold personal data say so, and
// are empty unless they are asked for.
type Event struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
	// Time at which the request came, RFC 3339 in UTC.
	Time string `json:"time"`
	// RequestID is the X-Request-Id of the answer. The operations of a bulk request
	// share it.
	RequestID string `json:"requestID"`
	// TraceID of the trace that has the request, if there is one.
	TraceID string `json:"traceID,omitempty"`
	// Provider is the name of the IdentityProvider.
	Provider string `json:"provider"`
	// Token is the id of the token, which is no secret; empty when none was valid.
	Token string `json:"token,omitempty"`
	// Client is the address that the request came from.
	Client string `json:"client,omitempty"`
	// Method is POST, PUT, PATCH or DELETE.
	Method   string   `json:"method"`
	Resource Resource `json:"resource"`
	// Bulk says which operation of a bulk request this is.
	Bulk   *Bulk  `json:"bulk,omitempty"`
	Result Result `json:"result"`
	// Changes are the resources that were written; empty when nothing was.
	Changes []Change `json:"changes"`
	// Members is how a group's members have changed, if they have.
	Members *Members `json:"members,omitempty"`
	// DurationMs is the time until the answer was ready, in milliseconds.
	DurationMs float64 `json:"durationMs"`
}

// Resource is what a request was about.
type Resource struct {
	// Type is User or Group; the endpoint for other paths, such as Bulk; or empty.
	Type string `json:"type"`
	// ID is the SCIM id. What a client sends in its place may be anything, so what
	// doesn't look like an id of ours is personal data.
	ID string `json:"id,omitempty"`
}

// Bulk is an operation of a bulk request.
type Bulk struct {
	// Index in the request's Operations, from 0.
	Index int `json:"index"`
	// BulkID is the client's name for it: personal data.
	BulkID string `json:"bulkId,omitempty"`
}

// The outcomes of a request.
const (
	// Done is one that was answered with a status below 400.
	Done = "Done"
	// Refused is one that was answered with a status from 400 to 499.
	Refused = "Refused"
	// Failed is one with a status from 500. A part of it may have been done, and the
	// client sends it again.
	Failed = "Failed"
)

// Result is the answer.
type Result struct {
	Outcome string `json:"outcome"`
	// Status is that of HTTP.
	Status int `json:"status"`
	// ScimType is that of an error, such as uniqueness.
	ScimType string `json:"scimType,omitempty"`
	// Detail is what the client was told: personal data.
	Detail string `json:"detail,omitempty"`
}

// Change is one write to the cluster.
type Change struct {
	// Action is created, updated, deleted, restored or adopted.
	Action string `json:"action"`
	// ID is the SCIM id of the resource.
	ID     string `json:"id"`
	Object Object `json:"object"`
	// Attributes are those that have another value than before.
	Attributes []Attribute `json:"attributes"`
	// MoreAttributes is how many others there are.
	MoreAttributes int `json:"moreAttributes,omitempty"`
}

// Object is the Kubernetes object that has the resource.
type Object struct {
	Kind string `json:"kind"`
	UID  string `json:"uid"`
	// Name is made of the userName or displayName: personal data.
	Name string `json:"name,omitempty"`
}

// Attribute is an attribute that has changed.
type Attribute struct {
	// Path is its name, as in a PATCH: name.givenName, or an extension's URN, a colon
	// and a name. Arrays are not looked into.
	Path string `json:"path"`
	// Before and After are the values, without the one that there isn't. Those of
	// active are always there; others are personal data.
	Before any `json:"before,omitempty"`
	After  any `json:"after,omitempty"`
	// Omitted says that a value was asked for and is too large.
	Omitted bool `json:"omitted,omitempty"`
}

// Members is a change of a group's members.
type Members struct {
	Added   MemberList `json:"added"`
	Removed MemberList `json:"removed"`
}

// MemberList is some members.
type MemberList struct {
	// Users is how many are users, and UserIDs the SCIM ids of these, sorted; of very
	// many only the first.
	Users   int      `json:"users"`
	UserIDs []string `json:"userIDs,omitempty"`
	// Others is how many are none, such as nested groups. Their ids are what the
	// client sent: personal data.
	Others   int      `json:"others,omitempty"`
	OtherIDs []string `json:"otherIDs,omitempty"`
}
