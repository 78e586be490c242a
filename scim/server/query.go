package server

import (
	"errors"
	"math"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// params are the query parameters that mean something, still encoded. All
// others are ignored: Tenant URLs carry flags such as aadOptscim062020.
type params struct {
	raw map[string]string
}

// parseParams splits a query. url.ParseQuery isn't used, because it drops what
// it can't read: a filter that is dropped matches everybody. So names are read
// in any case, and of two values none is chosen.
func parseParams(query string) (params, error) {
	p := params{raw: map[string]string{}}
	for pair := range strings.SplitSeq(query, "&") {
		encoded, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(encoded)
		if err != nil {
			continue
		}
		for _, known := range []string{filterParam, "startIndex", "count", "attributes", "excludedAttributes"} {
			if !strings.EqualFold(name, known) {
				continue
			}
			if p.has(known) {
				return p, scim.BadRequest(paramError(known), "the parameter %s is there twice: send it once", known)
			}
			p.raw[known] = value
		}
	}
	return p, nil
}

const filterParam = "filter"

// paramError is the type of the error for what is wrong with a parameter.
func paramError(name string) scim.Type {
	if name == filterParam {
		return scim.InvalidFilter
	}
	return scim.InvalidValue
}

func (p params) has(name string) bool {
	_, ok := p.raw[name]
	return ok
}

// get returns a decoded parameter, empty when there is none.
func (p params) get(name string) (string, error) {
	value, err := url.QueryUnescape(p.raw[name])
	if err != nil || !utf8.ValidString(value) {
		return "", scim.BadRequest(paramError(name), "the parameter %s is not percent-encoded UTF-8", name)
	}
	return value, nil
}

// number returns a numeric parameter, or otherwise when there is none.
func (p params) number(name string, otherwise int) (int, error) {
	s, err := p.get(name)
	if err != nil {
		return 0, err
	}
	if s = strings.TrimSpace(s); s == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(s)
	if errors.Is(err, strconv.ErrRange) {
		if n = math.MaxInt; strings.HasPrefix(s, "-") {
			n = math.MinInt
		}
		return n, nil
	}
	if err != nil {
		return 0, scim.BadRequest(scim.InvalidValue, "%s is a whole number", name)
	}
	return n, nil
}

// query reads a search (RFC 7644 section 3.4.2): anything below 1 starts at 1,
// a negative count is 0, and a large one as much as a page has.
func (p params) query(rt *schema.ResourceType) (q scim.Query, err error) {
	if q.StartIndex, err = p.number("startIndex", 1); err != nil {
		return q, err
	}
	if q.Count, err = p.number("count", DefaultPage); err != nil {
		return q, err
	}
	q.StartIndex = max(q.StartIndex, 1)
	q.Count = min(max(q.Count, 0), MaxPage)
	text, err := p.get(filterParam)
	if err != nil {
		return q, err
	}
	if strings.TrimSpace(text) == "" {
		return q, nil
	}
	// Checked against the type here, so that no directory has to report it.
	q.Filter, err = filter.ParseFor(rt, text)
	return q, err
}

// shape is what an answer shows of resources (RFC 7644 section 3.9).
type shape struct {
	rt                   *schema.ResourceType
	attributes, excluded []schema.Name
}

func (p params) shape(rt *schema.ResourceType) (s shape, err error) {
	s.rt = rt
	if s.attributes, err = p.names("attributes"); err != nil {
		return s, err
	}
	s.excluded, err = p.names("excludedAttributes")
	return s, err
}

func (p params) names(parameter string) ([]schema.Name, error) {
	list, err := p.get(parameter)
	if err != nil {
		return nil, err
	}
	names, err := filter.ParseAttributes(list)
	if err != nil {
		detail := err.Error()
		if e, ok := errors.AsType[*filter.Error](err); ok {
			detail = e.Msg
		}
		return nil, scim.BadRequest(scim.InvalidValue, "%s: %s", parameter, detail)
	}
	return names, nil
}

func (s shape) apply(resource map[string]any) map[string]any {
	return schema.Project(s.rt, resource, s.attributes, s.excluded)
}

// shows says whether any part of a top-level attribute would be shown.
func (s shape) shows(attribute string) bool {
	probe := map[string]any{}
	for _, a := range s.rt.Core.Find(attribute).Sub {
		probe[a.Name] = true
	}
	return s.apply(map[string]any{attribute: []any{probe}})[attribute] != nil
}
