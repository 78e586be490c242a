package entra

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Size says how large a generated tenant is.
type Size struct {
	// People and Groups are how many there are.
	People, Groups int
	// GroupsPerPerson is how many groups each person is in.
	GroupsPerPerson int
	// Seed chooses one of the tenants of this size.
	Seed uint64
	// Prefix begins the name of each group.
	Prefix string
	// Domain is the part of the names after the @; example.com when empty.
	Domain string
}

var (
	givenNames = []string{"Amélie", "Björn", "Chiara", "Dafydd", "Eoin", "Fatima", "Göran", "Hana", "Ívar", "Jürgen", "Kamala", "Łukasz", "Marta", "Nguyễn", "Óscar", "Priya", "Quentin", "Rosa", "Søren", "Tomáš", "Ursula", "Věra", "Wanjiru", "Xiomara", "Yusuf", "Zoë"}
	surnames   = []string{"O'Brien", "Müller", "Nowak", "García", "D'Angelo", "Svensson", "Okafor", "Haddad", "Şahin", "Ó Súilleabháin", "van der Berg", "Çelik", "Horváth", "Kowalczyk", "Lindqvist", "Mbeki", "Novák", "Papadopoulos", "Räikkönen", "Singh", "Tanaka", "Unwin", "Varga", "Weiß"}
	teams      = []string{"Platform", "Payments", "Search", "Data", "Mobile", "Security", "Billing", "Growth"}
)

// Generate makes a tenant of the given size in which every group is assigned.
// The same Size makes the same tenant.
func Generate(s Size, now func() time.Time) *Tenant {
	random := rand.New(rand.NewPCG(s.Seed, 1)) // a repeatable company
	if s.Domain == "" {
		s.Domain = "example.com"
	}
	t := NewTenant(now)
	groups := make([]*Group, s.Groups)
	for i := range groups {
		name := fmt.Sprintf("%s%s %04d", s.Prefix, teams[i%len(teams)], i)
		g := &Group{ObjectID: t.objectID(name), DisplayName: name, Members: map[string]bool{}}
		groups[i] = g
		t.groups[g.ObjectID] = g
		t.assigned[g.ObjectID] = true
	}
	// Names are unique by construction: AddPerson would look for each among all.
	for i := range s.People {
		given, surname := givenNames[random.IntN(len(givenNames))], surnames[random.IntN(len(surnames))]
		alias := fmt.Sprintf("user%06d", i)
		p := &Person{
			ObjectID:          t.objectID(alias),
			UserPrincipalName: alias + "@" + s.Domain,
			MailNickname:      alias,
			Mail:              alias + "@" + s.Domain,
			GivenName:         given,
			Surname:           surname,
			DisplayName:       given + " " + surname,
			Department:        teams[random.IntN(len(teams))],
			EmployeeID:        fmt.Sprintf("E%06d", i),
		}
		t.people[p.ObjectID] = p
		t.assigned[p.ObjectID] = true
		for range min(s.GroupsPerPerson, len(groups)) {
			groups[random.IntN(len(groups))].Members[p.ObjectID] = true
		}
	}
	return t
}
