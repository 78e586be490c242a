package entra

import (
	_ "embed"
	"fmt"
	"os"
	"time"

	"sigs.k8s.io/yaml"
)

// file is the YAML form of a tenant.
type file struct {
	// Domain completes names without an @.
	Domain string       `json:"domain"`
	People []filePerson `json:"people"`
	Groups []fileGroup  `json:"groups"`
	// Assigned are the people and groups assigned to the application.
	Assigned []string `json:"assigned"`
}

type filePerson struct {
	UPN        string `json:"upn"`
	GivenName  string `json:"givenName"`
	Surname    string `json:"surname"`
	Title      string `json:"title"`
	Department string `json:"department"`
	EmployeeID string `json:"employeeId"`
	Manager    string `json:"manager"`
	Disabled   bool   `json:"disabled"`
}

type fileGroup struct {
	Name    string   `json:"name"`
	Members []string `json:"members"`
}

//go:embed testdata/contoso.yaml
var contoso []byte

// Contoso returns a company of some forty people.
func Contoso(now func() time.Time) (*Tenant, error) { return Parse(contoso, now) }

// Load reads a tenant from a YAML file.
func Load(path string, now func() time.Time) (*Tenant, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("entra: %w", err)
	}
	return Parse(text, now)
}

// Parse reads a tenant from YAML.
func Parse(text []byte, now func() time.Time) (*Tenant, error) {
	var f file
	if err := yaml.UnmarshalStrict(text, &f); err != nil {
		return nil, fmt.Errorf("entra: reading the tenant: %w", err)
	}
	full := func(name string) string {
		for _, p := range f.People {
			if p.UPN == name {
				return name + "@" + f.Domain
			}
		}
		return name
	}
	t := NewTenant(now)
	for _, p := range f.People {
		upn := full(p.UPN)
		if _, err := t.AddPerson(Person{
			UserPrincipalName: upn,
			Mail:              upn,
			GivenName:         p.GivenName,
			Surname:           p.Surname,
			JobTitle:          p.Title,
			Department:        p.Department,
			EmployeeID:        p.EmployeeID,
			Disabled:          p.Disabled,
		}); err != nil {
			return nil, err
		}
	}
	// Managers and groups may name what comes later in the file.
	for _, p := range f.People {
		if p.Manager == "" {
			continue
		}
		if err := t.SetManager(full(p.UPN), full(p.Manager)); err != nil {
			return nil, err
		}
	}
	for _, g := range f.Groups {
		if err := t.AddGroup(g.Name); err != nil {
			return nil, err
		}
	}
	for _, g := range f.Groups {
		for _, m := range g.Members {
			if err := t.AddMembers(g.Name, full(m)); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range f.Assigned {
		if err := t.Assign(full(name)); err != nil {
			return nil, err
		}
	}
	return t, nil
}
