package clients

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	anything = "{{any}}"
	absent   = "{{absent}}"
	more     = "{{more}}"
)

var (
	reference = regexp.MustCompile(`\{\{(\w+)\}\}`)
	capture   = regexp.MustCompile(`\{\{(\w+) ?=\}\}`)
)

// variables are the names that a run knows, and what they stand for.
type variables map[string]string

// expand puts values for names. A name that isn't known is an error.
func (v variables) expand(text string) (string, error) {
	var unknown []string
	text = reference.ReplaceAllStringFunc(text, func(found string) string {
		name := reference.FindStringSubmatch(found)[1]
		value, ok := v[name]
		if !ok {
			unknown = append(unknown, found)
		}
		return value
	})
	if len(unknown) > 0 {
		return "", fmt.Errorf("%s isn't known: no answer has given it a value", strings.Join(unknown, ", "))
	}
	return text, nil
}

// matchText compares a string with a pattern, and learns the names that the
// pattern has for parts of it.
func (v variables) matchText(pattern, got string) error {
	if pattern == anything {
		return nil
	}
	names := capture.FindAllStringSubmatch(pattern, -1)
	var expression strings.Builder
	for i, literal := range capture.Split(pattern, -1) {
		literal, err := v.expand(literal)
		if err != nil {
			return err
		}
		expression.WriteString(regexp.QuoteMeta(literal))
		if i < len(names) {
			expression.WriteString("(.+)")
		}
	}
	found := regexp.MustCompile("(?s)^" + expression.String() + "$").FindStringSubmatch(got)
	if found == nil {
		want, err := v.expand(capture.ReplaceAllString(pattern, "…"))
		if err != nil {
			return err
		}
		return fmt.Errorf("want %q, got %q", want, got)
	}
	for i, name := range names {
		v[name[1]] = found[i+1]
	}
	return nil
}

// match compares JSON with a pattern. Errors begin with the path of what is
// different.
func (v variables) match(path string, pattern, got any) error {
	switch pattern := pattern.(type) {
	case string:
		if pattern == anything {
			return nil
		}
		text, ok := got.(string)
		if number, isNumber := got.(json.Number); isNumber && strings.Contains(pattern, "{{") {
			// A number can be called something, too.
			text, ok = number.String(), true
		}
		if !ok {
			return fmt.Errorf("%s: want the string %q, got %s", path, pattern, show(got))
		}
		if err := v.matchText(pattern, text); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: want an object, got %s", path, show(got))
		}
		return v.matchObject(path, pattern, object)
	case []any:
		list, ok := got.([]any)
		if !ok {
			return fmt.Errorf("%s: want an array, got %s", path, show(got))
		}
		return v.matchArray(path, pattern, list)
	default:
		if pattern != got {
			return fmt.Errorf("%s: want %s, got %s", path, show(pattern), show(got))
		}
		return nil
	}
}

func (v variables) matchObject(path string, pattern, got map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(pattern)) {
		below := path + "/" + name
		value, there := got[name]
		switch {
		case pattern[name] == absent && there:
			return fmt.Errorf("%s: want no such member, got %s", below, show(value))
		case pattern[name] == absent:
		case !there:
			return fmt.Errorf("%s: want %s, and there is no such member", below, show(pattern[name]))
		default:
			if err := v.match(below, pattern[name], value); err != nil {
				return err
			}
		}
	}
	return nil
}

// matchArray finds an element for each of the pattern, in any order.
func (v variables) matchArray(path string, pattern, got []any) error {
	rest := slices.DeleteFunc(slices.Clone(pattern), func(e any) bool { return e == more })
	if len(rest) == len(pattern) && len(rest) != len(got) {
		return fmt.Errorf("%s: want %d elements, got %d: %s", path, len(rest), len(got), show(got))
	}
	return v.assign(path, rest, got)
}

// assign tries the elements one after the other, and takes back what it learned
// of those that turn out to be somebody else's.
func (v variables) assign(path string, pattern, got []any) error {
	if len(pattern) == 0 {
		return nil
	}
	var reason error
	for i, e := range got {
		before := maps.Clone(v)
		err := v.match(path+"/"+strconv.Itoa(i), pattern[0], e)
		if err == nil {
			err = v.assign(path, pattern[1:], slices.Delete(slices.Clone(got), i, i+1))
		}
		if err == nil {
			return nil
		}
		if reason == nil || len(got) == 1 {
			reason = err
		}
		clear(v)
		maps.Copy(v, before)
	}
	if len(got) == 1 {
		return reason
	}
	return fmt.Errorf("%s: no element is %s, or another is that too; got %s", path, show(pattern[0]), show(got))
}

// show writes a value as JSON, short enough for a message.
func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return shorten(string(text))
}

func shorten(text string) string {
	const most = 1500
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
