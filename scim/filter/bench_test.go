package filter

import (
	"fmt"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/schema"
)

const (
	byName   = `userName eq "User4999@example.com"`
	byMail   = `emails[type eq "work" and value co "4999@"]`
	compound = `active eq true and (title sw "Eng" or urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "Sales") and not (emails ew ".net") and meta.lastModified gt "2011-05-13T04:42:34Z"`
)

func BenchmarkParse(b *testing.B) {
	for name, in := range map[string]string{"userName": byName, "emails": byMail, "compound": compound} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseFor(schema.User, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	var users []map[string]any
	for i := range 10_000 {
		users = append(users, object(b, fmt.Sprintf(`{
			"id": "7f4bc1a3-285e-48ae-8202-5accb43%05[1]d", "userName": "User%[1]d@example.com", "active": true, "title": "Engineer",
			"name": {"givenName": "Given%[1]d", "familyName": "Family"},
			"emails": [{"type": "home", "value": "u%[1]d@example.org"}, {"type": "work", "value": "User%[1]d@Example.com", "primary": true}],
			"meta": {"created": "2025-01-23T04:56:22Z", "lastModified": "2026-05-13T04:42:34Z"},
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Research"}
		}`, i)))
	}
	for _, filter := range []struct{ name, text string }{{"userName", byName}, {"emails", byMail}, {"compound", compound}} {
		e, err := ParseFor(schema.User, filter.text)
		if err != nil {
			b.Fatal(err)
		}
		matches, err := Bind(e, schema.User)
		if err != nil {
			b.Fatal(err)
		}
		for _, n := range []int{100, 1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d users", filter.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					for _, u := range users[:n] {
						matches(u)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/user")
			})
		}
	}
}
