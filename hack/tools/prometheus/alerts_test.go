package prometheus

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// healthy is an installation of two replicas of which nobody needs to hear.
const healthy = `
  rollcall_scim_requests_in_flight{instance="a"} 1x3000
  rollcall_scim_requests_in_flight{instance="b"} 0x3000
  leader_election_master_status{instance="a",name="rollcall-manager"} 1x3000
  leader_election_master_status{instance="b",name="rollcall-manager"} 0x3000
  leader_election_master_status{instance="c",name="somebody-else"} 0x3000
  rollcall_identity_provider_last_contact_timestamp_seconds{provider="entra",type="Entra"} 0+60x3000
  rollcall_identity_provider_last_contact_timestamp_seconds{provider="okta",type="Okta"} 0x3000
  rollcall_scim_requests_total{provider="entra",method="GET",resource="Users",code="200"} 0+60x3000
  rollcall_scim_requests_total{provider="entra",method="GET",resource="Users",code="500"} 0+1x3000
  rollcall_scim_requests_total{provider="",method="GET",resource="",code="404"} 0+9x3000
  rollcall_scim_authentication_failures_total{provider="entra",reason="expired"} 5x3000
  rollcall_scim_errors_total{provider="entra",code="409",scim_type="uniqueness"} 5x3000
  rollcall_scim_errors_total{provider="entra",code="400",scim_type="invalidFilter"} 0+9x3000
  rollcall_scim_throttled_total{reason="rate"} 5x3000
  rollcall_scim_handovers_total{instance="b",result="answered"} 0+9x3000
  rollcall_scim_handovers_total{instance="b",result="failed"} 2x3000
  rollcall_scim_panics_total{instance="a"} 0x3000
  rollcall_provisioning_events_lost_total{instance="a"} 2x3000
  controller_runtime_reconcile_panics_total{instance="a",controller="accessrule"} 0x3000
  controller_runtime_webhook_panics_total{instance="a"} 0x3000
  controller_runtime_reconcile_panics_total{instance="of-another-operator",controller="accessrule"} 0+1x3000
  rollcall_scim_group_replaced_to_one_member_total{provider="entra"} 1x3000
  rollcall_projection_lag_seconds_bucket{le="1"} 0+60x3000
  rollcall_projection_lag_seconds_bucket{le="5"} 0+60x3000
  rollcall_projection_lag_seconds_bucket{le="30"} 0+60x3000
  rollcall_projection_lag_seconds_bucket{le="+Inf"} 0+60x3000
  rollcall_access_rules{reason="Reconciled"} 9x3000
  rollcall_access_rules{reason="RoleNotFound"} 1x3000
  rollcall_token_expiry_timestamp_seconds{provider="entra",token="t1"} 31536000x3000
  rollcall_certificate_expiry_timestamp_seconds{instance="a",certificate="webhook"} 31536000x3000
`

func TestNothingFiresWhenAllIsWell(t *testing.T) {
	all := readRules(t)
	// In the first hour, what was counted before it is new.
	for _, at := range []time.Duration{62 * time.Minute, 4 * time.Hour, 40 * time.Hour} {
		if firing := active(t, all, healthy, at); len(firing) > 0 {
			t.Errorf("after %s: %v", at, firing)
		}
	}
}

// Each alert, what makes it fire, when it does and no other does, and what it says.
// Series replace those of the same name and labels in healthy.
var alerts = []struct {
	key    string
	name   string
	series string
	// absent are the prefixes of series that are taken out.
	absent []string
	// quiet is when the alert does not fire yet, and at when it does.
	quiet, at time.Duration
	says      string
}{
	{key: "RollcallDown critical", name: "no replica is there", series: `rollcall_scim_requests_in_flight{instance="a"} 0x60 stale`,
		absent: []string{"rollcall_scim_requests_in_flight", "leader_election_master_status{instance=\"a\"", "leader_election_master_status{instance=\"b\""},
		quiet:  65 * time.Minute, at: 67 * time.Minute, says: "No replica"},
	{key: "RollcallNoLeader critical", name: "nobody leads", series: `leader_election_master_status{instance="a",name="rollcall-manager"} 1x60 0x200`,
		quiet: 65 * time.Minute, at: 67 * time.Minute, says: "leads"},
	{key: "RollcallNoContact warning", name: "Entra is silent",
		series: `rollcall_identity_provider_last_contact_timestamp_seconds{provider="entra",type="Entra"} 0+60x60 3600x300`,
		quiet:  149 * time.Minute, at: 152 * time.Minute, says: "entra has been silent"},
	{key: "RollcallUnauthorized warning", name: "a first refused token",
		series: `rollcall_scim_authentication_failures_total{provider="okta",reason="unknown"} _x100 1x300`, quiet: 99 * time.Minute, at: 101 * time.Minute, says: "okta"},
	{key: "RollcallUnauthorized warning", name: "another refused token",
		series: `rollcall_scim_authentication_failures_total{provider="entra",reason="expired"} 5x100 6x300`, quiet: 100 * time.Minute, at: 102 * time.Minute, says: "entra"},
	{key: "RollcallThrottled warning", name: "a limit holds", series: `rollcall_scim_throttled_total{reason="rate"} 5x100 6+9x300`,
		quiet: 115 * time.Minute, at: 118 * time.Minute, says: "limit rate"},
	{key: "RollcallTokenExpiring info", name: "a token ends in a month",
		series: `rollcall_token_expiry_timestamp_seconds{provider="entra",token="t1"} 2599200x3000`, quiet: 119 * time.Minute, at: 122 * time.Minute, says: "t1 of entra ends in 29d 23h"},
	{key: "RollcallTokenExpiring warning", name: "a token ends in a week",
		series: `rollcall_token_expiry_timestamp_seconds{provider="entra",token="t1"} 612000x3000`, quiet: 119 * time.Minute, at: 122 * time.Minute, says: "ends in 6d 23h"},
	{key: "RollcallTokenExpiring critical", name: "a token ends in a day",
		series: `rollcall_token_expiry_timestamp_seconds{provider="entra",token="t1"} 93600x3000`, quiet: 119 * time.Minute, at: 122 * time.Minute, says: "ends in 23h"},
	{key: "RollcallConflicts warning", name: "a name is taken", series: `rollcall_scim_errors_total{provider="entra",code="409",scim_type="uniqueness"} 5x100 6x300`,
		quiet: 100 * time.Minute, at: 102 * time.Minute, says: "entra"},
	{key: "RollcallUsersRefused warning", name: "a user without a name", series: `rollcall_users_refused{provider="entra"} _x60 3x300`,
		quiet: 69 * time.Minute, at: 72 * time.Minute, says: "3 active users of entra"},
	{key: "RollcallBindingsRefused warning", name: "a squatted binding", series: `rollcall_bindings_refused{source="rule"} _x60 2x300`,
		quiet: 69 * time.Minute, at: 72 * time.Minute, says: "2 bindings for a rule"},
	{key: "RollcallAccessRuleUnbacked info", name: "an author left", series: `rollcall_access_rules_unbacked _x60 1x300`,
		quiet: 119 * time.Minute, at: 122 * time.Minute, says: "1 access rules"},
	{key: "RollcallErrors warning", name: "the cluster fails", series: `rollcall_scim_requests_total{provider="entra",method="GET",resource="Users",code="500"} 0+1x60 60+30x300`,
		quiet: 69 * time.Minute, at: 85 * time.Minute, says: "entra"},
	{key: "RollcallHandoversFail warning", name: "the leader can't be reached", series: `rollcall_scim_handovers_total{instance="b",result="failed"} 2x60 2+1x300`,
		quiet: 69 * time.Minute, at: 75 * time.Minute, says: "can't hand"},
	{key: "RollcallProjectionLag warning", name: "bindings are late",
		series: `rollcall_projection_lag_seconds_bucket{le="30"} 0+60x60 3600+66x300
  rollcall_projection_lag_seconds_bucket{le="+Inf"} 0+60x60 3600+66x300`, quiet: 69 * time.Minute, at: 80 * time.Minute, says: "five seconds"},
	{key: "RollcallProjectionStuck critical", name: "bindings never come", series: `rollcall_access_rules{reason="Projecting"} _x60 1x300`,
		quiet: 69 * time.Minute, at: 72 * time.Minute, says: "1 access rules"},
	{key: "RollcallGroupReplacedToOneMember warning", name: "a group shrank", series: `rollcall_scim_group_replaced_to_one_member_total{provider="entra"} 1x100 2x300`,
		quiet: 100 * time.Minute, at: 102 * time.Minute, says: "entra"},
	{key: "RollcallPanic warning", name: "a request panicked", series: `rollcall_scim_panics_total{instance="a"} 0x100 1x300`,
		quiet: 100 * time.Minute, at: 102 * time.Minute, says: "panicked"},
	{key: "RollcallPanic warning", name: "a reconcile panicked", series: `controller_runtime_reconcile_panics_total{instance="a",controller="accessrule"} 0x100 1x300`,
		quiet: 100 * time.Minute, at: 102 * time.Minute, says: "panicked"},
	{key: "RollcallPanic warning", name: "a webhook panicked", series: `controller_runtime_webhook_panics_total{instance="a"} 0x100 1x300`,
		quiet: 100 * time.Minute, at: 102 * time.Minute, says: "panicked"},
	{key: "RollcallProvisioningEventsLost warning", name: "an event was lost", series: `rollcall_provisioning_events_lost_total{instance="a"} 2x100 3x300`,
		quiet: 100 * time.Minute, at: 102 * time.Minute, says: "provisioning log"},
	{key: "RollcallCertificateExpiring critical", name: "a certificate was not renewed",
		series: `rollcall_certificate_expiry_timestamp_seconds{instance="a",certificate="webhook"} 608400x3000`, quiet: 69 * time.Minute, at: 72 * time.Minute, says: "webhook ends in 6d 23h"},
}

func TestAlertsFire(t *testing.T) {
	all := readRules(t)
	fired := map[string]bool{}
	for _, tt := range alerts {
		fired[tt.key] = true
		t.Run(tt.name, func(t *testing.T) {
			series := with(healthy, tt.series, tt.absent)
			if already := active(t, all, series, tt.quiet)[tt.key]; len(already) > 0 {
				t.Errorf("fires already at %s: %v", tt.quiet, already)
			}
			firing := active(t, all, series, tt.at)
			if keys := slices.Sorted(maps.Keys(firing)); !slices.Equal(keys, []string{tt.key}) {
				t.Fatalf("at %s these fire: %v", tt.at, keys)
			}
			if says := firing[tt.key]; len(says) != 1 || !strings.Contains(says[0], tt.says) {
				t.Errorf("it says %q, want one with %q", says, tt.says)
			}
		})
	}
	for _, r := range all {
		if !fired[r.key()] {
			t.Errorf("nobody has seen %s fire", r.key())
		}
	}
}

// with replaces series by those of the same name and labels, takes some out and adds
// the rest.
func with(series, changed string, absent []string) string {
	replaced := map[string]bool{}
	for line := range strings.Lines(changed) {
		replaced[nameOf(line)] = true
	}
	var kept strings.Builder
	for line := range strings.Lines(series) {
		gone := slices.ContainsFunc(absent, func(prefix string) bool { return strings.HasPrefix(strings.TrimSpace(line), prefix) })
		if !replaced[nameOf(line)] && !gone && strings.TrimSpace(line) != "" {
			kept.WriteString(line)
		}
	}
	return kept.String() + "  " + changed + "\n"
}

// nameOf is a series' name with its labels.
func nameOf(line string) string {
	line = strings.TrimSpace(line)
	if i := strings.LastIndexByte(line, '}'); i >= 0 {
		return line[:i+1]
	}
	name, _, _ := strings.Cut(line, " ")
	return name
}
