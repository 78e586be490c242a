package server

import (
	"runtime"
	"strings"
	"testing"
)

// What decoded JSON is reckoned to take is no less than what it takes: it keeps
// bodies within the memory that there is for them.
func TestWeighIsNoLessThanTheMemory(t *testing.T) {
	const size = 1 << 20
	for _, unit := range []string{`{}`, `[]`, `[[]]`, `[[[[]]]]`, `0`, `""`, `null`, `{"":0}`, `{"":{"":{}}}`, `{"a":1,"b":2}`, `{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0}`} {
		body := []byte(`{"a":[` + unit + strings.Repeat(","+unit, size/len(unit)) + `]}`)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		object, err := decodeJSON(body)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		took, reckoned := int64(after.HeapAlloc)-int64(before.HeapAlloc), weigh(body)+int64(len(body))
		if took > reckoned {
			t.Errorf("%s takes %d bytes, and %d were reckoned", unit, took, reckoned)
		}
		runtime.KeepAlive(object)
		runtime.KeepAlive(body)
	}
	t.Run("texts weigh nothing beside themselves", func(t *testing.T) {
		if got, want := weigh([]byte(`{"a":":{[,\":{[,"}`)), weigh([]byte(`{"a":""}`)); got != want {
			t.Errorf("%d bytes, want %d", got, want)
		}
	})
}

func TestSharesAreGivenBack(t *testing.T) {
	s := newShares(4)
	for _, step := range []struct {
		who  string
		n    int64
		want bool
	}{{"a", 3, true}, {"a", 1, false}, {"b", 2, false}, {"b", 1, true}, {"c", 1, false}} {
		if got := s.take(step.who, step.n); got != step.want {
			t.Errorf("%s takes %d: %v, want %v", step.who, step.n, got, step.want)
		}
	}
	s.give("a", 3)
	s.give("b", 1)
	if !s.take("c", 3) || len(s.taken) != 1 {
		t.Errorf("what was given back is not there: %+v", s)
	}
}
