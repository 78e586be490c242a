package order

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/scim/schema"
)

// item is a resource by what its place follows from.
type item struct {
	title   string
	created int64
	id      string
}

func (i item) key() Key {
	return Key{Missing: i.title == "", Value: strings.ToLower(i.title), Created: i.created, ID: i.id}
}

// genItems makes items that are alike in everything but the id.
func genItems(ids string) *rapid.Generator[[]item] {
	return rapid.Custom(func(t *rapid.T) []item {
		var items []item
		for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom(strings.Split(ids, "")), 0, len(ids), rapid.ID).Draw(t, "ids") {
			items = append(items, item{
				title:   rapid.SampledFrom([]string{"", "a", "A", "b", "c"}).Draw(t, "title"),
				created: rapid.Int64Range(1, 3).Draw(t, "created"),
				id:      id,
			})
		}
		return items
	})
}

func genOrder(t *rapid.T, tb testing.TB) Order {
	return rapid.SampledFrom([]Order{{}, by(tb, schema.User, "title", false), by(tb, schema.User, "title", true)}).Draw(t, "order")
}

// sorted is the order as RFC 7644 section 3.4.2.3 words it.
func sorted(o Order, items []item) []item {
	s := slices.Clone(items)
	slices.SortFunc(s, func(a, b item) int {
		if !o.ByCreation() {
			x, y := strings.ToLower(a.title), strings.ToLower(b.title)
			if o.descending {
				x, y = y, x
			}
			switch {
			case x == y:
			case x == "":
				return 1
			case y == "":
				return -1
			default:
				return strings.Compare(x, y)
			}
		}
		return cmp.Or(cmp.Compare(a.created, b.created), strings.Compare(a.id, b.id))
	})
	return s
}

// keyIn is Order.Key for an item.
func keyIn(o Order) func(item) Key {
	return func(i item) Key {
		if o.ByCreation() {
			i.title = ""
		}
		return i.key()
	}
}

func TestAWindowIsASliceOfTheSorted(tb *testing.T) {
	rapid.Check(tb, func(t *rapid.T) {
		o, items := genOrder(t, tb), genItems("abcdefgh").Draw(t, "items")
		w := Window{StartIndex: rapid.IntRange(1, 12).Draw(t, "start"), Count: rapid.IntRange(0, 12).Draw(t, "count")}
		all := sorted(o, items)
		start := min(w.StartIndex-1, len(all))
		end := min(start+w.Count, len(all))
		page, earlier, later := Cut(o, slices.Clone(items), keyIn(o), w)
		if !slices.Equal(page, all[start:end]) || earlier != (start > 0) || later != (end < len(all)) {
			t.Fatalf("%q %+v of %v is %v, %v, %v", o, w, all, page, earlier, later)
		}
	})
}

// Whoever goes from page to page finds each item that is there all the time, once
// and in order, whatever comes and goes between the pages.
func TestWalkingFindsWhatStays(tb *testing.T) {
	rapid.Check(tb, func(t *rapid.T) {
		o := genOrder(t, tb)
		stays := genItems("abcdefgh").Draw(t, "stays")
		count := rapid.IntRange(1, 4).Draw(t, "count")
		back := rapid.Bool().Draw(t, "back")
		w := Window{StartIndex: 1, Count: count}
		if back {
			// Behind everything.
			w = Window{Count: count, Before: &Key{Missing: !o.descending, Value: "~", Created: 9}}
			if o.descending {
				w.Before = &Key{Created: 9}
			}
		}
		var found []item
		for {
			items := slices.Concat(stays, genItems("ijklmnop").Draw(t, "comes and goes"))
			page, earlier, later := Cut(o, items, keyIn(o), w)
			if back {
				found = append(slices.Clone(page), found...)
			} else {
				found = append(found, page...)
			}
			if back && !earlier || !back && !later || len(page) == 0 {
				break
			}
			if back {
				first := keyIn(o)(page[0])
				w.Before = &first
			} else {
				last := keyIn(o)(page[len(page)-1])
				w.After = &last
			}
		}
		found = slices.DeleteFunc(found, func(i item) bool { return !slices.Contains(stays, i) })
		if want := sorted(o, stays); !slices.Equal(found, want) {
			t.Fatalf("%q: found %v, want %v", o, found, want)
		}
	})
}

func TestKeysTravel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := Key{Missing: rapid.Bool().Draw(t, "missing"), Created: rapid.Int64().Draw(t, "created"), ID: rapid.String().Draw(t, "id")}
		if !k.Missing {
			k.Value = string(rapid.SliceOfN(rapid.Byte(), 0, MaxValue).Draw(t, "value"))
		}
		b, err := k.AppendBinary([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		var again Key
		if err := again.UnmarshalBinary(b[len("before"):]); err != nil || again != k {
			t.Fatalf("%+v became %+v, %v", k, again, err)
		}
	})
}

func FuzzUnmarshalBinary(f *testing.F) {
	for _, k := range []Key{{}, {Missing: true, Created: -1, ID: "1"}, {Value: "bjensen", Created: 1 << 60, ID: "2819c223"}} {
		b, err := k.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		k := Key{ID: "untouched"}
		if k.UnmarshalBinary(b) != nil {
			if !reflect.DeepEqual(k, Key{ID: "untouched"}) {
				t.Fatalf("%x is no key, but gave %+v", b, k)
			}
			return
		}
		if len(k.Value) > MaxValue || k.Missing && k.Value != "" {
			t.Fatalf("%x gives %+v, which no resource has", b, k)
		}
		written, err := k.AppendBinary(nil)
		var again Key
		if err != nil || again.UnmarshalBinary(written) != nil || again != k {
			t.Fatalf("%+v became %+v, %v", k, again, err)
		}
	})
}
