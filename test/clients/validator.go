package clients

import "fmt"

// Validator is what generic validators do with what a server advertises, for users
// and groups: all of it is written, read back, changed, unassigned and searched for.
func Validator() []Check {
	return []Check{
		{"a user has every advertised attribute, and reads back as it was sent (facts 6, 21)", func(p *probe) { roundTrip(p, "/Users", userURN) }},
		{"a group has every advertised attribute, and reads back as it was sent (facts 6, 21)", func(p *probe) { roundTrip(p, "/Groups", groupURN) }},
		{"a PUT writes every advertised attribute of a user (facts 6, 21)", func(p *probe) { replaceAll(p, "/Users", userURN) }},
		{"each advertised attribute of a user is removed, added and replaced (facts 21, 40g, 40i)", func(p *probe) { changeEach(p, "/Users", userURN) }},
		{"each advertised attribute of a group is removed, added and replaced (facts 21, 55-58)", func(p *probe) { changeEach(p, "/Groups", groupURN) }},
		{"each advertised sub-attribute of a user is replaced by its path (facts 19, 21, 40a)", changeEachSub},
		{"a user is found by each advertised attribute that could be matched by (facts 23, 29)", func(p *probe) { findByEach(p, "/Users", userURN) }},
		{"a group is found by each advertised attribute that could be matched by (facts 23, 29)", func(p *probe) { findByEach(p, "/Groups", groupURN) }},
	}
}

// full makes a resource with every advertised attribute.
func (p *probe) full(endpoint, core string) (id string, sent object, list []attribute) {
	list = p.advertised(endpoint)
	sent = p.randomResource(core, list)
	return p.create(endpoint, sent), sent, list
}

func roundTrip(p *probe, endpoint, core string) {
	id, sent, list := p.full(endpoint, core)
	got := p.get(endpoint + "/" + id)
	for _, a := range list {
		p.same(a.path(), a.in(sent), a.in(got))
	}
	p.same("schemas", sent["schemas"], got["schemas"])
}

func replaceAll(p *probe, endpoint, core string) {
	id, _, list := p.full(endpoint, core)
	sent := p.randomResource(core, list)
	p.do("PUT", endpoint+"/"+id, sent, 200)
	got := p.get(endpoint + "/" + id)
	for _, a := range list {
		p.same(a.path(), a.in(sent), a.in(got))
	}
}

func changeEach(p *probe, endpoint, core string) {
	id, _, list := p.full(endpoint, core)
	target := endpoint + "/" + id
	for _, a := range list {
		switch {
		case a.Required:
			refused := p.do("PATCH", target, object{"schemas": []any{patchURN}, "Operations": []any{object{"op": "remove", "path": a.path()}}}, 400)
			p.same("removing "+a.path(), object{"scimType": "mutability"}, refused)
		case a.Type == "boolean":
			// Unassigned, it may be what the server takes for the default.
		default:
			p.patch(target, object{"op": "remove", "path": a.path()})
			if v := a.in(p.get(target)); p.err == nil && v != nil {
				p.fail("%s is %s after it was removed", a.path(), show(v))
			}
		}
		for _, op := range []string{"add", "replace"} {
			value := p.random(a)
			p.patch(target, operation(op, a.path(), value))
			p.same(op+" "+a.path(), value, a.in(p.get(target)))
		}
	}
}

func changeEachSub(p *probe) {
	id, sent, list := p.full("/Users", userURN)
	target := "/Users/" + id
	for _, a := range list {
		for _, s := range a.Sub {
			if s.Mutability != "readWrite" || s.Name == "type" || s.Name == "primary" {
				continue
			}
			path, value := a.path()+"."+s.Name, p.randomOne(s, 0)
			if a.MultiValued {
				first, _ := a.in(sent).([]any)[0].(object)
				path = fmt.Sprintf("%s[type eq %q].%s", a.path(), first["type"], s.Name)
			}
			p.patch(target, operation("replace", path, value))
			var want any = object{s.Name: value}
			if a.MultiValued {
				want = []any{want, more}
			}
			p.same("replace "+path, want, a.in(p.get(target)))
		}
	}
}

func findByEach(p *probe, endpoint, core string) {
	id, sent, list := p.full(endpoint, core)
	p.wantOnly(endpoint, "id", id, id)
	for _, a := range list {
		value := a.in(sent)
		switch {
		case a.MultiValued && a.Type == "complex":
			first, _ := value.([]any)[0].(object)
			if text, ok := first["value"].(string); ok {
				p.wantOnly(endpoint, a.path()+".value", text, id)
				if kind, ok := first["type"].(string); ok {
					p.wantOnly(endpoint, fmt.Sprintf("%s[type eq %q].value", a.path(), kind), text, id)
				}
			}
		case a.Type == "complex":
			for name, v := range value.(object) {
				p.wantOnly(endpoint, a.path()+"."+name, v.(string), id)
			}
		case a.Type == "string" || a.Type == "reference":
			p.wantOnly(endpoint, a.path(), value.(string), id)
		}
	}
}
