package server

import (
	"fmt"
	"math"
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	start := time.Unix(1700000000, 0)

	t.Run("what waits doesn't count", func(t *testing.T) {
		b := newBuckets(1, 2)
		for i, want := range []time.Duration{0, 0, time.Second, time.Second, time.Second} {
			if got := b.take("a", start); got != want {
				t.Errorf("take %d waits %v: want %v", i, got, want)
			}
		}
		if got := b.take("a", start.Add(time.Second)); got != 0 {
			t.Errorf("a second later it waits %v: want 0", got)
		}
	})

	t.Run("the largest rate is no limit", func(t *testing.T) {
		b := newBuckets(math.MaxFloat64, 1)
		for range 1000 {
			if got := b.take("a", start); got != 0 {
				t.Fatalf("waits %v: want 0", got)
			}
		}
	})

	t.Run("memory is bounded", func(t *testing.T) {
		b := newBuckets(1, 2)
		for i := range 3 * maxTracked {
			b.take(fmt.Sprint(i), start)
		}
		if n := len(b.byKey); n != maxTracked {
			t.Fatalf("%d buckets: want %d", n, maxTracked)
		}
		if got := b.take("one more", start); got == 0 {
			t.Error("keys without a bucket of their own aren't limited")
		}
		if got := b.take("0", start); got != 0 {
			t.Errorf("a key with a bucket waits %v for others", got)
		}
		b.take("later", start.Add(time.Minute))
		if n := len(b.byKey); n != 1 {
			t.Errorf("%d buckets after all were full again: want 1", n)
		}
	})
}

func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":[1,2.5e3,true,null,"x\u00e9"]}`, `{"a":1,"a":2}`, `[1]`, `{"a":`, "{\"a\":\"\xff\"}", `{} {}`, "\ufeff{}", `{"a":[[[[]]]]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		object, err := decodeJSON(data)
		if (object == nil) == (err == nil) {
			t.Fatalf("object %v and error %v", object, err)
		}
		if err != nil && asError(err, "").Status != 400 {
			t.Fatalf("error %v is no 400", err)
		}
	})
}
