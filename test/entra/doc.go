// Package entra behaves like the provisioning service of Microsoft Entra ID
// towards a SCIM server. Tests, the demo and the benchmark drive Rollcall with it.
//
// A Tenant is the directory as its administrators see it: people, groups, and
// who is assigned to the enterprise application. A Job is the provisioning
// service: each Cycle compares the tenant with what the job believes the
// application has, and sends the difference, users first, then groups, then
// references. What failed is tried again in the next cycle.
//
// The numbers after "fact" refer to docs/reference/client-facts.md, which says
// where each peculiarity was seen.
package entra
