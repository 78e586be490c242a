// Package scimtest helps to test what speaks or implements package scim: a
// Directory in memory, which is correct and simple, and TestDirectory, which
// every implementation of scim.Directory must pass.
package scimtest
