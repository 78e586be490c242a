package server

import (
	"encoding/json"
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

// The parameters of a search (RFC 7644 section 3.4.2, RFC 9865 section 2). They
// have the same names in a query and in the body of a SearchRequest.
const (
	filterParam     = "filter"
	sortByParam     = "sortBy"
	sortOrderParam  = "sortOrder"
	startIndexParam = "startIndex"
	countParam      = "count"
	cursorParam     = "cursor"
	attributesParam = "attributes"
	excludedParam   = "excludedAttributes"
)

var knownParams = []string{
	filterParam, sortByParam, sortOrderParam, startIndexParam, countParam, cursorParam, attributesParam, excludedParam,
}

// params are the parameters of a request that mean something. All others are
// ignored: Tenant URLs carry flags such as aadOptscim062020.
type params map[string]param

// param is the text of a parameter, or why it can't be read.
type param struct {
	text string
	err  error
}

// parseParams splits a query. url.ParseQuery isn't used, because it drops what
// it can't read: a filter that is dropped matches everybody. So names are read
// in any case, and of two values none is chosen.
func parseParams(query string) (params, error) {
	p := params{}
	for pair := range strings.SplitSeq(query, "&") {
		encoded, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(encoded)
		if err != nil {
			continue
		}
		err = p.add(name, func(known string) param {
			text, err := url.QueryUnescape(value)
			if err != nil || !utf8.ValidString(text) {
				return param{err: scim.BadRequest(paramError(known), "the parameter %s is not percent-encoded UTF-8", known)}
			}
			return param{text: text}
		})
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

// addBody adds the members of a SearchRequest. What is in the query already may
// not be in the body too.
func (p params) addBody(body map[string]any) error {
	for name, value := range body {
		if value == nil {
			continue
		}
		err := p.add(name, func(known string) param {
			text, err := paramText(known, value)
			return param{text: text, err: err}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// add adds a parameter if it is a known one.
func (p params) add(name string, read func(known string) param) error {
	for _, known := range knownParams {
		if !strings.EqualFold(name, known) {
			continue
		}
		if p.has(known) {
			return scim.BadRequest(paramError(known), "the parameter %s is there twice: send it once", known)
		}
		p[known] = read(known)
	}
	return nil
}

// paramText makes of a value in JSON what stands for it in a query.
func paramText(known string, value any) (string, error) {
	switch known {
	case startIndexParam, countParam:
		switch v := value.(type) {
		case json.Number:
			return v.String(), nil
		case string:
			return v, nil
		}
		return "", scim.BadRequest(paramError(known), "%s is a whole number", known)
	case attributesParam, excludedParam:
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		var names []string
		for _, e := range list {
			name, ok := e.(string)
			if !ok && e != nil {
				return "", scim.BadRequest(paramError(known), "%s is an array of strings", known)
			}
			names = append(names, name)
		}
		return strings.Join(names, ","), nil
	default:
		text, ok := value.(string)
		if !ok {
			return "", scim.BadRequest(paramError(known), "%s is a string", known)
		}
		return text, nil
	}
}

// paramError is the type of the error for what is wrong with a parameter.
func paramError(name string) scim.Type {
	switch name {
	case filterParam:
		return scim.InvalidFilter
	case cursorParam:
		return scim.InvalidCursor
	}
	return scim.InvalidValue
}

func (p params) has(name string) bool {
	_, ok := p[name]
	return ok
}

// get returns a parameter without the space around it, empty when there is none.
func (p params) get(name string) (string, error) {
	return strings.TrimSpace(p[name].text), p[name].err
}

// number returns a numeric parameter, or otherwise when there is none.
func (p params) number(name string, otherwise int) (int, error) {
	s, err := p.get(name)
	if err != nil || s == "" {
		return otherwise, err
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

// search is what a client searches for.
type search struct {
	// filter is empty for everything.
	filter string
	// sortBy counts when sorted is true.
	sortBy             schema.Name
	sorted, descending bool
	// startIndex counts unless the search is paged by cursor.
	startIndex, count int
	// byCursor asks for pages by cursor; the first one has none.
	byCursor bool
	cursor   string
}

// search reads a search.
func (p params) search() (s search, err error) {
	if s.filter, err = p.get(filterParam); err != nil {
		return s, err
	}
	if err = p.order(&s); err != nil {
		return s, err
	}
	return s, p.page(&s)
}

// order reads what a search is sorted by (RFC 7644 section 3.4.2.3).
func (p params) order(s *search) error {
	text, err := p.get(sortByParam)
	if err != nil || text == "" {
		return err
	}
	if s.sortBy, err = schema.ParseName(text); err != nil {
		return scim.BadRequest(scim.InvalidValue, "sortBy: %s", err)
	}
	s.sorted = true
	direction, err := p.get(sortOrderParam)
	if err != nil {
		return err
	}
	switch strings.ToLower(direction) {
	case "", "ascending":
	case "descending":
		s.descending = true
	default:
		return scim.BadRequest(scim.InvalidValue, "sortOrder is ascending or descending")
	}
	return nil
}

// page reads which page is wanted: anything below 1 starts at 1, a negative count
// is 0, which asks for the total alone (RFC 7644 section 3.4.2.4, RFC 9865 section
// 2), and a large count is as much as a page has.
func (p params) page(s *search) (err error) {
	if s.startIndex, err = p.number(startIndexParam, 1); err != nil {
		return err
	}
	s.startIndex = max(s.startIndex, 1)
	s.byCursor = p.has(cursorParam)
	if s.cursor, err = p.get(cursorParam); err != nil {
		return err
	}
	if s.byCursor && s.startIndex > 1 {
		return scim.BadRequest(scim.InvalidValue, "a search is paged by startIndex or by cursor: send one of them")
	}
	s.count, err = p.number(countParam, DefaultPage)
	if s.byCursor && err != nil {
		return scim.BadRequest(scim.InvalidCount, "count is a whole number, %d at most", MaxPage)
	}
	s.count = min(max(s.count, 0), MaxPage)
	return err
}

// shape is what an answer shows of resources (RFC 7644 section 3.9). A client
// that sends both parameters sees the attributes that it asks for but for those
// that it excludes.
type shape struct {
	rt                   *schema.ResourceType
	attributes, excluded []schema.Name
}

func (p params) shape(rt *schema.ResourceType) (s shape, err error) {
	s.rt = rt
	if s.attributes, err = p.names(attributesParam); err != nil {
		return s, err
	}
	s.excluded, err = p.names(excludedParam)
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
