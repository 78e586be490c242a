package audit

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// fieldNames are the JSON names of a struct and of those in it.
func fieldNames(t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return fieldNames(t.Elem())
	case reflect.Struct:
	default:
		return nil
	}
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(append(names, name), fieldNames(t.Field(i).Type)...)
	}
	return names
}

func TestThePageExplainsEachField(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/reference/provisioning-log.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## Fields")
	table, _, _ = strings.Cut(table, "\n## ")
	names := fieldNames(reflect.TypeFor[Event]())
	if len(names) < 30 {
		t.Fatalf("%d fields", len(names))
	}
	for _, name := range names {
		if !regexp.MustCompile("`[^`]*\\b" + name + "\\b[^`]*`").MatchString(table) {
			t.Errorf("the page does not explain %s", name)
		}
	}
}
