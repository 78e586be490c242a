package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/scim"
)

// The versions of resources (RFC 7644 section 3.14). A version is that of the
// resource, while an answer shows what the client asks for and names of members
// that are other resources', so its entity tag is a weak one. If-Match compares
// it nevertheless: RFC 9110 section 13.1.1 would have it match nothing, and then
// the If-Match of RFC 7644 could never be fulfilled.

const (
	ifMatch     = "If-Match"
	ifNoneMatch = "If-None-Match"
)

// entityTag returns what a client is told of a resource's version, in ETag and in
// meta.version; empty when the directory gave it none.
func entityTag(resource scim.Resource) string {
	if v := version(resource); v != "" {
		return `W/"` + v + `"`
	}
	return ""
}

func version(resource scim.Resource) string {
	meta, _ := resource["meta"].(map[string]any)
	v, _ := meta["version"].(string)
	return v
}

// tag says of which version of the resource an answer is.
func (r *response) tag(resource scim.Resource) {
	if t := entityTag(resource); t != "" {
		r.set("ETag", t)
	}
}

// tagList is the value of If-Match or If-None-Match. The zero value is that of a
// header that isn't there, or says nothing.
type tagList struct {
	// any is *, for every version.
	any  bool
	tags []string
}

func (l tagList) sent() bool { return l.any || len(l.tags) > 0 }

func (l tagList) has(version string) bool { return l.any || slices.Contains(l.tags, version) }

// tagList reads a header (RFC 9110 section 8.8.3). Tags may be weak or strong,
// and lack their quotes.
func (x *exchange) tagList(name string) (l tagList, err error) {
	rest := strings.Join(x.Header.Values(name), ",")
	for {
		if rest = strings.TrimLeft(rest, " \t,"); rest == "" {
			return l, nil
		}
		if _, weak, found := strings.Cut(rest, "/"); found && strings.EqualFold(rest[:len(rest)-len(weak)], "W/") {
			rest = weak
		}
		var tag string
		var ok bool
		if quoted, isQuoted := strings.CutPrefix(rest, `"`); isQuoted {
			tag, rest, ok = strings.Cut(quoted, `"`)
			l.tags = append(l.tags, tag)
		} else {
			end := strings.IndexAny(rest+",", " \t,")
			tag, rest = rest[:end], rest[end:]
			if ok = !strings.Contains(tag, `"`); tag == "*" {
				l.any = true
			} else {
				l.tags = append(l.tags, tag)
			}
		}
		if rest = strings.TrimLeft(rest, " \t"); !ok || rest != "" && rest[0] != ',' {
			return l, scim.BadRequest(scim.InvalidSyntax, `%s is no list of versions: send meta.version as you got it, such as W/"abc", or *`, name)
		}
	}
}

// match is what a write asks of the current version (RFC 9110 section 13.1).
func (x *exchange) match() (scim.Match, error) {
	one, err := x.tagList(ifMatch)
	if err != nil {
		return nil, err
	}
	none, err := x.tagList(ifNoneMatch)
	if err != nil || !one.sent() && !none.sent() {
		return nil, err
	}
	return func(version string) bool {
		return (!one.sent() || one.has(version)) && !(none.sent() && none.has(version))
	}, nil
}

// answerRead is the answer to a GET of one resource: nothing if the client has
// this version already.
func (x *exchange) answerRead(s shape, resource scim.Resource) (response, error) {
	one, err := x.tagList(ifMatch)
	if err != nil {
		return response{}, err
	}
	none, err := x.tagList(ifNoneMatch)
	if err != nil {
		return response{}, err
	}
	if one.sent() && !one.has(version(resource)) {
		return response{}, scim.VersionMismatch(s.rt.Name, resource.ID())
	}
	if none.has(version(resource)) {
		res := response{status: http.StatusNotModified}
		x.identify(&res, s, resource)
		return res, nil
	}
	return x.answerOne(http.StatusOK, s, resource)
}
