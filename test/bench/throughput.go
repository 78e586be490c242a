package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/entra"
)

// side does one kind of request against one of the two.
type side func(ctx context.Context, round int) (sample, error)

// throughput measures each kind of request raw and through SCIM, in turns.
func (b *bench) throughput(ctx context.Context) (*table, error) {
	t := &table{}
	var settled []sample
	measurements := []struct {
		name      string
		raw, scim side
	}{
		{"create", b.rawCreate, func(ctx context.Context, round int) (sample, error) {
			begin := time.Now()
			s, err := b.scimCreate(ctx, round)
			if err != nil {
				return s, err
			}
			end, err := b.watch.settled(ctx)
			settled = append(settled, sample{rate: float64(len(s.times)) / end.Sub(begin).Seconds()})
			return s, err
		}},
		{"lookup by userName", b.rawLookup, b.scimLookup},
	}
	for _, g := range b.groups {
		measurements = append(measurements, struct {
			name      string
			raw, scim side
		}{
			fmt.Sprintf("one-member PATCH, group of %d", g.size),
			b.rawPatch,
			func(ctx context.Context, _ int) (sample, error) { return b.scimPatch(ctx, g) },
		})
	}
	for _, m := range measurements {
		r := row{name: m.name}
		for round := range b.rounds {
			for _, half := range []struct {
				side side
				to   *[]sample
			}{{m.raw, &r.raw}, {m.scim, &r.scim}} {
				if err := b.watch.quiet(ctx); err != nil {
					return nil, err
				}
				s, err := half.side(ctx, round)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", m.name, err)
				}
				*half.to = append(*half.to, s)
			}
		}
		t.rows = append(t.rows, r)
		if m.name == "create" {
			t.rows = append(t.rows, row{name: "create, until its status is written", raw: r.raw, scim: settled})
		}
	}
	return t, nil
}

func alias(round, client, call int) string { return fmt.Sprintf("r%d-c%02d-%06d", round, client, call) }

func (b *bench) rawCreate(ctx context.Context, round int) (sample, error) {
	return b.load(ctx, func(ctx context.Context, client, call int) error {
		return b.twins.Create(ctx, newUser(alias(round, client, call), provider))
	})
}

func (b *bench) scimCreate(ctx context.Context, round int) (sample, error) {
	return b.load(ctx, func(ctx context.Context, client, call int) error {
		name := alias(round, client, call)
		body, err := json.Marshal(map[string]any{
			"schemas":    []string{"urn:ietf:params:scim:schemas:core:2.0:User"},
			"userName":   name + "@bench.example.com",
			"externalId": name,
			"active":     true,
			"name":       map[string]string{"formatted": "Bench " + name, "givenName": "Bench", "familyName": name},
		})
		if err != nil {
			return err
		}
		return b.scim.Send(ctx, http.MethodPost, "/Users", body).Want(http.StatusCreated)
	})
}

func (b *bench) rawLookup(ctx context.Context, _ int) (sample, error) {
	return b.load(ctx, func(ctx context.Context, c, call int) error {
		name := fmt.Sprintf("searched%d-%04d--bench.example.com", c%searchers, call%searched)
		return b.raw.Get(ctx, client.ObjectKey{Name: name}, &v1alpha1.ProvisionedUser{})
	})
}

func (b *bench) scimLookup(ctx context.Context, _ int) (sample, error) {
	return b.load(ctx, func(ctx context.Context, c, call int) error {
		s := b.searchers[c%searchers]
		filter := fmt.Sprintf("userName eq %q", s.userNames[call%searched])
		return s.scim.Send(ctx, http.MethodGet, "/Users?filter="+url.QueryEscape(filter), nil).Want(http.StatusOK)
	})
}

// rawPatch writes the membership as the directory does, to twins of the first
// raw round, each client to its own.
func (b *bench) rawPatch(ctx context.Context, _ int) (sample, error) {
	return b.load(ctx, func(ctx context.Context, c, call int) error {
		membership := "{}"
		if call/spread%2 == 1 {
			membership = "null"
		}
		u := &v1alpha1.ProvisionedUser{}
		u.Name = alias(0, c, call%spread) + "--bench.example.com"
		patch := fmt.Appendf(nil, `{"spec":{"memberships":{%q:%s}}}`, b.groups[0].id, membership)
		return b.twins.Patch(ctx, u, client.RawPatch("application/merge-patch+json", patch))
	})
}

// spread is how many people each client adds to a group and removes again. All
// are outside the group before, so that its size stays.
const spread = 20

func (b *bench) scimPatch(ctx context.Context, g group) (sample, error) {
	ids, err := b.outsiders(ctx)
	if err != nil {
		return sample{}, err
	}
	return b.load(ctx, func(ctx context.Context, c, call int) error {
		operation := `{"op":"Add","path":"members","value":[{"$ref":null,"value":%q}]}`
		if call/spread%2 == 1 {
			operation = `{"op":"Remove","path":"members","value":[{"$ref":null,"value":%q}]}`
		}
		return b.patch(ctx, "/Groups/"+g.id, operation, ids[c*spread+call%spread]).Want(http.StatusNoContent)
	})
}

// outsiders are users of the first SCIM round, who are in no group.
func (b *bench) outsiders(ctx context.Context) ([]string, error) {
	if b.outside != nil {
		return b.outside, nil
	}
	ids := make([]string, b.clients*spread)
	err := each(ctx, b.clients, len(ids), func(ctx context.Context, i int) error {
		name := alias(0, i/spread, i%spread) + "@bench.example.com"
		x := b.scim.Send(ctx, http.MethodGet, "/Users?filter="+url.QueryEscape(fmt.Sprintf("userName eq %q", name)), nil)
		var found struct{ Resources []struct{ ID string } }
		if err := errors.Join(x.Want(http.StatusOK), json.Unmarshal(x.Response, &found)); err != nil {
			return fmt.Errorf("looking for %s: %w", name, err)
		}
		if len(found.Resources) != 1 {
			return fmt.Errorf("%d users are called %s: the rounds are too short for this machine", len(found.Resources), name)
		}
		ids[i] = found.Resources[0].ID
		return nil
	})
	b.outside = ids
	return ids, err
}

func (b *bench) patch(ctx context.Context, target, operation string, args ...any) entra.Exchange {
	body := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + fmt.Sprintf(operation, args...) + `]}`
	return b.scim.Send(ctx, http.MethodPatch, target, []byte(body))
}
