package projection

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

const (
	// maxReadable bounds the part of a binding's name that is taken from the
	// rule's: with hash and shard it stays within the 253 of an object name.
	maxReadable = 220
	// maxLabel is the length limit of a label value.
	maxLabel = 63
	// hashLength is in hexadecimal digits: 48 bits.
	hashLength = 12
)

// RoleRef is what the bindings of a rule refer to.
func RoleRef(rule *v1alpha1.AccessRule) rbacv1.RoleRef {
	kind := rule.Spec.RoleRef.Kind
	if kind == "" {
		kind = v1alpha1.ClusterRoleKind
	}
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: string(kind), Name: rule.Spec.RoleRef.Name}
}

// Name is the name of one shard: RULE-HASH-SHARD. The hash tells long names
// apart, and covers the roleRef because that of a binding can't be changed: a
// rule that is pointed elsewhere gets new bindings.
func Name(rule *v1alpha1.AccessRule, shard int) string {
	return family(rule) + strconv.Itoa(shard)
}

func family(rule *v1alpha1.AccessRule) string {
	ref := RoleRef(rule)
	return trim(rule.Name, maxReadable) + "-" + hash(rule.Name, ref.Kind, ref.Name) + "-"
}

// shardOf is the inverse of Name for the rule whose family is given.
func shardOf(family, name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, family)
	if !ok {
		return 0, false
	}
	shard, err := strconv.Atoi(digits)
	if err != nil || shard < 0 || strconv.Itoa(shard) != digits {
		return 0, false
	}
	return shard, true
}

// labels of a binding of ours. A rule's name that is too long for a label value
// is cut there, and stands in full in the annotation of the same key.
func labels(rule *v1alpha1.AccessRule, shard int) map[string]string {
	return map[string]string{
		v1alpha1.ManagedByLabel:  v1alpha1.ManagedByValue,
		v1alpha1.AccessRuleLabel: LabelValue(rule.Name),
		v1alpha1.ShardLabel:      strconv.Itoa(shard),
	}
}

// LabelValue is the value of AccessRuleLabel for a rule of that name.
func LabelValue(rule string) string {
	if len(rule) <= maxLabel {
		return rule
	}
	return trim(rule, maxLabel-1-hashLength) + "-" + hash(rule)
}

func annotations(rule *v1alpha1.AccessRule) map[string]string {
	if len(rule.Name) <= maxLabel {
		return nil
	}
	return map[string]string{v1alpha1.AccessRuleLabel: rule.Name}
}

func owner(rule *v1alpha1.AccessRule) metav1.OwnerReference {
	return *metav1.NewControllerRef(rule, v1alpha1.GroupVersion.WithKind("AccessRule"))
}

// RuleOf returns the name of the rule that a binding projects, and whether the
// binding is ours at all.
func RuleOf(b metav1.Object) (rule string, ours bool) {
	if b.GetLabels()[v1alpha1.ManagedByLabel] != v1alpha1.ManagedByValue {
		return "", false
	}
	if full := b.GetAnnotations()[v1alpha1.AccessRuleLabel]; full != "" {
		return full, true
	}
	rule = b.GetLabels()[v1alpha1.AccessRuleLabel]
	return rule, rule != ""
}

// Ours says whether a binding belongs to the rule: by its labels, or, when
// somebody took those off, by its controller.
func Ours(b metav1.Object, rule *v1alpha1.AccessRule) bool {
	if name, ok := RuleOf(b); ok {
		return name == rule.Name
	}
	return rule.UID != "" && metav1.IsControlledBy(b, rule)
}

// trim cuts s to at most n bytes, and so that it can stand before a dash.
func trim(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.TrimRight(s, "-.")
}

func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])[:hashLength]
}
