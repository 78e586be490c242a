package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/internal/tree"
)

// parseBulk reads a BulkRequest (RFC 7644 section 3.7). Names are understood in
// any case, and schemas may be missing. What is no BulkRequest is an error; what
// is wrong with one operation is that operation's.
func (h *handler) parseBulk(x *exchange, body map[string]any) (*bulk, error) {
	raw, ok := body[tree.Key(body, "Operations")]
	list, isList := raw.([]any)
	if !ok || raw != nil && !isList {
		return nil, scim.BadRequest(scim.InvalidSyntax, `the body has no array of Operations: send {"schemas": [...], "Operations": [...]}`)
	}
	if len(list) > MaxBulkOperations {
		return nil, &scim.Error{
			Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("%d operations, maxOperations is %d: send several requests", len(list), MaxBulkOperations),
		}
	}
	b := &bulk{h: h, request: x, operations: make([]*bulkOperation, len(list)), posts: map[string]int{}}
	var err error
	if b.failOnErrors, err = failOnErrors(body); err != nil {
		return nil, err
	}
	// The answer has no resources, so the members of groups need not be read.
	shown, err := parseParams("excludedAttributes=" + members)
	if err != nil {
		return nil, err
	}
	for i, e := range list {
		op, err := parseBulkOperation(x, e, i)
		if err != nil {
			return nil, scim.BadRequest(scim.InvalidSyntax, "Operations[%d]: %s", i, err)
		}
		op.x.params = shown
		b.operations[i] = op
		if op.x.Method != http.MethodPost || op.bulkID == "" {
			continue
		}
		if _, twice := b.posts[op.bulkID]; twice {
			return nil, scim.BadRequest(scim.InvalidValue, "the bulkId %q is there twice: give every operation its own", op.bulkID)
		}
		b.posts[op.bulkID] = i
	}
	b.findReferences()
	return b, nil
}

// failOnErrors reads how many errors are too many; less than 1 says nothing.
func failOnErrors(body map[string]any) (int, error) {
	raw := body[tree.Key(body, "failOnErrors")]
	if raw == nil {
		return 0, nil
	}
	n, err := strconv.Atoi(fmt.Sprint(raw))
	if err != nil {
		return 0, scim.BadRequest(scim.InvalidSyntax, "failOnErrors must be a whole number")
	}
	return max(n, 0), nil
}

// parseBulkOperation reads one element of Operations. The error is that of the
// request as a whole.
func parseBulkOperation(x *exchange, e any, index int) (*bulkOperation, error) {
	object, ok := e.(map[string]any)
	if !ok {
		return nil, errors.New("must be an object with method, path, bulkId and data")
	}
	fields := map[string]string{}
	for _, name := range []string{"method", "bulkId", "version", "path"} {
		switch v := object[tree.Key(object, name)].(type) {
		case nil:
		case string:
			fields[name] = v
		default:
			return nil, fmt.Errorf("%s must be a string", name)
		}
	}
	sub := &exchange{
		Request:   requestOf(x.Request, strings.ToUpper(fields["method"])),
		id:        x.id,
		client:    x.client,
		provider:  x.provider,
		tokenID:   x.tokenID,
		directory: x.directory,
		base:      x.base,
		bulk:      &BulkOperation{Index: index, BulkID: fields["bulkId"]},
	}
	if v := fields["version"]; v != "" {
		sub.Header.Set(ifMatch, v)
	}
	op := &bulkOperation{x: sub, bulkID: fields["bulkId"]}
	op.err = op.find(x.provider, fields["path"])
	if op.err == nil {
		op.err = op.take(object[tree.Key(object, "data")])
	}
	return op, nil
}

// requestOf is a request within another one. Headers of the other aren't meant
// for it.
func requestOf(r *http.Request, method string) *http.Request {
	sub := *r
	sub.Method, sub.Header, sub.Body = method, http.Header{}, http.NoBody
	return &sub
}

// find finds out what to do.
func (op *bulkOperation) find(provider, path string) error {
	switch op.x.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return scim.BadRequest(scim.InvalidValue, "the method %q can't be done in a bulk: POST, PUT, PATCH and DELETE can", op.x.Method)
	}
	if strings.ContainsAny(path, "?#") {
		return scim.BadRequest(scim.InvalidValue, "the path of an operation has no query")
	}
	segments, ok := splitPath(path)
	notFound := &scim.Error{
		Status: http.StatusNotFound, Type: scim.InvalidPath,
		Detail: fmt.Sprintf("there is no %q in a bulk: paths are /Users and /Groups, and behind POST those of one resource", path),
	}
	if !ok || len(segments) == 0 || len(segments) > 2 {
		return notFound
	}
	for _, e := range []*endpoint{usersEndpoint, groupsEndpoint} {
		if strings.EqualFold(e.name, segments[0]) {
			op.x.target = target{provider: provider, endpoint: e, known: true}
		}
	}
	if op.x.target.endpoint == nil {
		return notFound
	}
	if len(segments) == 2 {
		op.x.target.id, op.x.logID = segments[1], segments[1]
	}
	if (op.x.Method == http.MethodPost) != (op.x.target.id == "") {
		return &scim.Error{
			Status: http.StatusMethodNotAllowed,
			Detail: "POST is for /Users and /Groups, and PUT, PATCH and DELETE are for one resource, such as /Users/{id}",
		}
	}
	var err error
	op.do, err = op.x.target.operation(op.x.Method)
	return err
}

// take takes the operation's data over.
func (op *bulkOperation) take(data any) error {
	if op.x.Method == http.MethodPost && op.bulkID == "" {
		return scim.BadRequest(scim.InvalidSyntax, "a POST in a bulk needs a bulkId")
	}
	if op.x.Method == http.MethodDelete {
		return nil
	}
	if list, ok := data.([]any); ok && op.x.Method == http.MethodPatch {
		// As in the example of RFC 7644 section 3.7.2.
		data = map[string]any{"Operations": list}
	}
	var ok bool
	if op.data, ok = data.(map[string]any); !ok {
		return scim.BadRequest(scim.InvalidSyntax, "%s needs data: the object that would be its body", op.x.Method)
	}
	return nil
}

// findReferences finds out which operations need which.
func (b *bulk) findReferences() {
	// last is by whom an operation was needed last; an operation may refer to
	// another one thousands of times.
	last := map[int]*bulkOperation{}
	for _, op := range b.operations {
		if op.err != nil {
			continue
		}
		id := func(bulkID string) string {
			i, ok := b.posts[bulkID]
			switch {
			case !ok:
				op.err = scim.BadRequest(scim.InvalidValue, "no POST in this request has the bulkId %q", bulkID)
			case last[i] != op:
				last[i] = op
				op.needs = append(op.needs, i)
			}
			return ""
		}
		substituteID(op.x.target.id, id)
		substitution{rt: op.x.target.endpoint.rt, id: id}.body(op.x.Method, op.data)
	}
}

// order returns the operations so that each comes behind those it needs, and else
// in the order of the request. Those that need each other come together.
func (b *bulk) order() [][]int {
	// This is Tarjan's algorithm for strongly connected components. It is as deep
	// as there are operations, whose number is limited.
	var (
		groups [][]int
		stack  []int
		number = map[int]int{}
		lowest = map[int]int{}
		placed = map[int]bool{}
		visit  func(int)
	)
	visit = func(i int) {
		number[i] = len(number) + 1
		lowest[i] = number[i]
		stack = append(stack, i)
		for _, j := range b.operations[i].needs {
			if number[j] == 0 {
				visit(j)
			}
			if !placed[j] {
				lowest[i] = min(lowest[i], lowest[j])
			}
		}
		if lowest[i] != number[i] {
			return
		}
		var group []int
		for !placed[i] {
			j := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			placed[j] = true
			b.operations[j].group = i
			group = append(group, j)
		}
		slices.Sort(group)
		groups = append(groups, group)
	}
	for i := range b.operations {
		if number[i] == 0 {
			visit(i)
		}
	}
	return groups
}
