package entra

import "strings"

const (
	userURN  = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN = "urn:ietf:params:scim:schemas:core:2.0:Group"
	// adGroupURN comes with every group (fact 53).
	adGroupURN = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
	patchURN   = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// document is a JSON object.
type document = map[string]any

// createUser is the body of POST /Users (fact 36).
func createUser(v values) map[string]any {
	body := map[string]any{
		"schemas": []any{userURN, Enterprise},
		"meta":    document{"resourceType": "User"},
	}
	for path, value := range v {
		write(body, path, value)
	}
	return body
}

// createGroup is the body of POST /Groups (fact 53): members follow later.
func createGroup(displayName, externalID string) map[string]any {
	return map[string]any{
		"schemas":     []any{groupURN, adGroupURN},
		"externalId":  externalID,
		"displayName": displayName,
		"meta":        document{"resourceType": "Group"},
	}
}

func patch(operations ...any) map[string]any {
	return map[string]any{"schemas": []any{patchURN}, "Operations": operations}
}

// op spells an operation's name as the dialect does.
func (d Dialect) op(name string) string {
	if d == AadOptscim062020 {
		return name
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// attributes writes changed attributes (facts 37 and 75).
func (d Dialect) attributes(list []change) map[string]any {
	var operations []any
	byPath := func(c change) {
		name := "replace"
		if c.add {
			name = "add"
		}
		operations = append(operations, document{"op": d.op(name), "path": c.path, "value": d.value(c.value)})
	}
	if d == Default {
		for _, c := range list {
			byPath(c)
		}
		return patch(operations...)
	}
	var plain []change
	for _, c := range list {
		if strings.Contains(c.path, "[") {
			byPath(c)
		} else {
			plain = append(plain, c)
		}
	}
	if len(plain) == 1 {
		byPath(plain[0])
	} else if len(plain) > 1 {
		value := document{}
		for _, c := range plain {
			value[c.path] = d.value(c.value)
		}
		operations = append(operations, document{"op": "replace", "value": value})
	}
	return patch(operations...)
}

func (d Dialect) value(v any) any {
	b, isBool := v.(bool)
	switch {
	case !isBool || d == AadOptscim062020:
		return v
	case b:
		return "True"
	default:
		return "False"
	}
}

// addMembers is one operation however many they are (fact 56).
func (d Dialect) addMembers(ids []string) map[string]any {
	return patch(document{"op": d.op("add"), "path": "members", "value": references(ids)})
}

// removeMembers names them in a value list, or each in a path (fact 57).
func (d Dialect) removeMembers(ids []string) map[string]any {
	if d == Default {
		return patch(document{"op": "Remove", "path": "members", "value": references(ids)})
	}
	var operations []any
	for _, id := range ids {
		operations = append(operations, document{"op": "remove", "path": `members[value eq "` + id + `"]`})
	}
	return patch(operations...)
}

// manager sets a user's manager to a raw string, or removes it (fact 42).
func (d Dialect) manager(id string) map[string]any {
	path := Enterprise + ":manager"
	if id == "" {
		return patch(document{"op": d.op("remove"), "path": path})
	}
	return patch(document{"op": d.op("add"), "path": path, "value": id})
}

func references(ids []string) []any {
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = document{"$ref": nil, "value": id}
	}
	return list
}
