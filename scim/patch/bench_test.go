package patch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
)

// What one value costs must not depend on how many there are: read the ns/value
// of one benchmark from size to size.

func benchmarkUser(b *testing.B, user, operations string, n int) {
	b.Helper()
	u := scim.Resource(object(b, user))
	body := object(b, `{"Operations":[`+operations+`]}`)
	b.ReportAllocs()
	for b.Loop() {
		req, err := Parse(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ApplyUser(u, req); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/value")
}

// each writes one per number from 0, with commas between them.
func each(n int, one string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = strings.ReplaceAll(one, "#", fmt.Sprint(i))
	}
	return strings.Join(list, ",")
}

var sizes = []int{10, 100, 1000}

func BenchmarkApplyUser(b *testing.B) {
	b.Run("Entra's update", func(b *testing.B) {
		benchmarkUser(b, alice, `{"op":"Replace","path":"displayName","value":"Bjfe"},{"op":"Replace","path":"emails[type eq \"work\"].value","value":"n@x"},
			{"op":"Replace","path":"name.givenName","value":"Kkom"},{"op":"Add","path":"`+e+`:department","value":"Aklq"},{"op":"Replace","path":"active","value":"False"}`, 5)
	})
	b.Run("without path", func(b *testing.B) {
		benchmarkUser(b, alice, `{"op":"replace","value":{"displayName":"Bjfe","name.givenName":"Kkom","name.familyName":"Unua","`+e+`:department":"Aklq","active":false}}`, 5)
	})
	for _, n := range sizes {
		full := `{"userName":"a","emails":[` + each(n, `{"value":"#@x","type":"work"}`) + `]}`
		for _, bc := range []struct{ name, user, operations string }{
			{"changes of one address", alice, each(n, `{"op":"Add","path":"addresses[type eq \"work\"].locality","value":"L#"}`)},
			{"adds of one value", `{"userName":"a"}`, each(n, `{"op":"add","path":"emails","value":[{"value":"#@x","type":"work"}]}`)},
			{"one add of all values", `{"userName":"a"}`, `{"op":"add","path":"emails","value":[` + each(n, `{"value":"#@x","type":"work"}`) + `]}`},
			{"changes of one value each", full, each(n, `{"op":"replace","path":"emails[value eq \"#@x\"].display","value":"D#"}`)},
			{"changes of primary", full, each(n, `{"op":"replace","path":"emails[value eq \"#@x\"].primary","value":true}`)},
			{"removes of one value each", full, each(n, `{"op":"remove","path":"emails[value eq \"#@x\"]"}`)},
			{"removes by a list of one", full, each(n, `{"op":"Remove","path":"emails","value":[{"value":"#@x"}]}`)},
			{"whole extensions of other spelling", `{"userName":"a","urn:x:1.0:User":{` + each(200, `"abc#":1`) + `}}`, each(n, `{"op":"add","path":"urn:x:1.0:User","value":{`+each(200, `"ABC#":2`)+`}}`)},
			{"adds to an extension without a definition", `{"userName":"a"}`, each(n, `{"op":"add","path":"urn:x:1.0:User:list","value":["#"]}`)},
		} {
			b.Run(fmt.Sprintf("%s/%d", bc.name, n), func(b *testing.B) { benchmarkUser(b, bc.user, bc.operations, n) })
		}
	}
}

func BenchmarkApplyGroup(b *testing.B) {
	const member = `{"value":"7f4bc1a3-285e-48ae-8202-5accb43#"}`
	for _, n := range []int{1, 100, MaxValues} {
		list := `{"op":"$","path":"members","value":[` + each(n, member) + `]}`
		benchmarks := map[string]string{"Add": list, "Remove": list}
		if n <= MaxOperations {
			benchmarks["adds of one member"] = each(n, `{"op":"Add","path":"members","value":[`+member+`]}`)
			benchmarks["removes of one member"] = each(n, `{"op":"remove","path":"members[value eq \"7f4bc1a3-285e-48ae-8202-5accb43#\"]"}`)
		}
		for name, operations := range benchmarks {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				group := scim.Resource(object(b, engineers))
				body := object(b, `{"Operations":[`+strings.ReplaceAll(operations, "$", name)+`]}`)
				b.ReportAllocs()
				for b.Loop() {
					req, err := Parse(body)
					if err != nil {
						b.Fatal(err)
					}
					if _, change, err := ApplyGroup(group, nil, req); err != nil || len(change.Add)+len(change.Remove) != n {
						b.Fatal(change, err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/value")
			})
		}
	}
}

// What an attacker would send: the filters of a request are asked of no more
// than maxReading, so that this takes a bounded time.
func BenchmarkRefused(b *testing.B) {
	wide := strings.Repeat(`display co \"x\" or type pr and `, 100) + "value pr"
	for name, bc := range map[string]struct{ value, path string }{
		"many values":     {each(1000, `{"value":"#@x","type":"work"}`), `emails[type sw \"w\"].display`},
		"wide filters":    {each(1000, `{"value":"#@x","type":"work"}`), `emails[` + wide + `].display`},
		"one long value":  {`{"value":"` + strings.Repeat("x", 1<<20) + `"}`, `emails[value co \"q\"].display`},
		"one folded long": {`{"value":"` + strings.Repeat("Ä", 1<<19) + `"}`, `emails[value co \"q\"].display`},
	} {
		b.Run(name, func(b *testing.B) {
			req := request(b, `{"op":"add","path":"emails","value":[`+bc.value+`]},`+each(MaxOperations-1, `{"op":"remove","path":"`+bc.path+`"}`))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ApplyUser(scim.Resource{"userName": "a"}, req); scim.AsError(err) == nil {
					b.Fatal("not refused")
				}
			}
		})
	}
}
