package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// days is a duration as a flag that may be said in days too, as people say when a
// token or a grant shall end: 45m, 8h, 90d.
type days time.Duration

// Set reads a flag's value.
func (d *days) Set(s string) error {
	if number, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || n > math.MaxInt64/uint64(24*time.Hour) {
			return errors.New("want whole days, such as 90d")
		}
		*d = days(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	parsed, err := time.ParseDuration(s)
	if err != nil {
		return errors.New("want a duration such as 45m, 8h or 90d")
	}
	*d = days(parsed)
	return nil
}

// String is how the flag's default is shown.
func (d *days) String() string {
	if *d == 0 {
		return "0" // No unit: help shows no default then.
	}
	if v := time.Duration(*d); v > 0 && v%(24*time.Hour) == 0 {
		return strconv.Itoa(int(v/(24*time.Hour))) + "d"
	}
	return time.Duration(*d).String()
}

// Type is what help calls the value.
func (d *days) Type() string { return "duration" }
